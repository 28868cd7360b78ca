#!/usr/bin/perl

# The sandbox module: who may call it, how it refuses, what it keeps, and
# that it has nothing but its models to go by.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64;
use Test::More;
use Time::HiRes qw/time/;

use Deskgate;
use Deskgate::SigV4;

my $t = Deskgate->new()->need('curl');

$t->{modules} = ['ngx_http_deskgate_sandbox_module.so'];

my $json = JSON::PP->new->utf8->canonical;
my %key = (access_key => 'AKIDSANDBOX', secret_key => 'a-secret-of-the-tests');
my %session = (access_key => 'ASIASANDBOX',
    secret_key => 'another-secret-of-them', session_token => 'its-own-token');

$t->secret($_) for $key{secret_key}, $session{secret_key};

$t->write_file('keys.json', $json->encode({ version => 1, keys => [
    { access_key_id => $key{access_key},
      secret_access_key => $key{secret_key},
      principal => 'arn:aws:iam::111122223333:user/tests' },
    { access_key_id => $session{access_key},
      secret_access_key => $session{secret_key},
      session_token => $session{session_token},
      principal => 'arn:aws:iam::111122223333:user/tests' },
]}));

$t->write_file('client.secret', $t->secret('secret-of-the-broker'));

models();

my $conf = <<'EOF_CONF';

%%TEST_GLOBALS%%

worker_processes  2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    deskgate_sandbox_zone    sandbox:8m;
    deskgate_sandbox_models  models;
    deskgate_sandbox_keys    keys.json;

    client_max_body_size     4m;
    client_body_buffer_size  1k;

    server {
        listen  127.0.0.1:8080;
        listen  127.0.0.1:8081 http2;

        location / {
            deskgate_sandbox  workspaces;
        }
    }

    server {
        listen  127.0.0.1:8082;

        location / {
            deskgate_sandbox  workspaces-instances;
        }
    }

    server {
        listen  127.0.0.1:8084;

        location / {
            deskgate_sandbox         workspaces;
            deskgate_sandbox         workspaces-instances;
            deskgate_sandbox         ssm-guiconnect;
            deskgate_sandbox         dcv-session-manager;
            deskgate_sandbox_client  gateway client.secret;
        }
    }

    server {
        listen  127.0.0.1:8083;

        location / {
            deskgate_sandbox  workspaces region=eu-west-1;
        }
    }
}

EOF_CONF

$t->write_file_expand('nginx.conf', $conf);
$t->run();

identity();
clients();
together();
validation();
provoking();
driven();
cbor();
keeping();
configuration();

$t->finish();


# Copies of the models, changed in a few members: what the sandbox says must
# follow.
sub models {
    mkdir $t->testdir . '/models';

    foreach my $path (glob $t->root . '/src/models/*.json') {
        my ($name) = $path =~ m{([^/]+)$};
        my $text = $t->read_file($path);

        if ($name eq 'workspaces.json') {
            my $model = $json->decode($text);
            my $shapes = $model->{shapes};

            $shapes->{Colour} = { type => 'string',
                enum => ['red', 'green'] };
            $shapes->{$_}{members}{Colour} = { shape => 'Colour' }
                for qw/WorkspaceRequest Workspace/;

            # an attribute of the answer goes by another name
            $shapes->{WorkspaceBundle}{members}{Label}
                = delete $shapes->{WorkspaceBundle}{members}{Name};
            $shapes->{ResourceNotFoundException}{error}{httpStatusCode} = 404;
            $text = $json->encode($model);
        }

        $t->write_file("models/$name", $text);
    }
}


sub ask {
    my ($operation, $input, %q) = @_;

    my %request = (method => 'POST', target => '/',
        body => ref $input ? $json->encode($input) : $input);

    my %signer = (%key, region => 'us-east-1', service => 'workspaces',
        headers => [['Host', 'workspaces.us-east-1.amazonaws.com'],
            ['Content-Type', 'application/x-amz-json-1.1'],
            ['X-Amz-Target', "WorkspacesService.$operation"],
            @{$q{more} || []}],
        %{$q{sign} || {}});

    my $headers = Deskgate::SigV4::sign(%request, %signer);

    $headers = $q{change}->($headers) if $q{change};

    return http_request(%request, port => $q{port} || 8080,
        headers => $headers, %{$q{request} || {}});
}


sub says {
    my ($answer, $status, $type, $name) = @_;

    my $body = json_of($answer) || {};

    is("$answer->{status} " . ($body->{__type} || ''), "$status $type",
        $name) or diag($answer->{body});

    return $body;
}


sub identity {
    my $answer = ask('DescribeWorkspaces', {});

    is($answer->{status}, 200, 'a signed call is answered');
    like(header($answer, 'x-amzn-RequestId'), qr/^[0-9a-f]{8}-[0-9a-f-]{27}$/,
        'with a request id');
    is(header($answer, 'Content-Type'), 'application/x-amz-json-1.1',
        'in its protocol');

    my %old = (time => time - 3600);
    my @cases = (
        ['UnrecognizedClientException', 'an unknown key',
            sign => { access_key => 'AKIDUNKNOWN' }],
        ['InvalidSignatureException', 'another secret',
            sign => { secret_key => 'not-the-secret-of-it' }],
        ['InvalidSignatureException', 'another region',
            sign => { region => 'eu-west-1' }],
        ['InvalidSignatureException', 'another service',
            sign => { service => 'ec2' }],
        ['InvalidSignatureException', 'an hour ago', sign => \%old],
        ['InvalidSignatureException', 'another body',
            request => { body => '{"Limit":1}' }],
        ['MissingAuthenticationTokenException', 'nothing signed', change =>
            sub { [grep { $_->[0] ne 'Authorization' } @{$_[0]}] }],
    );

    foreach my $case (@cases) {
        my ($type, $name, %q) = @$case;
        my $refused = ask('DescribeWorkspaces', {}, %q);

        is(json_of($refused)->{__type}, $type, "$name: $type");
        like($refused->{status}, qr/^4\d\d$/, "$name: a client's fault");
    }

    like(ask('DescribeWorkspaces', {}, sign => \%old)->{body},
        qr/Signature expired: \d{8}T\d{6}Z is now earlier than/,
        'the clock is told');

    is(ask('DescribeWorkspaces', {}, sign => \%session)->{status}, 200,
        'a temporary key with its token');
    is(json_of(ask('DescribeWorkspaces', {}, sign => { %session,
        session_token => undef }))->{__type}, 'UnrecognizedClientException',
        'and not without it');

    is(ask('DescribeWorkspaces', {}, port => 8083,
        sign => { region => 'eu-west-1' })->{status}, 200,
        'each location has its region');
}


sub clients {
    my @curl = ('--aws-sigv4', 'aws:amz:us-east-1:workspaces', '--user',
        "$key{access_key}:$key{secret_key}", '-H',
        'Content-Type: application/x-amz-json-1.1', '-H',
        'X-Amz-Target: WorkspacesService.DescribeWorkspaceBundles',
        '-d', '{}');

    is($t->curl(@curl, 'http://127.0.0.1:' . port(8080) . '/')->{status}, 200,
        'curl over HTTP/1.1');
    is($t->curl('--http2-prior-knowledge', @curl, 'http://127.0.0.1:'
        . port(8081) . '/')->{status}, 200, 'curl over HTTP/2');

    # a body that goes through a temporary file
    my $logo = 'QUFB' x 50000;
    my $answer = ask('ImportClientBranding', { ResourceId => 'd-90670ca123',
        DeviceTypeWindows => { Logo => $logo } });

    is($answer->{status}, 200, 'a large body is verified')
        or diag($answer->{body});
}


# four services in one location
sub together {
    my %all = (port => 8084);

    is(ask('DescribeWorkspaces', {}, %all)->{status}, 200,
        'the first service');
    says(ask('Nothing', {}, %all), 404, 'UnknownOperationException',
        'what none of them knows');

    my $cbor = cbor_ask('ListRegions', "\xa0", %all);

    is($cbor->{status}, 200, 'the second service') or diag($cbor->{body});

    my $token = json_of(http_request(%all, method => 'POST', body => '',
        target => '/oauth2/token?grant_type=client_credentials&client_id=x',
        headers => [['Authorization', 'Basic '
            . encode_base64('gateway:secret-of-the-broker', '')]]));

    is(http_request(%all, method => 'POST', body => '{}', target =>
        '/describeServers', headers => [['Authorization',
            "Bearer $token->{access_token}"]])->{status}, 200, 'the broker');
    is(header(http_request(%all, method => 'POST', body => '{}', target =>
        '/GetConnectionRecordingPreferences'), 'X-Amzn-Errortype'),
        'MissingAuthenticationTokenException',
        'each asks for its own credentials');
}


sub validation {
    says(ask('Nothing', {}), 404, 'UnknownOperationException',
        'an unknown operation');
    says(ask('DescribeWorkspaces', '{'), 400, 'SerializationException',
        'what is not JSON');

    my $body = says(ask('TerminateWorkspaces', {}), 400,
        'ValidationException', 'a required member');

    like($body->{message} || $body->{Message}, qr/terminateWorkspaceRequests/,
        'which is named');
    says(ask('DescribeWorkspaces', { Limit => 26 }), 400,
        'ValidationException', 'a number out of its range');
}


sub provoking {
    my @header = ('X-Deskgate-Sandbox-Error');

    says(ask('DescribeTags', { ResourceId => 'x' },
        more => [[@header, 'ResourceNotFoundException']]), 404,
        'ResourceNotFoundException', 'an error of the operation');
    says(ask('DescribeTags', { ResourceId => 'x' },
        more => [[@header, 'ThrottlingException']]), 400,
        'ThrottlingException', 'an error that all have');
    like(ask('DescribeTags', { ResourceId => 'x' },
        more => [[@header, 'ResourceAssociatedException']])->{body},
        qr/names no error of this operation/, 'another operation\'s is not');

    my $start = time;

    is(ask('DescribeTags', { ResourceId => 'x' },
        more => [['X-Deskgate-Sandbox-Delay', '300']])->{status}, 404,
        'a delayed answer comes');
    cmp_ok(time - $start, '>=', 0.29, 'late');
}


sub driven {
    my %one = (DirectoryId => 'd-90670ca123', BundleId => 'wsb-bh8rsxt14',
        UserName => 'ada');

    says(ask('CreateWorkspaces', { Workspaces => [{ %one,
        Colour => 'blue' }] }), 400, 'ValidationException',
        'a new member has its values');

    my $made = json_of(ask('CreateWorkspaces', { Workspaces => [{ %one,
        Colour => 'green' }] }))->{PendingRequests}[0];

    is($made->{Colour}, 'green', 'a new member is answered');
    is(json_of(ask('DescribeWorkspaces', { WorkspaceIds =>
        [$made->{WorkspaceId}] }))->{Workspaces}[0]{Colour}, 'green',
        'and kept');

    my $bundle = json_of(ask('DescribeWorkspaceBundles', {}))->{Bundles}[0];

    ok(!exists $bundle->{Name}, 'what the model has not is not answered');
    ok($bundle->{Description}, 'what it has is');
}


# one map in CBOR, as the SDKs send it
sub cbor_map {
    my %map = @_;

    return chr(0xa0 + keys %map) . join '', map {
        cbor_text($_) . (ref $map{$_} ? cbor_map(%{$map{$_}})
                                      : cbor_text($map{$_})) } sort keys %map;
}


sub cbor_text {
    my ($text) = @_;

    return length $text < 24 ? chr(0x60 + length $text) . $text
                             : "\x78" . chr(length $text) . $text;
}


sub cbor_ask {
    my ($operation, $body, %q) = @_;

    my %request = (method => 'POST', body => $body, target =>
        "/service/EUCMIFrontendAPIService/operation/$operation");

    return http_request(%request, port => $q{port} || 8082, headers =>
        Deskgate::SigV4::sign(%request, %key, region => 'us-east-1',
            service => 'workspaces-instances', headers => [
                ['Host', 'workspaces-instances.us-east-1.amazonaws.com'],
                ['Content-Type', 'application/cbor'],
                ['Accept', 'application/cbor'],
                ['Smithy-Protocol', 'rpc-v2-cbor']]));
}


sub cbor {
    my $answer = cbor_ask('CreateWorkspaceInstance',
        cbor_map(ManagedInstance => { InstanceType => 'm5.large' }));

    is($answer->{status}, 200, 'a call in CBOR') or diag($answer->{body});
    is(header($answer, 'Smithy-Protocol'), 'rpc-v2-cbor',
        'is answered in that protocol');
    is(header($answer, 'Content-Type'), 'application/cbor', 'as CBOR');

    my ($id) = $answer->{body} =~ /WorkspaceInstanceId.{1,2}(wsinst-\w+)/s;

    ok($id, 'with its identifier');
    is($answer->{body}, "\xbf" . cbor_text('WorkspaceInstanceId')
        . cbor_text($id) . "\xff", 'and nothing else');

    my $got = cbor_ask('GetWorkspaceInstance',
        cbor_map(WorkspaceInstanceId => $id));

    like($got->{body}, qr/ProvisionState.ALLOCATED/s, 'it is there');

    my $none = cbor_ask('GetWorkspaceInstance',
        cbor_map(WorkspaceInstanceId => 'wsinst-000000000'));

    like($none->{body}, qr/__type.{1,2}com\.amazonaws\.workspacesinstances\#
        ResourceNotFoundException/sx, 'errors have their full name');
    ok(!defined header($none, 'X-Amzn-Errortype'), 'in the body only');
    is(cbor_ask('GetWorkspaceInstance', "\xa1\x61")->{status}, 400,
        'half a map is refused');
}


sub workspace_ids {
    return join ',', map { $_->{WorkspaceId} }
        @{json_of(ask('DescribeWorkspaces', {}))->{Workspaces}};
}


sub keeping {
    my $before = workspace_ids();

    isnt($before, '', 'there are workspaces');

    my %ids = map { workspace_ids() => 1 } 1 .. 20;

    is_deeply([keys %ids], [$before], 'all workers know them');

    ok($t->reload, 'the configuration is read again');
    is(workspace_ids(), $before, 'they are still there');

    my ($worker) = $t->workers;

    $t->allow(qr/exited on signal 9/);
    kill 'KILL', $worker;
    $t->wait_log(qr/exited on signal 9/);
    is(workspace_ids(), $before, 'also when a worker was killed');
}


sub configuration {
    my %wrong = (
        'a service without a model' => ['deskgate_sandbox  workspaces;',
            'deskgate_sandbox  nothing;', qr{nothing\.json" failed}],
        'a zone without a size' => ['sandbox:8m', 'sandbox',
            qr/form NAME:SIZE/],
        'a small zone' => ['sandbox:8m', 'sandbox:8k', qr/zone size/],
        'no zone' => ['deskgate_sandbox_zone', '#',
            qr/needs "deskgate_sandbox_zone"/],
        'no keys' => ['deskgate_sandbox_keys', '#',
            qr/needs "deskgate_sandbox_keys"/],
        'an account of letters' => ['region=eu-west-1', 'account=abc',
            qr/account=TWELVE_DIGITS/],
        'a broker without clients' => [
            'deskgate_sandbox  workspaces-instances',
            'deskgate_sandbox  dcv-session-manager',
            qr/needs "deskgate_sandbox_client"/],
    );

    foreach my $name (sort keys %wrong) {
        my ($from, $to, $says) = @{$wrong{$name}};
        my $text = $conf;

        $text =~ s/\Q$from\E/$to/;

        my ($good, $output) = $t->check_config($text);

        ok(!$good, "$name is refused");
        like($output, $says, "$name is named");
    }

    chmod 0644, $t->testdir . '/keys.json';

    my ($good, $output) = $t->check_config($conf);

    like($output, qr/keys\.json" holds secrets/, 'keys that others can read');
    chmod 0600, $t->testdir . '/keys.json';

    my $data = $t->read_file('models/workspaces.sandbox.json');

    $t->write_file('models/workspaces.sandbox.json',
        $data =~ s/"unique"/"unik"/r);
    ($good, $output) = $t->check_config($conf);
    like($output, qr/unknown member "unik" in .*sandbox\.json:\d+/,
        'a mistake in the data has its line');

    $t->write_file('models/workspaces.sandbox.json',
        $data =~ s/\n *"DescribeTags".*//r);
    ($good, $output) = $t->check_config($conf);
    like($output, qr/operation "DescribeTags" of the model has no row/,
        'an operation that the data forget');
}

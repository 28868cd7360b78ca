#!/usr/bin/perl

# Where the gateway's own credentials are: the environment, profiles, a
# container, an instance, a web identity token in a file.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use POSIX qw/strftime/;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Gateway;
use Deskgate::Sts;
use Deskgate::Upstream;

# before nginx is started: it reads them then
my %env = (access_key => 'AKIDENVIRONMENT', secret_key => 'secret-of-env-05');

my $t = Deskgate->new();

$ENV{AWS_ACCESS_KEY_ID} = $env{access_key};
$ENV{AWS_SECRET_ACCESS_KEY} = $env{secret_key};

my $JSON = JSON::PP->new->canonical;
my $ROLE = "arn:aws:iam::$ACCOUNT:role";
my @call = (workspaces => 'DescribeWorkspaces', {});

my %file = (access_key => 'AKIDFILE', secret_key => 'secret-of-file-06');
my %host = (access_key => 'ASIAHOST', secret_key => 'secret-of-host-07',
    session_token => 'token-of-host');
my %pod = (access_key => 'ASIAPOD', secret_key => 'secret-of-pod-08',
    session_token => 'token-of-pod');

$t->secret($_) foreach map { $_->{secret_key} } \%env, \%file, \%host, \%pod;

$t->write_file('config', <<"EOF_CONFIG");
[default]
region = us-east-1

[profile plain]
region = us-east-1

[profile role]
role_arn = $ROLE/by-profile
source_profile = plain
role_session_name = profile-session
external_id = ext-2
duration_seconds = 1800

[profile chain]
role_arn = $ROLE/by-chain
source_profile = role

[profile by-environment]
role_arn = $ROLE/by-environment
credential_source = Environment

[profile by-instance]
role_arn = $ROLE/by-instance
credential_source = Ec2InstanceMetadata

[profile by-web]
role_arn = $ROLE/by-web
web_identity_token_file = @{[$t->testdir]}/web.token
EOF_CONFIG

$t->write_file('credentials', <<"EOF_CREDENTIALS");
[plain]
aws_access_key_id = $file{access_key}
aws_secret_access_key = $file{secret_key}
EOF_CREDENTIALS
chmod 0600, $t->testdir . '/credentials';

my %first = (access_key => 'ASIASHAREDONE', secret_key => 'secret-of-one-09',
    session_token => 'token-of-one');
my %second = (access_key => 'ASIASHAREDTWO', secret_key => 'secret-of-two-10',
    session_token => 'token-of-two');

shared(\%first, 3600);

$t->write_file('pod.token', "pod-token-1\n");
$t->write_file('web.token', "web-token-1\n");

my $files = 'config=%%TESTDIR%%/config credentials=%%TESTDIR%%/credentials';
my $sts = 'sts /_sts region=us-east-1 host=sts.test;';

my @blocks = (
    [environment => 'environment;'],
    [shared => 'shared file=%%TESTDIR%%/shared profile=desks;'],
    [plain => "profile plain $files;"],
    [role => "profile role $files; $sts"],
    [chain => "$sts profile chain $files;"],
    [by_environment => "profile by-environment $files; $sts"],
    [by_instance => "profile by-instance $files instance=/_instance/; $sts"],
    [by_web => "profile by-web $files; sts /_sts;"],
    [container => 'container /_pod token_file=%%TESTDIR%%/pod.token;'],
    [bare => 'container /_pod;'],
    [instance => 'instance /_instance/;'],
    [old_instance => 'instance /_old/;'],
    [web => "web_identity token_file=%%TESTDIR%%/web.token role=$ROLE/web"
        . ' session_name=gateway sts=/_sts;'],
    [no_file => "web_identity token_file=%%TESTDIR%%/absent role=$ROLE/web"
        . ' sts=/_sts;'],
);

my $port = 8110;
my %port = map { $_->[0] => $port++ } @blocks;
my $location = gateway_location();

$t->write_file('changing.secret', "secret-of-yesterday\n");
chmod 0600, $t->testdir . '/changing.secret';
$t->secret($_) foreach 'secret-of-yesterday', 'secret-of-today';

Deskgate::Gateway::configure($t,
    locations => 'location = /status { deskgate_status; }',
    http => "
    deskgate_broker changing {
        client_secret_file  %%TESTDIR%%/changing.secret reread;
        token               /_changing;
        client_id           gateway;
    }

    server {
        listen       127.0.0.1:8109;
        server_name  localhost;

        location / {
            @{[$location =~ s/deskgate_inject lab/deskgate_inject changing/r]}
        }

        location = /_changing {
            internal;
            proxy_pass  http://127.0.0.1:8102/oauth2/token;
        }
    }
" . join '', map { my ($name, $lines) = @$_; "
    deskgate_credentials $name {
        $lines
    }

    server {
        listen       127.0.0.1:$port{$name};
        server_name  localhost;

        location / {
            @{[$location =~ s/deskgate_sign egress/deskgate_sign $name/r]}
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }

        location = /_sts {
            internal;
            proxy_set_header  Host sts.test;
            proxy_pass        http://127.0.0.1:8103/;
        }

        location = /_pod {
            internal;
            proxy_pass  http://127.0.0.1:8104/v1/credentials;
        }

        location /_instance/ {
            internal;
            proxy_pass  http://127.0.0.1:8105/;
        }

        location /_old/ {
            internal;
            proxy_pass  http://127.0.0.1:8106/;
        }
    }
" } @blocks);

my %by_profile = Deskgate::Sts::credentials("$ROLE/by-profile",
    'profile-session');

my $fake_sts = Deskgate::Sts->start($t, port => 8103, secrets => {
    $file{access_key} => $file{secret_key},
    $env{access_key} => $env{secret_key},
    $host{access_key} => $host{secret_key},
    $by_profile{access_key} => $by_profile{secret_key} });

my $pod = Deskgate::Upstream->start($t, port => 8104, name => 'pod',
    answer => sub { my ($request) = @_;
        my ($shown) = map { $_->[1] } grep { lc $_->[0] eq 'authorization' }
            @{$request->{headers}};

        return { status => 401, body => '{"Code":"x","Message":"y"}' }
            if !defined $shown || $shown !~ /^pod-token-\d$/;
        return { body => credentials_json(\%pod, 14) };
    });

my $instance = Deskgate::Upstream->start($t, port => 8105, name => 'instance',
    answer => \&metadata);
my $old = Deskgate::Upstream->start($t, port => 8106, name => 'old',
    answer => sub { $_[0]{method} eq 'PUT' ? { status => 404 }
        : { body => credentials_json(\%host, 3600) } });

my $broker = Deskgate::Broker->start($t, port => 8102, client_id => 'gateway',
    client_secret => 'secret-of-today');

my $aws = Deskgate::Upstream->start($t, port => 8101, name => 'aws',
    secrets => { (map { $_->{access_key} => $_->{secret_key} } \%env, \%file,
            \%host, \%pod, \%first, \%second),
        %{Deskgate::Sts::secrets(["$ROLE/by-profile", 'profile-session'],
            map { [@$_] } ["$ROLE/by-chain", 'deskgate'],
            ["$ROLE/by-environment", 'deskgate'],
            ["$ROLE/by-instance", 'deskgate'], ["$ROLE/by-web", 'deskgate'],
            ["$ROLE/web", 'gateway'])} });

$t->run();


# where they come from

signs(environment => $env{access_key}, 'the environment');
signs(shared => $first{access_key}, 'a file that somebody else writes');
signs(plain => $file{access_key}, 'a profile with keys');

signs(role => who('by-profile', 'profile-session'), 'a profile with a role');

my ($form) = $fake_sts->forms;

is($form->{verdict}, 'ok', 'its source signs');
is($form->{ExternalId}, 'ext-2', 'its external id');
is($form->{DurationSeconds}, 1800, 'its duration');

signs(chain => who('by-chain', 'deskgate'), 'a role by a role of a profile');
signs(by_environment => who('by-environment', 'deskgate'),
    'a role by the environment');
signs(by_instance => who('by-instance', 'deskgate'), 'a role by the instance');
signs(by_web => who('by-web', 'deskgate'), 'a role by a token in a file');
signs(web => who('web', 'gateway'), 'the same, on one line');

$form = ($fake_sts->forms)[-1];
is($form->{WebIdentityToken}, 'web-token-1', 'the token is shown to STS');

signs(container => $pod{access_key}, 'a container');
signs(instance => $host{access_key}, 'an instance');

my @asked = map { "$_->{method} $_->{target}" } $instance->requests;

my $roles = 'GET /latest/meta-data/iam/security-credentials/';
my @expected = (($roles) x 2, ("${roles}desks") x 2,
    ('PUT /latest/api/token') x 2);

@asked = sort @asked;
is_deeply(\@asked, \@expected,
    'the instance is asked for a session, a role and its credentials');
ok(!(grep { $_->{method} eq 'GET' && $_->{raw}
        !~ /^x-aws-ec2-metadata-token: session-of-instance\r$/m }
    $instance->requests), 'always with the session');

signs(instance => $host{access_key}, 'again');
is(scalar $instance->requests, scalar @asked, 'and nothing is asked again');


# what the status page tells of them

my $status = $JSON->decode(Deskgate::http_request(method => 'GET',
    target => '/status', headers => [['Host', 'localhost']])->{body});
my %told = map { $_->{name} => $_ } @{$status->{credentials}};

is($told{plain}{access_key_id}, $file{access_key}, 'keys are told by id');

foreach my $name (qw/role chain web container instance/) {
    is($told{$name}{credentials}, 'held', "$name: held");
    cmp_ok($told{$name}{age_ms}, '>=', 0, "$name: since when");
    cmp_ok($told{$name}{expires_in_ms}, '>', $told{$name}{refresh_in_ms},
        "$name: until when");
}

is($told{bare}{credentials}, 'none', 'what nobody asked for is not held');


# what is renewed

$t->write_file('pod.token', "pod-token-2\n");
sleep 3.6;
signs(container => $pod{access_key}, 'past four fifths of their life');

my @shown = map { $_->{raw} =~ /^Authorization: (\S+)/mi } $pod->requests;

is_deeply(\@shown, ['pod-token-1', 'pod-token-2'],
    'the token file is read each time');


# a file that changes

shared(\%second, 3600);
sleep 2.5;
signs(shared => $second{access_key}, 'what the file says now');

$t->write_file('shared', "[desks]\naws_access_key_id = x\n");
sleep 2.5;
signs(shared => $second{access_key}, 'a broken file changes nothing');

shared(\%first, -1);
sleep 2.5;
refused('credentials that have expired', 'shared');


# the secret of a broker

my @list = ('dcv-session-manager' => 'DescribeServers', {});

is(refusal_of($t, call(@list, port => 8109)), 'broker_token_unavailable',
    'a secret that is no good any more');
$t->write_file('changing.secret', "secret-of-today\n");
sleep 2.5;
is(call(@list, port => 8109)->{status}, 200,
    'is read again when it changed');
is($broker->api_calls, 1, 'and the broker has the call');


# what is not there

refused('an endpoint that wants a token', 'bare');

$status = $JSON->decode(Deskgate::http_request(method => 'GET',
    target => '/status', headers => [['Host', 'localhost']])->{body});
is((grep { $_->{name} eq 'bare' } @{$status->{credentials}})[0]{credentials},
    'failed', 'the status page says that it failed');
refused('an instance that knows no sessions', 'old_instance');
is(scalar(grep { $_->{method} ne 'PUT' } $old->requests), 0,
    'is not asked without one');
refused('a token file that is not there', 'no_file');
like($t->log, qr/cannot open token file.*absent/, 'the error log names it');

$t->finish;


sub shared {
    my ($who, $life) = @_;

    $t->write_file('shared.new', "[desks]\n"
        . "aws_access_key_id = $who->{access_key}\n"
        . "aws_secret_access_key = $who->{secret_key}\n"
        . "aws_session_token = $who->{session_token}\n"
        . 'aws_credential_expiration = '
        . strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time + $life) . "\n");
    chmod 0600, $t->testdir . '/shared.new';
    rename $t->testdir . '/shared.new', $t->testdir . '/shared';
}


sub signs {
    my ($block, $who, $name) = @_;

    is(call(@call, port => $port{$block})->{status}, 200, $name);

    my $request = ($aws->requests)[-1];

    is($request->{verdict} eq 'ok' ? $request->{access_key}
        : $request->{verdict}, $who, "$name: signed with it");
}


sub refused {
    my ($name, $block) = @_;

    is(refusal_of($t, call(@call, port => $port{$block})),
        'credentials_unavailable', $name);
}


sub who {
    my ($role, $session) = @_;
    my %who = Deskgate::Sts::credentials("$ROLE/$role", $session);

    return $who{access_key};
}


sub credentials_json {
    my ($who, $life) = @_;

    return $JSON->encode({ Code => 'Success', Type => 'AWS-HMAC',
        AccessKeyId => $who->{access_key},
        SecretAccessKey => $who->{secret_key},
        Token => $who->{session_token},
        Expiration => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time + $life) });
}


sub metadata {
    my ($request) = @_;

    return { body => 'session-of-instance' }
        if $request->{method} eq 'PUT'
            && $request->{target} eq '/latest/api/token'
            && $request->{raw}
                =~ /^x-aws-ec2-metadata-token-ttl-seconds: \d+\r$/m;

    return { status => 401 }
        if $request->{raw}
            !~ /^x-aws-ec2-metadata-token: session-of-instance\r$/m;

    my $base = '/latest/meta-data/iam/security-credentials/';

    return { body => "desks\n" } if $request->{target} eq $base;
    return { body => credentials_json(\%host, 3600) }
        if $request->{target} eq "${base}desks";
    return { status => 404 };
}

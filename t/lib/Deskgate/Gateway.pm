package Deskgate::Gateway;

# A gateway for the tests of who may call: all four services in one location,
# fake upstreams behind, one key, and a signing client.
#
#   my $t = Deskgate->new();
#   Deskgate::Gateway::configure($t, location => 'deskgate_skew 60s;');
#   my $aws = Deskgate::Gateway::upstreams($t);
#   $t->run();
#
#   my $answer = call(workspaces => 'DescribeWorkspaces', {});
#
# configure(): what differs from the usual.
#
#   main, http, server, location  lines added at that level
#   locations  whole locations beside "/"
#   authenticate  what deskgate_authenticate takes; policy  the directives
#   keys  entries of the key file; statements  of policy.json
#   workers  1;  zone  4m;  services  names
#
# gateway_location() gives the lines of a location for a test's own ones.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use Exporter 'import';
use JSON::PP;

use Deskgate;
use Deskgate::Broker;
use Deskgate::SigV4;
use Deskgate::Upstream;

our @EXPORT = qw/call call_text signed_call operation_request record_of
    refusal_of gateway_location error_type $ACCOUNT %ALICE %BOB allow_all/;

our $ACCOUNT = '111122223333';
our %ALICE = (access_key => 'AKIDALICE', secret_key => 'secret-of-alice-0001');
our %BOB = (access_key => 'AKIDBOB', secret_key => 'secret-of-bob-000002');

my $JSON = JSON::PP->new->canonical;
my %EGRESS = (access_key => 'AKIDEGRESS', secret_key => 'secret-of-egress-03');
my $BROKER_SECRET = 'secret-of-broker-04';

# how a call of each service looks
my %SERVICES = (
    workspaces => { type => 'application/x-amz-json-1.1',
                    prefix => 'WorkspacesService' },
    'workspaces-instances' => { type => 'application/x-amz-json-1.0',
                                prefix => 'EUCMIFrontendAPIService' },
    'ssm-guiconnect' => { type => 'application/json' },
    'dcv-session-manager' => { type => 'application/json' },
);


sub allow_all {
    return { Effect => 'Allow', Principal => '*', Action => '*',
             Resource => '*' };
}


sub key {
    my ($who, %more) = @_;

    return { access_key_id => $who->{access_key},
             secret_access_key => $who->{secret_key}, %more };
}


sub usual_keys {
    return key(\%ALICE, principal => "arn:aws:iam::${ACCOUNT}:user/alice"),
           key(\%BOB, principal => "arn:aws:iam::${ACCOUNT}:user/bob");
}


sub policy_text {
    return JSON::PP->new->canonical->pretty->encode({ Version => '2012-10-17',
                                   Statement => [@_] });
}


sub gateway_location {
    my (%opt) = @_;

    my @services = @{$opt{services} || [sort keys %SERVICES]};
    my $hosts = exists $opt{hosts} ? $opt{hosts} : 'localhost 127.0.0.1';

    return join("\n", map { "deskgate $_ region=us-east-1;" } @services)
        . ($hosts ? "\ndeskgate_hosts $hosts;" : '')
        . "\ndeskgate_authenticate " . ($opt{authenticate} || 'sigv4=desks')
        . ";\n" . (defined $opt{policy} ? $opt{policy}
                   : 'deskgate_policy %%TESTDIR%%/policy.json;')
        . "\ndeskgate_sign egress;\ndeskgate_inject lab;\n"
        . "deskgate_audit trail;\n" . ($opt{location} || '') . <<'EOF_CONF';

            proxy_http_version  1.1;
            proxy_set_header    Connection "";
            proxy_set_header    Host $deskgate_host;
            proxy_pass          http://$desk_upstream;
EOF_CONF
}


sub configure {
    my ($t, %opt) = @_;

    $t->write_file('keys.json', $JSON->encode({ version => 1,
        keys => [@{$opt{keys} || [usual_keys()]}] }));
    $t->write_file('policy.json',
        policy_text(@{$opt{statements} || [allow_all()]}));
    $t->write_file('egress.json', $JSON->encode({
        access_key_id     => $EGRESS{access_key},
        secret_access_key => $EGRESS{secret_key} }));
    $t->write_file('broker.secret', "$BROKER_SECRET\n");

    mkdir $t->testdir . '/trail', 0700;

    foreach my $secret ($ALICE{secret_key}, $BOB{secret_key},
                        $EGRESS{secret_key}, $BROKER_SECRET)
    {
        $t->secret($secret);
    }

    $t->write_file_expand($opt{file} || 'nginx.conf', text(%opt));
}


sub text {
    my (%opt) = @_;

    my %part = map { $_ => defined $opt{$_} ? $opt{$_} : '' }
        qw/main http server locations/;
    my $workers = $opt{workers} || 1;
    my $zone = $opt{zone} || '4m';
    my $location = gateway_location(%opt);

    return <<"EOF_CONF";
%%TEST_GLOBALS%%

worker_processes  $workers;
$part{main}

events {
    worker_connections  512;
}

http {
    %%TEST_GLOBALS_HTTP%%

    client_header_buffer_size    4k;
    large_client_header_buffers  4 72k;

    deskgate_zone    desk:$zone;
    deskgate_models  %%ROOT%%/src/models;
    deskgate_keys    desks %%TESTDIR%%/keys.json;

    deskgate_credentials egress {
        static  file=%%TESTDIR%%/egress.json;
    }

    deskgate_broker lab {
        token               /_token;
        client_id           gateway;
        client_secret_file  %%TESTDIR%%/broker.secret;
    }

    deskgate_trail trail {
        directory  %%TESTDIR%%/trail;
        account    $ACCOUNT;
        flush      20ms;
    }

    upstream aws {
        server     127.0.0.1:8101;
        keepalive  8;
    }

    upstream broker {
        server     127.0.0.1:8102;
        keepalive  8;
    }

    map \$deskgate_service \$desk_upstream {
        dcv-session-manager  broker;
        default              aws;
    }

    $part{http}

    server {
        listen       127.0.0.1:8080;
        server_name  localhost;

        $part{server}

        location / {
            $location
        }

        location = /_token {
            internal;
            proxy_http_version  1.1;
            proxy_set_header    Connection "";
            proxy_pass          http://broker/oauth2/token;
        }

        $part{locations}
    }
}
EOF_CONF
}


# Starts what stands behind: (the AWS services, the broker)
sub upstreams {
    my ($t, %opt) = @_;

    return (
        Deskgate::Upstream->start($t, port => 8101, name => 'aws',
            secrets => { $EGRESS{access_key} => $EGRESS{secret_key} }, %opt),
        Deskgate::Broker->start($t, port => 8102, client_id => 'gateway',
            client_secret => $BROKER_SECRET),
    );
}


# The request of an operation, not signed: method, target, headers, body
sub operation_request {
    my ($service, $operation, $input, %opt) = @_;

    my $form = $SERVICES{$service};
    my $body = ref $input ? $JSON->encode($input) : $input;
    my @headers = (['Host', $opt{host} || 'localhost'],
                   ['Content-Type', $form->{type}]);

    push @headers, ['X-Amz-Target', "$form->{prefix}.$operation"]
        if $form->{prefix};

    my $path = $form->{prefix} ? '/'
        : $service eq 'dcv-session-manager' ? '/' . lcfirst $operation
        : "/$operation";

    return (
        method  => $opt{method} || 'POST',
        target  => defined $opt{target} ? $opt{target} : $path,
        headers => [@headers, @{$opt{headers} || []}],
        body    => $body,
    );
}


# The same, signed; what sign() takes may be given, and "form" => 'query'
sub signed_call {
    my ($service, $operation, $input, %opt) = @_;

    my %who = %{$opt{as} || \%ALICE};
    my %request = operation_request($service, $operation, $input, %opt);
    my %how = (%request, %who, region => 'us-east-1', service => $service,
        map { $_ => $opt{$_} } grep { exists $opt{$_} } qw/time payload signed
            unsorted expires session_token region service access_key
            secret_key/);

    if (($opt{form} || '') eq 'query') {
        $request{target} = Deskgate::SigV4::presign(%how);

    } else {
        $request{headers} = Deskgate::SigV4::sign(%how);
    }

    return %request;
}


# Signs and sends
sub call {
    my ($service, $operation, $input, %opt) = @_;

    return Deskgate::http_request(
        signed_call($service, $operation, $input, %opt),
        $opt{port} ? (port => $opt{port}) : ());
}


# The exact bytes of a signed call on a connection that closes
sub call_text {
    my (%request) = @_;

    return Deskgate::Connection::request_text(%request,
        headers => [@{$request{headers}}, ['Connection', 'close']]);
}


# The record that a call left
sub record_of {
    my ($t, $answer) = @_;

    my $id = Deskgate::header($answer, 'x-amzn-requestid');

    return undef if !defined $id;

    return $t->wait_for(sub {
        foreach my $file ($t->files('trail')) {
            my ($line) = grep { /"requestID":"\Q$id\E"/ }
                split /\n/, $t->read_file($file);

            return JSON::PP->new->utf8->decode($line) if defined $line;
        }

        return undef;
    });
}


# The name of the refusal in a call's record; 'allowed' when it passed
sub refusal_of {
    my ($t, $answer) = @_;

    my $record = record_of($t, $answer) or return 'no record';
    my $refusal = $record->{additionalEventData}{deskgate}{refusal};

    return ref $refusal ? $refusal->{code} : $refusal || 'allowed';
}


# The name of the exception that an SDK would raise
sub error_type {
    my ($answer) = @_;

    my $type = Deskgate::header($answer, 'x-amzn-errortype');

    if (!defined $type) {
        my $body = Deskgate::json_of($answer) || {};

        $type = $body->{__type};
    }

    return undef if !defined $type;

    $type =~ s/^.*#//;
    $type =~ s/:.*$//;

    return $type;
}

1;

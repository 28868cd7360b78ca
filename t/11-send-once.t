#!/usr/bin/perl

# A call that changes something is sent once; one that was not sent goes to
# the next server, as it was signed.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new();
my $g = Deskgate::Send->new($t);
my ($aws, $broker) = ($g->aws, $g->broker);

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}

    # nobody listens at the first
    upstream refused {
        server  127.0.0.1:8086 max_fails=0;
        server  127.0.0.1:8081 backup;
    }

    # the first takes the request and goes away
    upstream lost {
        server  127.0.0.1:8082 max_fails=0;
        server  127.0.0.1:8081 backup;
    }

    upstream broker_lost {
        server  127.0.0.1:8083 max_fails=0;
        server  127.0.0.1:8084 backup;
    }

    upstream broker_refused {
        server  127.0.0.1:8086 max_fails=0;
        server  127.0.0.1:8084 backup;
    }

    proxy_next_upstream  error timeout http_500 http_503;
    proxy_read_timeout   500ms;

    server {
        listen  127.0.0.1:8080;

        location / {
            $aws
            proxy_pass  http://refused;
        }
    }

    server {
        listen  127.0.0.1:8090;

        location / {
            $aws
            proxy_pass  http://lost;
        }
    }

    server {
        listen  127.0.0.1:8091;

        location / {
            $broker
            proxy_pass  http://broker_lost;
        }

        location = /_deskgate/token {
            internal;
            proxy_pass  http://127.0.0.1:8084/oauth2/token;
        }
    }

    server {
        listen  127.0.0.1:8092;

        location / {
            $broker
            proxy_pass  http://broker_refused;
        }

        location = /_deskgate/token {
            internal;
            proxy_pass  http://127.0.0.1:8084/oauth2/token;
        }
    }

    # nobody else
    server {
        listen  127.0.0.1:8095;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8086;
        }
    }

    server {
        listen  127.0.0.1:8096;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8082;
        }
    }

    # another location after a failure
    server {
        listen  127.0.0.1:8093;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8082;
            error_page  502 503 504 = \@second;
        }

        location \@second {
            proxy_set_header  Host \$deskgate_host;
            proxy_pass        http://127.0.0.1:8081;
        }
    }

    server {
        listen  127.0.0.1:8094;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8086;
            error_page  502 503 504 = \@second;
        }

        location \@second {
            proxy_set_header  Host \$deskgate_host;
            proxy_pass        http://127.0.0.1:8081;
        }
    }
}

EOF_CONF

my %egress = (secrets => { map { $_->{access_key} => $_->{secret_key} }
    \%Deskgate::Send::EGRESS }, region => 'us-east-1',
    service => 'workspaces');
my $second = $g->upstream;
my $first = Deskgate::Upstream->start($t, port => 8082, name => 'first',
    %egress);
my $broker_first = Deskgate::Upstream->start($t, port => 8083,
    name => 'broker-first');
my $broker_second = Deskgate::Broker->start($t, port => 8084,
    client_id => 'gateway',
    client_secret => $Deskgate::Send::BROKER_SECRET);

$t->run();

my $k = 0;
my ($read, $write) = ('DescribeWorkspaces', 'StopWorkspaces');


sub body_of {
    my ($name) = @_;

    return $name eq $read ? sprintf '{"Limit":%d}', ++$k % 25 + 1
        : sprintf '{"StopWorkspaceRequests":[{"WorkspaceId":"ws-%09d"}]}',
            ++$k;
}


# not sent: the next server

foreach my $name ($read, $write) {
    my $body = body_of($name);
    my $answer = $g->call($name, body => $body);

    is($answer->{status}, 200, "$name: the next server after no connection")
        or diag($answer->{body});

    my @got = $second->requests;

    $second->clear;
    is(scalar @got, 1, "$name: once");
    is($got[0]{verdict}, 'ok', "$name: as it was signed");
    is($got[0]{body}, $body, "$name: the same bytes");
}

{
    my $answer = $g->broker_call('PUT', '/sessionPermissions', port => 8092,
        body => '[{"SessionId":"s","Owner":"o","PermissionsFile":"cA=="}]');

    is($answer->{status}, 200, 'PUT: the next server after no connection')
        or diag($answer->{body});
    is($broker_second->api_calls, 1, 'PUT: once');
    $broker_second->clear;
}


# not sent at all

{
    my $q = $g->aws_request($write, port => 8095, body => body_of($write));

    is(http_request(%$q)->{status}, 502, 'no server is there');
    is(http_request(%$q)->{status}, 502, 'no signature is used up by that');
    is(http_request(%$q, port => 8080)->{status}, 200, 'it may come again');
    is($second->count, 1, 'and is sent');
    like(http_request(%$q, port => 8080)->{status}, qr/^4/, 'once');
    $second->clear;

    $q = $g->aws_request($write, port => 8096, body => body_of($write));
    $first->behave(drop => 1);
    is(http_request(%$q)->{status}, 502, 'sent, and no answer');
    is($first->count, 1, 'once');
    like(http_request(%$q)->{status}, qr/^4/, 'its signature is used up');
    is($first->count, 1, 'and it is not sent again');
    $first->clear;
    $first->behave();
}


# sent, and no answer

foreach my $fault ({ drop => 1 }, { hang => 1 }, { status => 500 },
    { status => 503 })
{
    my ($how) = map { "$_ $fault->{$_}" } keys %$fault;

    $first->behave(%$fault);
    $broker_first->behave(%$fault);

    my $answer = $g->call($write, port => 8090, body => body_of($write));
    isnt($answer->{status}, 200, "$how: POST is not sent again");
    is($first->count, 1, "$how: POST went to the first");
    is($second->count, 0, "$how: POST did not go to the second");
    $_->clear foreach $first, $second;

    my $n = ++$k;

    $answer = $g->broker_call('PUT', '/sessionPermissions', port => 8091,
        body => qq([{"SessionId":"s$n","Owner":"o",)
            . '"PermissionsFile":"cA=="}]');
    isnt($answer->{status}, 200, "$how: PUT is not sent again");
    is($broker_first->count, 1, "$how: PUT went to the first");
    is($broker_second->api_calls, 0, "$how: PUT did not go to the second");
    $_->clear foreach $broker_first, $broker_second;

    $answer = $g->broker_call('GET', "/sessionConnectionData/s$n/o",
        port => 8091);
    isnt($answer->{status}, 200,
        "$how: a connection token is not asked for twice");
    is($broker_second->api_calls, 0, "$how: by the second");
    $_->clear foreach $broker_first, $broker_second;
}


# another location after a failure

$first->behave(drop => 1);

{
    my $answer = $g->call($write, port => 8093, body => body_of($write));

    is($answer->{status}, 500, 'error_page does not send a change again');
    is($second->count, 0, 'error_page: not to the second');
    ok($t->wait_log(qr/sent_differs.*would be sent twice/),
        'error_page: the reason is said');
    $_->clear foreach $first, $second;

    $answer = $g->call($read, port => 8093, body => body_of($read));
    is($answer->{status}, 200, 'error_page sends what only reads again')
        or diag($answer->{body});
    is(($second->requests)[0]{verdict}, 'ok', 'error_page: as it was signed');
    $_->clear foreach $first, $second;

    $answer = $g->call($write, port => 8094, body => body_of($write));
    is($answer->{status}, 200, 'error_page sends what was not sent')
        or diag($answer->{body});
    is(($second->requests)[0]{verdict}, 'ok', 'error_page: as signed');
    $_->clear foreach $first, $second;
}

$t->finish;

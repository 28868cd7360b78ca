#!/usr/bin/perl

# Edges of sending: credentials that end, clients that leave within a body,
# other modules that have a say, odd but valid requests.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use POSIX qw/strftime/;
use Test::More;
use Time::HiRes qw/sleep time/;

use Deskgate;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new();
my $g = Deskgate::Send->new($t);
my ($aws, $ending) = ($g->aws, $g->aws(sign => 'ending'));
my $end = time + 4;

$t->write_file('ending.json', encode_json({
    access_key_id     => $Deskgate::Send::EGRESS{access_key},
    secret_access_key => $Deskgate::Send::EGRESS{secret_key},
    expiration        => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $end),
}));

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}

    # nginx's own format has the query of presigned calls
    log_format  calls "\$deskgate_uri \$status";

    deskgate_credentials ending {
        static  file=ending.json;
    }

    server {
        listen  127.0.0.1:8080;

        access_log  %%TESTDIR%%/calls.log calls;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    server {
        listen  127.0.0.1:8082;

        location / {
            $ending
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # rules of other modules
    server {
        listen  127.0.0.1:8083;

        location / {
            $aws
            deny        all;
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    server {
        listen  127.0.0.1:8084;

        location / {
            $aws
            auth_request  /permission;
            proxy_pass    http://127.0.0.1:8081;
        }

        location = /permission {
            internal;
            proxy_pass_request_body  off;
            proxy_set_header         Content-Length "";
            proxy_set_header         Authorization "";
            proxy_pass  http://127.0.0.1:8086;
        }
    }

    # nothing that sends
    server {
        listen  127.0.0.1:8085;

        location / {
            $aws
        }
    }
}

EOF_CONF

my $up = $g->upstream;
my $permission = Deskgate::Upstream->start($t, port => 8086,
    name => 'permission');

$t->run();

my $records = 0;


sub newest {
    my @requests = $up->requests;

    $up->clear;

    return $requests[-1] || { raw => '', headers => [], signed => [] };
}


# The upstream had the call, signed right
sub sent {
    my ($name, $answer) = @_;

    $records++;
    is($answer->{status}, 200, $name) or diag($answer->{body});

    my $request = newest();

    is($request->{verdict}, 'ok', "$name: signed");

    return $request;
}


# credentials that end

sent('credentials for some seconds', $g->call('DescribeWorkspaces',
    port => 8082));
sleep $end - time + 1.1;

{
    my $answer = $g->call('DescribeWorkspaces', port => 8082);

    $records++;
    is($answer->{status}, 503, 'expired credentials: refused');
    is(newest()->{raw}, '', 'and not sent unsigned');
    ok($t->wait_log(qr/refused: credentials_unavailable,.*have expired/),
        'which is said');
}


# clients that leave

{
    my $text = Deskgate::Connection::request_text(
        %{$g->aws_request('DescribeWorkspaces',
            body => '{"NextToken":"' . 'x' x 1000 . '"}')});
    my $c = $t->connect(8080);

    $c->send(substr $text, 0, length($text) - 500);
    sleep 0.1;
    $c->close;
    $records++;

    $t->wait_for(sub { $t->record_lines >= $records });
    is($t->record_lines, $records, 'a client leaves within the body: recorded');
    is(newest()->{raw}, '', 'and nothing is sent');
}

{
    my $c = $t->connect(8080);

    $up->behave(delay => 0.5, body => '{}');
    $c->send(Deskgate::Connection::request_text(
        %{$g->aws_request('StopWorkspaces', body =>
            '{"StopWorkspaceRequests":[{"WorkspaceId":"ws-123456789"}]}')}));
    $up->wait_requests(1);
    $c->close;
    $records++;

    $t->wait_for(sub { $t->record_lines >= $records });
    is($t->record_lines, $records, 'a client leaves before the answer: recorded');

    is($up->count, 1, 'as it was sent, once');
    $up->behave();
    $up->clear;
}


# other modules

{
    my $answer = $g->call('DescribeWorkspaces', port => 8083);

    $records++;
    is($answer->{status}, 403, 'deny all');
    is((json_of($answer) || {})->{__type}, 'AccessDeniedException',
        'in the service\'s form') or diag($answer->{body});
    is(newest()->{raw}, '', 'and nothing is sent');

    sent('auth_request gives leave',
        $g->call('DescribeWorkspaces', port => 8084));
    is($permission->count, 1, 'which was asked for once');
    $permission->behave(status => 403);
    $answer = $g->call('DescribeWorkspaces', port => 8084);
    $records++;
    is($answer->{status}, 403, 'auth_request refuses');
    ok(json_of($answer), 'in the service\'s form') or diag($answer->{body});
    is(newest()->{raw}, '', 'and nothing is sent');

    $answer = $g->call('DescribeWorkspaces', port => 8085);
    $records++;
    cmp_ok($answer->{status}, '>=', 400, 'a location without proxy_pass');
    ok(json_of($answer), 'answers in the service\'s form')
        or diag($answer->{body});
}


# odd but valid

{
    my $q = $g->aws_request('DescribeWorkspaces',
        headers => [['X-Amz-User-Agent', 'aws-sdk-js/2.0 test'],
                    ['User-Agent', 'browser']]);
    my $request = sent('X-Amz-User-Agent', http_request(%$q));

    is(Deskgate::SigV4::value($request->{headers}, 'x-amz-user-agent'),
        'aws-sdk-js/2.0 test', 'is sent');
    like(join(';', @{$request->{signed}}), qr/x-amz-user-agent/,
        'and signed');
    is(Deskgate::SigV4::value($request->{headers}, 'user-agent'), 'browser',
        'User-Agent is sent');
}

{
    my @headers = (['Host', 'localhost'],
        $g->operation('DescribeWorkspaces'));
    my $target = Deskgate::SigV4::presign(method => 'POST', body => '{}',
        target => '/', headers => \@headers, region => 'us-east-1',
        service => 'workspaces', %Deskgate::Send::SESSION);
    my $request = sent('presigned with a session token', http_request(
        method => 'POST', target => $target, body => '{}',
        headers => \@headers));

    is($request->{target}, '/', 'which stays here');
}

{
    my $text = Deskgate::Connection::request_text(
        %{$g->aws_request('DescribeWorkspaces')});

    $text =~ s{^POST / }{POST http://localhost/ };

    my $c = $t->connect(8080);

    $c->send($text);

    my $request = sent('a target with scheme and host', $c->answer('POST'));

    is($request->{target}, '/', 'is sent as a path');

    # empty lines before a request (RFC 9112 section 2.2)
    $text = Deskgate::Connection::request_text(
        %{$g->aws_request('DescribeWorkspaces', body => '{"Limit":2}')});
    $c->send("\r\n$text");
    sent('an empty line before a request', $c->answer('POST'));
}

{
    my $q = $g->aws_request('DescribeWorkspaces');

    push @{$q->{headers}}, ['X-Fill', 'x' x 30_000], ['Transfer-Encoding',
        'chunked'];

    my $answer = http_request(%$q);

    $records++;
    is($answer->{status}, 400, 'two lengths at once');
    is(newest()->{raw}, '', 'are not sent');
}

is(scalar $t->wait_records($records), $records, 'one record for each call');

$t->finish;

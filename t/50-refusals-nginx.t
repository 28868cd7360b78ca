#!/usr/bin/perl

# Errors that nginx finds itself, before or instead of a location, and what
# must not happen to refusals: pages, interception, lost connections.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new()->need('curl');

my $location = gateway_location();
my $server = <<'EOF_CONF';
        listen  127.0.0.1:8083 http2;
        client_max_body_size     200k;
        client_body_timeout      500ms;
        client_header_timeout    500ms;
        error_page  400 401 403 404 405 408 413 414 429 494 500 502 503 504
                    505 /page.html;
EOF_CONF

Deskgate::Gateway::configure($t, server => $server,
    location => 'proxy_intercept_errors on;',
    locations => <<'EOF_CONF',
        location = /page.html {
            return 200 "<html>the page of somebody</html>";
        }
EOF_CONF
    http => <<"EOF_CONF");
    server {
        listen       127.0.0.1:8110;
        server_name  localhost;

        location / {
            $location
        }
    }

    server {
        listen       127.0.0.1:8111;
        server_name  localhost;
        deny         all;

        location / {
            $location
            deskgate_throttle  rate=1r/h burst=1 key=service;
        }
    }
EOF_CONF

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

# what never comes to a location

my %early = (
    'target too long' => ['GET /' . 'a' x 80000 . " HTTP/1.1\r\nHost: x\r\n\r\n",
        414, 'MalformedHttpRequestException'],
    'header too long' => ["GET / HTTP/1.1\r\nHost: x\r\nX-A: " . 'a' x 80000
        . "\r\n\r\n", 400, 'MalformedHttpRequestException'],
    'no Host' => ["GET / HTTP/1.1\r\n\r\n", 400,
        'MalformedHttpRequestException'],
    'bad Host' => ["GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400,
        'MalformedHttpRequestException'],
    'two Hosts' => ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400,
        'MalformedHttpRequestException'],
    'bad Content-Length' => ["POST / HTTP/1.1\r\nHost: a\r\n"
        . "Content-Length: 1x\r\n\r\n", 400, 'MalformedHttpRequestException'],
    'length and chunks' => ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5"
        . "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
        'MalformedHttpRequestException'],
    'no such version' => ["GET / HTTP/9.1\r\nHost: a\r\n\r\n", 505,
        'InternalFailure'],
);

foreach my $what (sort keys %early) {
    my ($bytes, $status, $type) = @{$early{$what}};
    my $answer = Deskgate::Connection::parse_head(my $text = http($bytes));

    $text =~ s/^.*?\r\n\r\n//s;

    is($answer->{status}, $status, "$what: status");
    unlike($text, qr/<html|nginx/i, "$what: no page");
    is(header($answer, 'Content-Type'), 'application/json', "$what: JSON");

    my $json = json_of({ body => $text });

    ok($json && length($json->{message} || ''), "$what: a message")
        or diag $text;

    my $id = header($answer, 'x-amzn-RequestId');

    is(scalar(records_of_id($t, $id || 'none')), 1, "$what: one record");

    my ($record) = records_of_id($t, $id || 'none');

    is($record->{errorCode}, $type, "$what: its error");
    is($record->{userIdentity}{type}, 'Unknown', "$what: of nobody");
}

# 404: nothing of ours serves it

my $answer = call(workspaces => 'DescribeNothing', {});

refusal_is($t, $answer, 'aws-json-1.1', 'unknown operation', status => 404,
    type => 'UnknownOperationException', refusal => 'unknown_operation');

# 413 for a body without a length

$answer = http_request(form_request('aws-json-1.1', body => ''), body => undef,
    chunked => ['{"a":"', ('x' x 50000) x 5, '"}'], port => 8080);

refusal_is($t, $answer, 'aws-json-1.1', 'of a chunked body', status => 413,
    type => 'RequestEntityTooLargeException', refusal => 'body_too_large');

# 408: a body that never comes

my %slow = form_request('aws-json-1.1', body => '{"a":"b"}');
my $c = $t->connect(8080);

$c->send(substr Deskgate::Connection::request_text(%slow), 0, -4);
$answer = $c->answer('POST');
ok($answer, 'a client that is slow with its body gets an answer');

refusal_is($t, $answer, 'aws-json-1.1', 'a slow body', status => 408,
    type => 'RequestTimeoutException', refusal => 'request_timeout')
    if $answer;

# HEAD

$c = $t->connect(8080);
$answer = $c->request(method => 'HEAD', target => '/', headers => []);
is($answer->{status}, 404, 'HEAD is refused');
like(header($answer, 'Content-Type'), qr/json/, 'HEAD: media type');
ok(header($answer, 'Content-Length') > 0, 'HEAD: length of the body');
is(header($answer, 'Content-Length') && $c->{buffer}, '', 'HEAD: no body');
is(scalar(records_of_id($t, header($answer, 'x-amzn-RequestId'))), 1,
    'HEAD: one record');

$answer = $c->request(signed_call(workspaces => 'DescribeWorkspaces', {}));
is($answer->{status}, 200, 'HEAD: the connection goes on');

# keepalive, with a body that nobody read

foreach my $length (10, 5000, 150_000) {
    my $body = '{"a":"' . 'x' x $length . '"}';

    $c = $t->connect(8080);

    foreach my $n (1 .. 3) {
        $answer = $c->request(form_request('aws-json-1.1', unsigned => 1,
            body => $body));

        is($answer->{status}, 400, "$length bytes unread: refusal $n");
        is(json_of($answer)->{__type}, 'MissingAuthenticationTokenException',
            "$length bytes unread: form $n");
    }

    $answer = $c->request(signed_call(workspaces => 'DescribeWorkspaces', {}));
    is($answer->{status}, 200, "$length bytes unread: then a call passes");
}

# error pages and interception take nothing of ours

refusal_is($t, http_request(form_request('aws-json-1.1', unsigned => 1)),
    'aws-json-1.1', 'with error_page and interception', status => 400,
    type => 'MissingAuthenticationTokenException',
    refusal => 'credentials_missing');

$aws->behave(drop => 1);
$answer = http_request(form_request('aws-json-1.1'));
unlike($answer->{body}, qr/page of somebody/,
    'an upstream that breaks: no page takes it') ;
is($answer->{status}, 502, 'an upstream that breaks: 502');
$aws->behave();

# what an upstream says itself passes as it is

foreach my $status (400, 401, 403, 404, 413, 429, 500, 502, 503, 504) {
    my $body = "<html>an error of the service, $status</html>";

    $aws->behave(status => $status, body => $body, headers => [
        ['Content-Type', 'text/x-own'], ['x-amzn-ErrorType', 'Own'],
        ['Retry-After', 7], ['x-amzn-RequestId', "own-$status"]]);

    $answer = call(workspaces => 'DescribeWorkspaces', {}, port => 8110);

    is($answer->{status}, $status, "the service's own $status");
    is($answer->{body}, $body, "$status: body unchanged");
    is(header($answer, 'Content-Type'), 'text/x-own', "$status: media type");
    is(header($answer, 'x-amzn-ErrorType'), 'Own', "$status: error header");
    is(header($answer, 'Retry-After'), 7, "$status: Retry-After");
    is_deeply([header($answer, 'x-amzn-RequestId')], ["own-$status"],
        "$status: request id");

    my @records = records_of_id($t, "own-$status");

    is(scalar @records, 1, "$status: one record");
    is($records[0]{additionalEventData}{deskgate}{decision}, 'allowed',
        "$status: it was allowed");
    ok(length($records[0]{errorCode} || ''), "$status: the record has an error");
}

$aws->behave();

# an address that nginx denies costs nothing

my $before = $broker->token_calls;

for my $form (qw/broker aws-json-1.1/) {
    refusal_is($t, http_request(form_request($form), port => 8111), $form,
        'denied by address', status => 403, type => 'AccessDeniedException',
        refusal => 'forbidden');
}

is($broker->token_calls, $before, 'no token is fetched for a denied address');

$t->finish;

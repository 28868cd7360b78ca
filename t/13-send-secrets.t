#!/usr/bin/perl

# The client's credentials stay on its side, ours on ours, and no header that
# only deskgate sets can be brought along.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new()->need('curl');
my $g = Deskgate::Send->new($t);
my ($aws, $broker) = ($g->aws(sign => 'egress_session'), $g->broker);

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}

    # a log that asks for credentials
    log_format  all  '[\$http_authorization][\$http_x_amz_security_token]'
                     '[\$http_cookie][\$deskgate_uri]';
    access_log  %%TESTDIR%%/all.log all;

    underscores_in_headers  on;
    add_header  X-Debug  "\$http_authorization,\$http_x_amz_security_token"
                         always;

    server {
        listen  127.0.0.1:8080;
        listen  127.0.0.1:8090 http2;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    server {
        listen  127.0.0.1:8082;

        location / {
            $broker
            proxy_pass  http://127.0.0.1:8083;
        }

        location = /_deskgate/token {
            internal;
            proxy_pass  http://127.0.0.1:8083/oauth2/token;
        }
    }

    # what a proxy in front often sets
    server {
        listen  127.0.0.1:8084;
        ignore_invalid_headers  off;

        location / {
            $broker
            proxy_set_header  X-Forwarded-For \$proxy_add_x_forwarded_for;
            proxy_set_header  X-Trace \$http_x_trace;
            proxy_pass  http://127.0.0.1:8083;
        }

        location = /_deskgate/token {
            internal;
            proxy_pass  http://127.0.0.1:8083/oauth2/token;
        }
    }

    # nobody is there: an error of nginx's own
    server {
        listen  127.0.0.1:8085;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8086;
        }
    }
}

EOF_CONF

my $up = $g->upstream;
my $lab = Deskgate::Broker->start($t, port => 8083, client_id => 'gateway',
    client_secret => $Deskgate::Send::BROKER_SECRET);

# the beginning of each token that the fake broker gives
$t->secret('gateway-token-', except => [qr/^broker-.*\.requests/]);

$t->run();

my $token = $t->secret($g->token);
my ($host, $bearer) = (['Host', 'localhost'],
    ['Authorization', "Bearer $token"]);


# The newest request of a fake, which is forgotten then
sub newest {
    my ($from) = @_;

    my @requests = $from->requests;

    $from->clear;

    return $requests[-1] || { raw => '', headers => [] };
}


# Header lines that arrived, by lower-case name
sub names {
    my ($request) = @_;

    return join ' ', sort map { lc $_->[0] } @{$request->{headers}};
}


# bearer

my @operation = $g->operation('DescribeWorkspaces');
my $usual = 'authorization content-length content-type host x-amz-date '
    . 'x-amz-security-token x-amz-target';

{
    my $answer = http_request(method => 'POST', body => '{}',
        headers => [$host, @operation, $bearer]);

    is($answer->{status}, 200, 'bearer') or diag($answer->{body});
    is(header($answer, 'x-debug'), ',', 'our credentials are no variable');

    my $request = newest($up);

    is($request->{verdict}, 'ok', 'bearer: signed');
    is(index($request->{raw}, $token), -1, 'the token stays here');
    is(names($request), $usual, 'these headers are sent and no other');
}

my @identity = map { [$_, 'smuggled'] } qw/X-Forwarded-For X-Forwarded-Host
    X-Forwarded-Proto X-Forwarded-User X-Real-IP Forwarded Via X-Client-Cert
    X-Remote-User X-SSL-Client-Cert X-Original-URL X-Rewrite-URL
    X-HTTP-Method-Override X_Forwarded_For/;
my @credentials = map { [$_, 'smuggled'] } qw/Cookie Proxy-Authorization
    X-Deskgate-Caller X_Deskgate_Caller X_Amz_Date X_Amz_Security_Token
    X_Amz_Target/;
my @encodings = (['Accept-Encoding', 'gzip, smuggled'],
    ['Range', 'bytes=0-smuggled'], ['If-Range', 'smuggled']);

my @lengths = map { [$_, 'smuggled'] } qw/Content_Length Transfer_Encoding
    Content_Type/;

foreach my $header (@identity, @credentials, @encodings, @lengths) {
    my ($name) = @$header;
    my $answer = http_request(method => 'POST', body => '{}',
        headers => [$host, @operation, $bearer, $header]);

    my $request = newest($up);

    is($answer->{status}, 200, "$name: the call is sent");
    is($request->{verdict}, 'ok', "$name: the call is signed");
    unlike($request->{raw}, qr/smuggled/, "$name is not sent");
    is(names($request), $usual, "$name: and nothing else");
}

# several lines of one header
foreach my $header (['X-Amz-Date', '20200101T000000Z'],
    ['X-Amz-Security-Token', 'smuggled'],
    ['X-Amz-Content-Sha256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c'
        . 'a495991b7852b855'],
    ['X-Amz-Anything', 'smuggled'], ['Content-Type', 'text/smuggled'],
    ['X-Amz-Target', 'WorkspacesService.Smuggled'])
{
    my ($name) = @$header;
    my $answer = http_request(method => 'POST', body => '{}',
        headers => [$host, @operation, $bearer, $header, $header]);
    my $request = newest($up);

    if ($name eq 'X-Amz-Target' || $name eq 'Content-Type') {
        is($answer->{status}, 400, "$name twice: refused");
        is($request->{raw}, '', "$name twice: not sent");
        next;
    }

    is($request->{verdict}, 'ok', "$name twice: signed");
    is(names($request), $usual, "$name twice: sent once or not at all");
    unlike($request->{raw}, qr/20200101|smuggled/i,
        "$name twice: the client's is not sent");
}

foreach my $connection ('X-Amz-Date', 'Authorization, X-Amz-Date',
    'keep-alive, x-amz-target', 'Host')
{
    my $answer = http_request(method => 'POST', body => '{}', headers =>
        [$host, @operation, $bearer, ['Connection', $connection]]);

    is($answer->{status}, 200, "Connection: $connection");

    my $request = newest($up);

    is($request->{verdict}, 'ok', "Connection: $connection: signed");
    is(names($request), $usual, 'and no header is lost by it');
}


# two credentials; nginx itself logs both lines, so it is another token

my $twice = ['Authorization', 'Bearer ' . $g->token(sub => 'twice')];

foreach my $more ($twice,
    ['Authorization', 'Basic YTpi'], ['authorization', 'AWS4-HMAC-SHA256 x'])
{
    my $answer = http_request(method => 'POST', body => '{}',
        headers => [$host, @operation, $twice, $more]);

    like($answer->{status}, qr/^4/, "a second $more->[0]: refused");
    is($up->count, 0, 'and not sent');
}

{
    my $answer = http_request(method => 'POST', body => '{}',
        target => '/?X-Amz-Signature=abc&X-Amz-Credential=a',
        headers => [$host, @operation, $bearer]);

    like($answer->{status}, qr/^4/, 'a bearer token and a presigned query');
    is($up->count, 0, 'and not sent');
}


# signed by the client

{
    my $q = $g->aws_request('DescribeWorkspaces',
        as => \%Deskgate::Send::SESSION);
    my $answer = http_request(%$q);
    my $request = newest($up);

    is($answer->{status}, 200, 'a signed call') or diag($answer->{body});
    is($request->{verdict}, 'ok', 'signed anew');
    unlike($request->{raw}, qr/ASIDCLIENT|smuggled|session-token-of-the/,
        'nothing of the client\'s credentials');

    $answer = $t->curl('--http2-prior-knowledge',
        (map { ('-H', "$_->[0]: $_->[1]") } @{$q->{headers}}),
        '-H', 'Cookie: smuggled', '-H', 'Accept:', '-H', 'User-Agent:',
        '--data-binary', '{}', 'http://127.0.0.1:' . port(8090) . '/');
    $request = newest($up);
    is($answer->{status}, 200, 'the same over HTTP/2');
    is(names($request), $usual, 'these headers and no other');
}


# nobody answers

{
    my $answer = http_request(method => 'POST', body => '{}', port => 8085,
        headers => [$host, @operation, $bearer]);

    is($answer->{status}, 502, 'an error of nginx\'s own');
    unlike(join("\n", map { "@$_" } @{$answer->{headers}}) . $answer->{body},
        qr/session-token-of|AWS4-HMAC|AKID|ASID|Bearer ey/,
        'shows no credentials');
}


# broker

my @json = (['Content-Type', 'application/json']);

{
    my $answer = http_request(method => 'POST', port => 8082, body => '{}',
        target => '/describeSessions', headers => [$host, @json, $bearer,
        @identity, @credentials, ['Accept-Encoding', 'gzip, smuggled'],
        ['X-Amz-Date', 'smuggled']]);

    is($answer->{status}, 200, 'a broker\'s call') or diag($answer->{body});
    is(header($answer, 'x-debug'), ',', 'the injected token is no variable');

    my ($fetch, $call) = $lab->requests;

    is(index("$fetch->{raw}$call->{raw}", $token), -1,
        'the client\'s token stays here');
    unlike("$fetch->{raw}$call->{raw}", qr/smuggled/, 'and all the rest');
    is(Deskgate::SigV4::value($call->{headers}, 'x-forwarded-for'),
        '127.0.0.1', 'X-Forwarded-For is the client\'s address, not its word');
    is(names($call), 'authorization content-length content-type host '
        . 'x-forwarded-for', 'these headers and no other');
    unlike($fetch->{raw}, qr/x-forwarded|describeSessions|cookie/i,
        'the token call has nothing of the client');
    $lab->clear;
}

{
    my $answer = http_request(method => 'POST', port => 8084, body => '{}',
        target => '/describeSessions', headers => [$host, @json, $bearer,
        ['X-Forwarded-For', '198.51.100.7'], ['X-Trace', 'kept'],
        ["X-Forwarded-For\t", 'smuggled'], ['X Bad', 'smuggled']]);

    is($answer->{status}, 400, 'invalid header names');
    is($lab->count, 0, 'are not sent');
}

{
    my $answer = http_request(method => 'POST', port => 8084, body => '{}',
        target => '/describeSessions', headers => [$host, @json, $bearer,
        ['X-Forwarded-For', '198.51.100.7'], ['X-Trace', 'kept']]);
    my $call = newest($lab);

    is($answer->{status}, 200, '$proxy_add_x_forwarded_for is accepted');
    is(join(',', Deskgate::SigV4::values_of($call->{headers},
        'x-forwarded-for')), '127.0.0.1', 'and appends to nothing');
    like($call->{raw}, qr/X-Trace: kept/, 'other headers are sent');
}

ok($t->read_file('all.log') !~ /AWS4|Bearer|session-token/,
    'a log that asks for credentials has none');

$t->finish;

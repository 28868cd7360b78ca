#!/usr/bin/perl

# The harness itself: what it sends, keeps, verifies and finds, with a plain
# nginx between curl and the fake upstream.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Upstream;

my $t = Deskgate->new()->need('curl');

$t->{modules} = [];

$t->write_file_expand('nginx.conf', <<'EOF_CONF');

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    server {
        listen       127.0.0.1:8080;
        listen       127.0.0.1:8083 http2;

        location / {
            proxy_pass          http://127.0.0.1:8081;
            proxy_http_version  1.1;
            proxy_set_header    Host $http_host;
            proxy_set_header    Connection "";
        }

        location /broker/ {
            proxy_pass          http://127.0.0.1:8082/;
        }
    }
}

EOF_CONF

my %key = (access_key => 'AKIDEXAMPLE', secret_key => 'a-secret-of-the-tests');

$t->secret($key{secret_key});

my $up = Deskgate::Upstream->start($t, port => 8081, name => 'aws',
    secrets => { $key{access_key} => $key{secret_key} },
    region => 'us-east-1', service => 'workspaces');

my $broker = Deskgate::Broker->start($t, port => 8082, client_id => 'gateway',
    client_secret => 'broker-password');

$t->run();

my $port = port(8080);
my @sign = ('--aws-sigv4', 'aws:amz:us-east-1:workspaces', '--user',
    "$key{access_key}:$key{secret_key}", '-H', 'Content-Type: application/json',
    '-d', '{"a":1}');

my $answer = $t->curl(@sign, "http://127.0.0.1:$port/path");

is($answer->{status}, 200, 'curl signs and the upstream verifies');

$answer = $t->curl(@sign, '-H', 'Host: changed.example',
    "http://127.0.0.1:$port/");

is($answer->{status}, 200, 'the host is what was signed');

my $h2 = port(8083);

$answer = $t->curl('--http2-prior-knowledge', @sign, "http://127.0.0.1:$h2/2");

is($answer->{status}, 200, 'over HTTP/2');
like($answer->{version}, qr{^HTTP/2}, 'which it was');

my ($first) = $up->requests;

is($first->{method}, 'POST', 'method kept');
is($first->{body}, '{"a":1}', 'body kept');
is($first->{verdict}, 'ok', 'verdict kept');
like($first->{raw}, qr{^POST /path HTTP/1\.1\r\nHost: 127}, 'bytes kept');

my %mine = (method => 'PUT', target => '/mine', headers => [
    ['Host', "localhost:$port"]], body => 'text');

my $signed = Deskgate::SigV4::sign(%key, %mine, region => 'us-east-1',
    service => 'workspaces');

is(http_request(%mine, headers => $signed)->{status}, 200, 'own signer');
is(http_request(%mine, headers => $signed, body => 'texu')->{status}, 403,
    'a changed body is refused');

my $c = $t->connect(8080);

is($c->request(%mine, headers => $signed)->{status}, 200, 'keepalive');
is($c->request(%mine, headers => $signed, body => undef,
    chunked => ['te', 'xt'])->{status}, 200, 'chunked, same connection');

$up->behave(status => 503, body => 'later', headers => [['Retry-After', 2]],
    times => 1);

$answer = http_request(%mine, headers => $signed);

is($answer->{status}, 503, 'a fault once');
is(header($answer, 'retry-after'), 2, 'with its header');
is(http_request(%mine, headers => $signed)->{status}, 200, 'and then not');

$up->behave(body => 'x' x 100, cut => 10);
$answer = http_request(%mine, headers => $signed);
ok($answer->{cut}, 'a cut answer is seen as such');
$up->behave(drop => 1);
is(http_request(%mine, headers => $signed)->{status}, 502, 'no answer at all');
$up->behave();

is(http_get('/broker/describeSessions')->{status}, 401, 'no token');

$answer = http_request(method => 'POST',
    target => '/broker/oauth2/token?grant_type=client_credentials',
    headers => [['Authorization', 'Basic Z2F0ZXdheTpicm9rZXItcGFzc3dvcmQ=']]);

my $token = json_of($answer)->{access_token};
my @bearer = (headers => [['Authorization', "Bearer $token"]]);

is(http_get('/broker/x', @bearer)->{status}, 200, 'with a token');
$broker->revoke;
is(http_get('/broker/x', @bearer)->{status}, 401, 'with a revoked one');
is($broker->token_calls, 1, 'token calls are counted');
is($broker->api_calls, 3, 'other calls too');

ok($t->reload, 'reload');
$t->write_file('nginx.conf', 'nonsense');
ok(!$t->reload, 'a bad configuration is refused');
$t->allow(qr/\[emerg\].*(unexpected end|unknown directive)/);

is_deeply([$t->leaks], [], 'no leak so far');
open my $out, '>', $t->testdir . '/leak' or die;
print $out "x $key{secret_key} y";
close $out;
is_deeply([$t->leaks], ['leak holds a-se...'], 'a leak is found');
unlink $t->testdir . '/leak';

$t->finish;

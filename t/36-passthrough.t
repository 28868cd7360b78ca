#!/usr/bin/perl

# Clients of a broker that keeps its own authorization server: their token
# call goes through the gateway, what they get is a handle, and that opens
# the gateway for calls of this broker and nothing else.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/encode_base64/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Upstream;

my $t = Deskgate->new();
my $JSON = JSON::PP->new->canonical;
my $ID = '3f0e0a6e-1b5c-4f6e-9e7f-2f7c7d9d1a11';
my $SECRET = 'cGFzc3dvcmQtb2YtdGhlLWNsaWVudA==';
my $ARN = "arn:aws:deskgate::${ACCOUNT}:opaque";

my $location = gateway_location(authenticate => 'handle=pass',
    services => ['dcv-session-manager'],
    policy => 'deskgate_policy %%TESTDIR%%/pass.json;');

sub api {
    my ($port, $broker, %more) = @_;

    my $text = $location =~ s/deskgate_inject lab/deskgate_inject $broker/r
        =~ s/handle=pass/$more{authenticate} || "handle=$broker"/er
        =~ s/\$desk_upstream/behind/r;

    return "
    server {
        listen       127.0.0.1:$port;
        server_name  localhost;

        location / { $text }

        location = /oauth2/token {
            deskgate_token passthrough broker=$broker region=us-east-1;
            deskgate_audit trail;
            @{[$more{token} || '']}
        }
        location = /real {
            deskgate_token passthrough=real broker=$broker region=us-east-1;
            deskgate_audit trail;
        }
        location = /_pass  { internal; proxy_pass http://behind/oauth2/token; }
        location = /_pass2 { internal; proxy_pass http://behind/oauth2/token; }
        location = /_bad   { internal; proxy_pass http://behind/bad; }
    }
";
}

$t->write_file('pass.json', Deskgate::Gateway::policy_text(
    { Effect => 'Allow', Principal => { AWS => "$ARN/pass/$ID" },
      Action => 'dcv-session-manager:DescribeSessions', Resource => '*' },
    { Effect => 'Allow', Principal => { AWS => "$ARN/pass2/$ID" },
      Action => '*', Resource => '*' }));

Deskgate::Gateway::configure($t, workers => 2, http => '
    deskgate_broker pass  { token /_pass; }
    deskgate_broker pass2 { token /_pass2; }
    deskgate_broker both  {
        token               /_pass;
        client_id           ' . $ID . ';
        client_secret_file  %%TESTDIR%%/client.secret;
    }
    deskgate_broker bad { token /_bad; grant body; }
    upstream behind { server 127.0.0.1:8103; }
' . api(8111, 'pass') . api(8112, 'pass2') . api(8113, 'bad')
  . api(8114, 'both', authenticate => 'handle=both sigv4=desks')
  . api(8115, 'pass', token => 'deskgate_throttle rate=1r/m burst=2'
      . ' key=address;')
  . api(8116, 'pass', token => 'deskgate_authentication_failures'
      . ' rate=1r/m burst=3;'));

$t->write_file('client.secret', "$SECRET\n");
chmod 0600, $t->testdir . '/client.secret';

my $mode = $t->testdir . '/mode';
my $issued = 0;
my %bad = (
    html => { body => '<html>broker-token-html</html>' },
    cut => { body => '{"access_token":"broker-token-cut","expires_in":9}',
             cut => 20 },
    large => { body => '{"access_token":"broker-token-large","x":"'
               . 'x' x 140_000 . '"}' },
    long => { body => '{"access_token":"broker-token-'
              . 'l' x 17_000 . '"}' },
    breaks => { body => '{"access_token":"broker-token\r\nX-Evil: 1"}' },
    broken => { status => 500, body => 'no' },
    wrong => { status => 400, body => '{"error":"invalid_scope"}' },
);

my $broker = Deskgate::Upstream->start($t, port => 8103, name => 'behind',
    answer => sub {
        my ($q) = @_;
        my $got = Deskgate::SigV4::value($q->{headers}, 'authorization')
            || '';
        my $now = -e $mode ? $t->read_file('mode') : '';

        return $bad{$now} if $q->{target} =~ m{^/bad};

        if ($q->{target} =~ m{^/oauth2/token}) {
            return { status => 401, body => '{"error":"invalid_client"}' }
                if $got ne 'Basic ' . encode_base64("$ID:$SECRET", '');
            return { status => 400, body => 'no grant' }
                if $q->{target} ne
                    '/oauth2/token?grant_type=client_credentials';
            return { headers => [['Content-Type', 'application/json']],
                     body => $JSON->encode({ token_type => 'bearer',
                         access_token => 'broker-token-' . ++$issued,
                         expires_in => $now eq 'short' ? 2 : 3600 }) };
        }

        return { status => 401, body => '{"error":"token is not valid"}' }
            if $now eq 'revoked' || $got !~ /^Bearer broker-token-\d+$/;
        return { headers => [['Content-Type', 'application/json']],
                 body => '{"RequestId":"r","Sessions":[]}' };
    });

$t->secret('broker-token-', except => [qr/^behind\.requests/]);
$t->secret($SECRET, except => [qr/^client\.secret/, qr/^behind\.requests/]);
$t->secret(encode_base64("$ID:$SECRET", ''),
    except => [qr/^behind\.requests/]);
Deskgate::Gateway::upstreams($t);
$t->run();


# as clients of brokers do it

my $answer = token();
my $given = Deskgate::json_of($answer);
my $handle = $given->{access_token};

is($answer->{status}, 200, 'the grant in the query, an empty body');
like($handle, qr/^dgh1_[A-Za-z0-9_-]{43}$/, 'a handle');
is(lc $given->{token_type}, 'bearer', 'token_type');
is($given->{expires_in}, 3600, 'as long as the broker says');
is(Deskgate::header($answer, 'cache-control'), 'no-store', 'not kept');
$t->secret($handle);

my $record = record_of($t, $answer);

is($record->{eventName}, 'GetAccessToken', 'a record');
is($record->{eventSource}, 'dcv-session-manager', 'of a broker\'s call');
is($record->{userIdentity}{userName}, $ID, 'who');
is($record->{requestParameters}{clientId}, $ID, 'the client id');
is($record->{requestParameters}{clientSecret},
    'HIDDEN_DUE_TO_SECURITY_REASONS', 'and no secret');

my $second = Deskgate::json_of(token(body =>
    'grant_type=client_credentials', target => '/oauth2/token'))
    ->{access_token};

like($second, qr/^dgh1_/, 'the grant in the body');
isnt($second, $handle, 'another handle');

foreach my $n (1 .. 4) {
    $broker->clear;
    $answer = call_with($handle);
    is($answer->{status}, 200, 'the handle opens the gateway');
    is(Deskgate::SigV4::value(($broker->requests)[0]{headers},
        'authorization'), 'Bearer broker-token-1',
        'the broker gets the token that it stands for');
}

call_with($second);
is(Deskgate::SigV4::value(($broker->requests)[-1]{headers},
    'authorization'), 'Bearer broker-token-2', 'each its own');

$record = record_of($t, $answer);
is($record->{userIdentity}{userName}, $ID, 'recorded as who it is');
is($record->{userIdentity}{type}, 'WebIdentityUser', 'and what');

is(refusal_of($t, call_with($handle, operation => 'deleteSessions',
    body => '[{"SessionId":"s","Owner":"o"}]')), 'denied_implicit',
    'policies decide');


# what opens nothing

foreach my $case (
    [8112, $handle, 'a handle of another broker'],
    [8111, 'dgh1_' . 'A' x 43, 'one that nobody gave'],
    [8111, $handle . 'x', 'one with more'],
    [8111, 'broker-token-1', 'the broker\'s own token'],
    )
{
    my ($port, $token, $name) = @$case;

    $broker->clear;
    $answer = call_with($token, port => $port);
    is($answer->{status}, 401, $name);
    like(Deskgate::header($answer, 'www-authenticate'),
        qr/error="invalid_token"/, "$name: invalid_token");
    is($broker->count, 0, "$name: nothing is sent");
}

is(call_with($handle, port => 8080)->{status}, 401,
    'a location that takes no handles');


# the broker takes its token back

$t->write_file('mode', 'revoked');
$broker->clear;
is(call_with($second)->{status}, 401, 'the broker refuses its token');
is(scalar @{[$broker->requests]}, 1, 'which is not tried again');
unlink $mode;
is(call_with($second)->{status}, 401, 'and the handle is no more');
is(call_with($handle)->{status}, 200, 'the other one is');


# its end

$t->write_file('mode', 'short');
my $short = Deskgate::json_of(token())->{access_token};
is(call_with($short)->{status}, 200, 'a token of two seconds');
sleep 3;
is(call_with($short)->{status}, 401, 'ends');
unlink $mode;


# a client has so many of them

my @handles = map { Deskgate::json_of(token(port => 8112))->{access_token} }
    1 .. 17;

is(call_with($handles[0], port => 8112)->{status}, 401,
    'the seventeenth drops the first');
is(call_with($handles[$_], port => 8112)->{status}, 200, 'the others live')
    foreach 1, 16;


# what is refused

foreach my $case (
    [401, 'invalid_client', 'a wrong secret', secret => 'x'],
    [401, 'invalid_client', 'an unknown client', id => 'x'],
    [401, 'invalid_client', 'no Basic', headers => []],
    [401, 'invalid_client', 'a bearer token',
        headers => [['Authorization', 'Bearer x']]],
    [400, 'invalid_request', 'no grant', target => '/oauth2/token'],
    [400, 'unsupported_grant_type', 'another grant',
        target => '/oauth2/token?grant_type=password'],
    [400, 'invalid_request', 'a secret in the query',
        target => '/oauth2/token?grant_type=client_credentials'
            . '&client_secret=x'],
    [405, 'invalid_request', 'GET', method => 'GET'],
    )
{
    my ($status, $error, $name, %opt) = @$case;

    $answer = token(%opt);
    is($answer->{status}, $status, "$name: status");
    is(Deskgate::json_of($answer)->{error}, $error, "$name: $error");
}

foreach my $name (sort keys %bad) {
    $t->write_file('mode', $name);
    $answer = token(port => 8113);
    is($answer->{status}, $name eq 'broken' ? 503 : $name eq 'wrong' ? 400
        : 502, "$name: is not passed on");
    unlike($answer->{body}, qr/broker-token|html/, "$name: nothing of it");
}

unlink $mode;

is_deeply([map { token(port => 8115)->{status} } 1 .. 3], [200, 200, 429],
    'it is limited');

my @statuses = map { token(port => 8116, secret => "x$_")->{status} } 1 .. 6;

is($statuses[0], 401, 'wrong secrets');
is($statuses[-1], 429, 'are limited');


# real

is(Deskgate::json_of(token(target =>
    '/real?grant_type=client_credentials', real => 1))->{access_token}
    =~ s/\d+$//r, 'broker-' . 'token-', 'passthrough=real: the broker\'s own');


# beside others

is(call('dcv-session-manager', 'DescribeSessions', {}, port => 8114
    )->{status}, 403, 'callers with keys, with the gateway\'s own client');
is(call_with(Deskgate::json_of(token(port => 8114))->{access_token},
    port => 8114)->{status}, 403, 'and handles: policies decide for each');


# configurations

my $text = $t->read_file('nginx.conf');

foreach my $case (
    [qr/deskgate_token passthrough broker=pass /,
        'deskgate_token passthrough ', 'needs broker='],
    [qr/deskgate_token passthrough broker=pass /,
        'deskgate_token passthrough broker=none ', 'names no'],
    [qr/deskgate_token passthrough broker=pass /,
        'deskgate_token passthrough=x broker=pass ', 'passthrough=real'],
    [qr/deskgate_token passthrough broker=pass /,
        'deskgate_token passthrough broker=pass grants=x ', 'never both'],
    [qr/(deskgate_token passthrough broker=pass region=us-east-1;)/,
        'deskgate_token passthrough broker=pass; ', 'name a region'],
    [qr/handle=pass;/, 'handle=pass2;', 'is to name that one'],
    [qr/handle=pass;/, 'handle=none;', 'no deskgate_broker'],
    [qr/handle=pass;/, 'handle=pass sigv4=desks;', 'needs client_id'],
    [qr/(deskgate_token passthrough broker=pass [^;]*;)/,
        'deskgate_token passthrough broker=pass region=r;'
        . ' deskgate_token passthrough broker=pass region=r;',
        'is for a location of its own'],
    )
{
    my ($from, $to, $says) = @$case;

    like(scalar $t->check_config($text =~ s/$from/$to/r), qr/\Q$says\E/,
        "nginx -t: $says");
}

$t->stop();
$t->allow(qr/deskgate refused|answer of token endpoint|prematurely closed/);
$t->allow(qr/an upstream response is buffered/);
$t->finish();


sub token {
    my (%opt) = @_;

    my $id = defined $opt{id} ? $opt{id} : $ID;
    my $secret = defined $opt{secret} ? $opt{secret} : $SECRET;
    my $body = defined $opt{body} ? $opt{body} : '';

    return Deskgate::http_request(method => $opt{method} || 'POST',
        port => $opt{port} || 8111, body => $body,
        target => $opt{target}
            || '/oauth2/token?grant_type=client_credentials',
        headers => [['Host', 'localhost'],
            ['Content-Type', 'application/x-www-form-urlencoded'],
            ['Content-Length', length $body],
            @{$opt{headers} || [['Authorization',
                'Basic ' . encode_base64("$id:$secret", '')]]}]);
}


sub call_with {
    my ($token, %opt) = @_;

    my $body = $opt{body} || '{}';

    return Deskgate::http_request(method => 'POST',
        port => $opt{port} || 8111, body => $body,
        target => '/' . ($opt{operation} || 'describeSessions'),
        headers => [['Host', 'localhost'], ['Content-Length', length $body],
            ['Content-Type', 'application/json'],
            ['Authorization', "Bearer $token"]]);
}

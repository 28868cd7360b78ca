#!/usr/bin/perl

# Bearer tokens: whom they let in, at which location, how long; and forged,
# stale, foreign and misplaced ones, which let nobody in.

use warnings;
use strict;

use Digest::SHA qw/hmac_sha256/;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/encode_base64url decode_base64url/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my @call = (workspaces => 'DescribeWorkspaces', {});

# algorithm, kid, name of the pair of files
my %keys = (rsa => ['rs256', 'r1'], ec => ['es256', 'e1'],
    other => ['rs256', 'r1'], own => ['es256', 'o1']);

foreach my $name (sort keys %keys) {
    my ($status, $out) = $t->tool('deskgate-token', 'keygen', @{$keys{$name}},
        map { $t->testdir . "/$name.$_" } qw/pem jwks/);

    die $out if $status;
}

my @sets = map { $JSON->decode($t->read_file("$_.jwks"))->{keys}[0] }
    qw/rsa ec/;

$t->write_file('corp.jwks', $JSON->encode({ keys => \@sets }));

my %issuers = (
    corp    => "issuer $URL; audience deskgate desks; jwks %%TESTDIR%%/corp.jwks;"
        . ' algorithms RS256 ES256; leeway 0s; groups groups;',
    narrow  => "issuer $URL; audience other; jwks %%TESTDIR%%/corp.jwks;"
        . ' algorithms RS256 ES256; leeway 0s;',
    foreign => "issuer $URL; audience deskgate; jwks %%TESTDIR%%/other.jwks;"
        . ' algorithms RS256; leeway 0s;',
    second  => 'issuer https://second.example; audience deskgate;'
        . ' jwks %%TESTDIR%%/own.jwks; algorithms ES256; leeway 0s;',
    rsonly  => "issuer $URL; audience deskgate; jwks %%TESTDIR%%/corp.jwks;"
        . ' algorithms RS256; leeway 0s;',
    lenient => "issuer $URL; audience deskgate; jwks %%TESTDIR%%/corp.jwks;"
        . ' algorithms RS256 ES256; leeway 120s;',
);

my %ports = (8081 => 'bearer=narrow', 8082 => 'bearer=foreign',
    8083 => 'bearer=second', 8084 => 'bearer=rsonly',
    8085 => 'bearer=lenient', 8086 => 'sigv4=desks',
    8087 => 'bearer=second,corp', 8088 => 'bearer=corp,second');

Deskgate::Gateway::configure($t,
    authenticate => 'bearer=corp sigv4=desks',
    http => join('', map { "deskgate_issuer $_ { $issuers{$_}"
            . " account $ACCOUNT; }\n" } sort keys %issuers)
        . join('', map { '
    server {
        listen       127.0.0.1:' . $_ . ';
        server_name  localhost;

        location / {
            ' . gateway_location(authenticate => $ports{$_}) . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }
' } sort keys %ports));

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my %claims = (iss => $URL, aud => 'deskgate', sub => 'alice');


# who comes in

foreach my $key ('rsa', 'ec') {
    my $answer = bearer(token($key));

    is($answer->{status}, 200, "$keys{$key}[0]");

    my $identity = (grep { ($_->{userIdentity}{type} || '')
        eq 'WebIdentityUser' } $t->wait_records(1))[-1]{userIdentity};

    is($identity->{principalId} =~ /alice$/ ? 'alice' : $identity->{principalId},
        'alice', "$keys{$key}[0]: the record names the caller");
}

allowed('a list of audiences', token('rsa', aud => ['x', 'desks']));
allowed('at+jwt', token('rsa', \%claims, '--typ', 'at+jwt'));
is((grep { $_->{verdict} ne 'ok' } $aws->requests), 0, 'signed by the gateway');
ok(!(grep { $_->{raw} =~ /Bearer|eyJ/ } $aws->requests),
    'and the token stays here');


# claims

refused('token_audience', 'wrong audience', token('rsa', aud => 'others'));
refused('token_audience', 'a prefix of it', token('rsa', aud => 'desk'));
refused('token_audience', 'no audience', token('rsa', aud => undef));
refused('token_issuer', 'wrong issuer', token('rsa', iss => "$URL/"));
refused('token_issuer', 'no issuer', token('rsa', iss => undef));
refused('token_expired', 'expired', token('rsa', exp => time - 2));
refused('token_early', 'early', token('rsa', nbf => time + 60));
refused('token_early', 'issued in the future', token('rsa', iat => time + 60));
refused('token_claim', 'no exp', sign_token('rsa', { %claims }));
refused('token_claim', 'exp as a string', token('rsa', exp => '9999999999x'));
refused('token_claim', 'exp below zero', token('rsa', exp => -1));
refused('token_claim', 'exp beyond all time', token('rsa', exp => 1e15));
refused('token_claim', 'no subject', token('rsa', sub => undef));
refused('token_claim', 'a refresh token', token('rsa', typ => 'Refresh'));

is(bearer(token('rsa', exp => time - 60), port => 8085)->{status}, 200,
    'expired within the leeway');
refused('token_expired', 'and beyond it', token('rsa', exp => time - 125),
    port => 8085);
is(bearer(token('rsa', nbf => time + 60), port => 8085)->{status}, 200,
    'early within the leeway');
refused('token_early', 'and beyond it', token('rsa', nbf => time + 200),
    port => 8085);


# keys and algorithms

my $good = token('rsa');
my ($head, $payload, $signature) = split /\./, $good;
my $pem = $t->read_file('rsa.pem');
my $public = `openssl pkey -in '@{[$t->testdir]}/rsa.pem' -pubout`;

like($public, qr/BEGIN PUBLIC KEY/, 'the public key is known to all');

foreach my $none (qw/none None NONE nOnE/, '') {
    refused('token_algorithm', "alg \"$none\" with no signature",
        forged({ alg => $none, kid => 'r1', typ => 'JWT' }, ''));
    refused('token_algorithm', "alg \"$none\" with a signature",
        forged({ alg => $none, kid => 'r1', typ => 'JWT' },
            decode_base64url($signature)));
}

foreach my $secret ($public, $public =~ s/\n$//r, 'deskgate', '',
                    $t->read_file('corp.jwks'))
{
    refused('token_algorithm', 'HMAC with what everybody knows: '
        . substr($secret, 0, 12) =~ s/\n.*//sr,
        hmac_forged({ alg => 'HS256', kid => 'r1', typ => 'JWT' }, $secret));
}

refused('token_signature', 'signed by another key of that kid',
    token('other'));
refused('token_key_unknown', 'a kid that nobody has',
    sign_token('rsa', { %claims, exp => time + 60 }, 'r2'));
refused('token_algorithm', 'the kid of the other kind of key',
    sign_token('rsa', { %claims, exp => time + 60 }, 'e1'));
refused('token_algorithm', 'RS256 named ES256 under the RSA kid',
    forged({ alg => 'ES256', kid => 'r1', typ => 'JWT' },
        decode_base64url($signature)));
refused('token_signature', 'RS256 named ES256 under the EC kid',
    forged({ alg => 'ES256', kid => 'e1', typ => 'JWT' }, 'x' x 64));
refused('token_signature', 'an ES256 signature of zeros',
    forged({ alg => 'ES256', kid => 'e1', typ => 'JWT' }, "\0" x 64));
refused('token_algorithm', 'an algorithm that is not configured',
    forged({ alg => 'PS256', kid => 'r1', typ => 'JWT' }, 'x' x 256));
refused('token_algorithm', 'ES256 where RS256 alone is configured',
    token('ec'), port => 8084);
is(bearer(token('rsa'), port => 8084)->{status}, 200, 'and RS256 passes there');

foreach my $header ([jku => 'https://evil.example/jwks'],
    [jwk => $sets[0]], [x5u => 'https://evil.example/cert'])
{
    isnt(bearer(forged({ alg => 'RS256', kid => 'r1', @$header },
        decode_base64url($signature)))->{status}, 200,
        "$header->[0] does not bring a key");
}

refused('token_signature', 'an altered payload', join '.', $head,
    encode_base64url($JSON->encode({ %claims, sub => 'root',
        exp => time + 600 })), $signature);


# forms

refused('token_malformed', 'five parts', "$good.AA.AA");
refused('token_malformed', 'two parts', "$head.$payload");
refused('token_malformed', 'padding', "$good=");
refused('token_malformed', 'another alphabet', join '.', $head, $payload,
    '+' . substr($signature, 1));
refused('token_malformed', 'not even a token', 'x');
refused('token_malformed', 'encrypted', join '.',
    encode_base64url('{"alg":"RSA-OAEP","enc":"A256GCM"}'), ('AA') x 4);
refused('token_malformed', 'critical header', join '.', encode_base64url(
    '{"alg":"RS256","kid":"r1","crit":["x"],"x":1}'), $payload, $signature);

foreach my $size (1700, 4096, 8192, 32768, 65536) {
    my $token = sized($size);

    cmp_ok(abs(length($token) - $size), '<', 16, "a token of $size bytes");
    allowed("a token of $size bytes, $_", $token) foreach 'new', 'known';
    refused('token_signature', "a token of $size bytes, altered",
        altered($token));
}


# where it may stand

foreach my $scheme ('bearer', 'BEARER', 'Bearer  ') {
    is(send_call([['Authorization', "$scheme $good"]])->{status}, 200,
        "scheme $scheme");
}

foreach my $header ('Bearer', 'Bearer ', "Bearer$good", "Basic $good", $good,
                    "Token $good")
{
    isnt(send_call([['Authorization', $header]])->{status}, 200,
        'not a bearer token: ' . substr $header, 0, 12);
}

foreach my $where ("/?access_token=$good", "/?token=$good",
                   "/?Authorization=Bearer%20$good")
{
    my $answer = send_call([], target => $where);

    is(refusal_of($t, $answer), 'credentials_missing',
        'not taken from the query: ' . substr $where, 2, 8);
}

is(refusal_of($t, send_call([['X-Amz-Security-Token', $good]])),
    'credentials_missing', 'nor from another header');

isnt(send_call([['Authorization', "Bearer $good"],
    ['Authorization', "Bearer $good"]])->{status}, 200,
    'two Authorization headers');
isnt(send_call([['Authorization', "Bearer x"],
    ['Authorization', "Bearer $good"]])->{status}, 200,
    'in whatever order');
refused('credentials_ambiguous', 'a presigned call with a token', $good,
    target => '/?X-Amz-Signature=0');


# challenges

is(challenge(send_call([])), 'Bearer realm="deskgate"', 'without credentials');
is(challenge(bearer('x')), 'Bearer realm="deskgate", error="invalid_token"',
    'with a wrong token');
is(challenge(bearer($good)), undef, 'with a good one');
is(challenge(send_call([], port => 8086)), undef,
    'where no token would be taken');
isnt(bearer($good, port => 8086)->{status}, 200, 'none is taken there');


# one token, several locations, in both orders, known and unknown

my %expected = (8080 => 'allowed', 8081 => 'token_audience',
    8082 => 'token_signature', 8083 => 'token_issuer', 8087 => 'allowed',
    8088 => 'allowed');

foreach my $order ([sort keys %expected], [reverse sort keys %expected]) {
    my $token = token('rsa', jti => "@$order");

    foreach my $round ('first', 'second') {
        foreach my $port (@$order) {
            is(refusal_of($t, bearer($token, port => $port)),
                $expected{$port}, "port $port, $round time, from $order->[0]");
        }
    }
}

my %own = (iss => 'https://second.example', sub => 'alice');
my @names = map { record_of($t, bearer($_, port => 8087))->{userIdentity}{principalId} }
    token('rsa'), token('own', %own);

isnt($names[0], $names[1], 'one subject of two issuers is two callers');
like($names[0], qr{jwt/corp/alice$}, 'of the first');
like($names[1], qr{jwt/second/alice$}, 'of the second');
refused('token_issuer', "the second's token at the first", token('own', %own));
refused('token_key_unknown', "the second's key for the first's issuer",
    token('own'), port => 8087);


# subjects that would be somebody else

my %ids;

foreach my $sub ('alice', 'Alice', 'alice/x', '../alice', 'alice%2Fx',
    'corp/alice', "a\\b", '*', 'alice ', "\x{e9}")
{
    my $answer = bearer(token('rsa', sub => $sub));

    is($answer->{status}, 200, 'a subject of its own');

    my $id = record_of($t, $answer)->{userIdentity}{principalId};

    ok(!$ids{$id}++, "$id is nobody else");
    unlike($id =~ s{^.*?jwt/corp/}{}r, qr{[^A-Za-z0-9+=,.\@_%-]},
        'and has no letter that means something');
}


# time goes by

my $short = token('rsa', exp => time + 3);

allowed('a token that ends soon', $short);
allowed('known now', $short);
sleep 4;
refused('token_expired', 'when its time has come', $short);
refused('token_expired', 'and ever after', $short);

my $bad = altered($good);

refused('token_signature', "a refusal, $_", $bad) foreach 'new', 'known';
allowed('does not touch the good one', $good);

my @claimed = map { record_of($t, bearer($bad)) } 1, 2;

is($_->{userIdentity}{principalId}, undef, 'a refused bearer is nobody')
    foreach @claimed;
like($JSON->encode($claimed[0]{additionalEventData}{deskgate}{claimed} || {}),
    qr/alice/, 'whom the token claims is beside, also when it is known');

my $soon = token('rsa', nbf => time + 2);

refused('token_early', 'not yet', $soon);
sleep 3;
allowed('an early token is not refused for longer than it is early', $soon);


# what nginx -t refuses

my %mistakes = (
    'no audience'   => ["issuer $URL; jwks %%TESTDIR%%/corp.jwks;"
        . ' algorithms RS256;', qr/audience/],
    'no algorithms' => ["issuer $URL; audience a;"
        . ' jwks %%TESTDIR%%/corp.jwks;', qr/algorithms/],
    'HS256'         => ["issuer $URL; audience a; algorithms HS256;"
        . ' jwks %%TESTDIR%%/corp.jwks;', qr/symmetric algorithm "HS256"/],
    'none'          => ["issuer $URL; audience a; algorithms none;"
        . ' jwks %%TESTDIR%%/corp.jwks;', qr/symmetric algorithm "none"/],
    'no keys'       => ["issuer $URL; audience a; algorithms RS256;",
        qr/add "jwks FILE;"/],
    'no issuer'     => ['audience a; algorithms RS256;'
        . ' jwks %%TESTDIR%%/corp.jwks;', qr/issuer/],
    'a private key' => ["issuer $URL; audience a; algorithms RS256;"
        . ' jwks %%TESTDIR%%/rsa.pem;', qr/rsa\.pem/],
    'much leeway'   => ["issuer $URL; audience a; algorithms RS256;"
        . ' jwks %%TESTDIR%%/corp.jwks; leeway 301s;', qr/leeway/],
);

foreach my $name (sort keys %mistakes) {
    my ($lines, $pattern) = @{$mistakes{$name}};
    my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
        http => "deskgate_issuer bad { $lines account $ACCOUNT; }"));

    ok(!$passed, "an issuer with a mistake: $name");
    like($says, $pattern, "$name: says so");
    like($says, qr/check\.conf:\d+/, "$name: and where");
}

$t->finish;


# a token of the claims with what differs
sub token {
    my ($key, @more) = @_;

    my $claims = ref $more[0] ? shift @more : undef;

    return sign_token($key, { %$claims, exp => time + 600 }, $keys{$key}[1],
        @more) if $claims;

    my %all = (%claims, exp => time + 600, @more);

    delete @all{grep { !defined $all{$_} } keys %all};

    return sign_token($key, \%all);
}


sub sign_token {
    my ($key, $claims, $kid, @options) = @_;

    $t->write_file('claims', JSON::PP->new->utf8->encode($claims));

    my ($status, $out) = $t->tool('deskgate-token', 'sign', @options,
        $keys{$key}[0], defined $kid ? $kid : $keys{$key}[1],
        $t->testdir . "/$key.pem", '@' . $t->testdir . '/claims');

    die $out if $status;

    chomp $out;

    return $out;
}


sub sized {
    my ($size) = @_;

    my $bare = length token('rsa', filler => '');

    # larger than what deskgate-token takes: openssl signs it
    my $text = encode_base64url('{"alg":"RS256","kid":"r1","typ":"JWT"}') . '.'
        . encode_base64url($JSON->encode({ %claims, exp => time + 600,
            filler => 'x' x (($size - $bare) * 3 / 4) }));

    my $file = $t->write_file('signed', $text);
    my $dir = $t->testdir;

    return "$text." . encode_base64url(
        scalar `openssl dgst -sha256 -sign '$dir/rsa.pem' '$file'`);
}


sub forged {
    my ($header, $signature) = @_;

    return join '.', encode_base64url($JSON->encode($header)), $payload,
        encode_base64url($signature);
}


sub hmac_forged {
    my ($header, $secret) = @_;

    my $text = encode_base64url($JSON->encode($header)) . ".$payload";

    return "$text." . encode_base64url(hmac_sha256($text, $secret));
}


sub altered {
    my ($token) = @_;

    my @parts = split /\./, $token;

    substr $parts[2], 9, 1, substr($parts[2], 9, 1) eq 'A' ? 'B' : 'A';

    return join '.', @parts;
}


sub bearer {
    my ($token, %opt) = @_;

    return send_call([['Authorization', "Bearer $token"]], %opt);
}


sub send_call {
    my ($headers, %opt) = @_;

    return http_request(Deskgate::Gateway::operation_request(@call,
        headers => $headers, %opt), $opt{port} ? (port => $opt{port}) : ());
}


sub challenge { return scalar header($_[0], 'WWW-Authenticate') }


sub allowed {
    my ($name, $token, %opt) = @_;

    is(bearer($token, %opt)->{status}, 200, $name);
}


sub refused {
    my ($refusal, $name, $token, %opt) = @_;

    my $answer = bearer($token, %opt);

    is(refusal_of($t, $answer), $refusal, "$name: $refusal");
}

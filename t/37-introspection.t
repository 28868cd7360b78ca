#!/usr/bin/perl

# Opaque tokens: their issuer is asked, once, and not too often; what it says
# is judged like the claims of a JWT.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Sts;
use Deskgate::Token;

my $t = Deskgate->new();
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my $SECRET = 'secret-of:introspection/05';
my $BASIC = 'Basic ' . encode_base64('gateway:secret-of%3Aintrospection%2F05', '');
my %call = operation_request(workspaces => 'DescribeWorkspaces', {});
my $jwt = Deskgate::Token->issuer($t, 'signed', 'https://signed.example');
my $ended = 0;
my $FAILURES = 'deskgate_authentication_failures off;';

$t->write_file('introspect.secret', "$SECRET\n");
$t->secret($_, except => [qr/provider\.requests/]) foreach $SECRET, $BASIC;

my %issuers = (
    corp  => [8080, 'cache=2s negative=1s rate=1000r/s burst=1000'],
    few   => [8081, 'cache=60s rate=1r/m burst=3'],
    wrong => [8082, 'cache=60s'],
);

my $behind = '
        location = /_introspect {
            internal;
            proxy_pass  http://127.0.0.1:8103/introspect;
        }
';

Deskgate::Gateway::configure($t, workers => 2,
    authenticate => 'bearer=signed,corp', location => $FAILURES,
    locations => $behind,
    http => $jwt->block . join('', map { "deskgate_issuer $_ { issuer $URL;"
            . ' audience ' . ($_ eq 'wrong' ? 'other' : 'deskgate')
            . "; introspect /_introspect client_id=gateway"
            . " client_secret_file=%%TESTDIR%%/introspect.secret"
            . " $issuers{$_}[1]; leeway 0s; groups groups; tag team team;"
            . " account $ACCOUNT; }\n" } sort keys %issuers)
        . join('', map { '
    server {
        listen       127.0.0.1:' . $issuers{$_}[0] . ';
        server_name  localhost;

        location / {
            ' . gateway_location(authenticate => "bearer=$_",
                location => $FAILURES) . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
        ' . $behind . '
    }
' } grep { $_ ne 'corp' } sort keys %issuers));

my ($aws) = Deskgate::Gateway::upstreams($t);

my $provider = Deskgate::Upstream->start($t, port => 8103, name => 'provider',
    answer => \&answer);

$t->run();


# who is asked for what

my $answer = bearer('corp', 'active-alice');
my $record = record_of($t, $answer);

is($answer->{status}, 200, 'an active token');
is($record->{userIdentity}{arn} || $record->{userIdentity}{principalId},
    $record->{userIdentity}{arn} ? "arn:aws:deskgate::$ACCOUNT:opaque/corp/alice"
        : 'opaque/corp/alice', 'its caller');

my ($request) = $provider->requests;
my $form = Deskgate::Sts::form_of($request->{body});

is($form->{token}, 'active-alice', 'the token is asked for');
is($form->{token_type_hint}, 'access_token', 'with a hint');
is(Deskgate::SigV4::value($request->{headers}, 'authorization'), $BASIC,
    'the gateway says who it is');
ok(!(grep { $_->{raw} =~ /active-alice/ } $aws->requests),
    'the token goes nowhere else');

allowed('corp', 'again', 'active-alice') foreach 1 .. 5;
is($provider->count, 1, 'nobody is asked again');

$provider->clear;
allowed('corp', 'a signed token of another issuer',
    $jwt->token(sub => 'bob'));
refused('corp', 'token_audience', 'a signed token for others',
    $jwt->token(sub => 'bob', aud => 'x'));
is($provider->count, 0, 'is not asked for');

refused('corp', 'token_revoked', 'one that is not active', 'dead-1');
refused('corp', 'token_revoked', 'still not', 'dead-1') foreach 1 .. 5;
is($provider->count, 1, 'asked for once');
$answer = bearer('corp', 'dead-1');
is(header($answer, 'WWW-Authenticate'),
    'Bearer realm="deskgate", error="invalid_token"', 'by RFC 6750');
sleep 1.2;
refused('corp', 'token_revoked', 'after a while', 'dead-1');
is($provider->count, 2, 'it is asked for again');

refused('corp', 'token_malformed', 'what cannot be a token', 'a"b');
refused('corp', 'token_malformed', 'what is too long', 'a' x 9000);
is($provider->count, 2, 'is not asked for');


# many at once

$provider->clear;

my @clients = map { Deskgate::Connection->new(port => Deskgate::port(8080)) }
    1 .. 60;

$_->send(call_text(%call, headers => [@{$call{headers}},
    ['Authorization', 'Bearer active-slow']])) foreach @clients;

is((grep { $_->answer->{status} == 200 } @clients), 60,
    'sixty calls at once');
is($provider->count, 1, 'ask once');


# how long

allowed('corp', 'a token that ends soon', 'short-1');
sleep 1.5;
refused('corp', 'token_revoked', 'has ended, as its issuer says', 'short-1');
$provider->clear;
allowed('corp', 'one without an end', 'active-carol');
sleep 2.2;
allowed('corp', 'some time later', 'active-carol');
is($provider->count, 2, 'is asked for again');


# what is said of it

refused('corp', $_->[1], $_->[0], $_->[0]) foreach (
    ['claim-aud', 'token_audience'], ['claim-iss', 'token_issuer'],
    ['claim-type', 'token_claim'], ['claim-sub', 'token_claim'],
    ['claim-refresh', 'token_claim'], ['claim-tag', 'token_claim'],
    ['claim-bound', 'token_claim'], ['claim-nbf', 'token_early']);

allowed('corp', 'one location takes a token', 'active-dora');
refused('wrong', 'token_audience', 'another does not', 'active-dora');
allowed('corp', 'the first still does', 'active-dora');


# the issuer in trouble

my $n = 0;
my %faults = (
    'garbage'    => { body => '<html>' },
    'no active'  => { body => '{}' },
    'an error'   => { status => 500, body => '{"active":true}' },
    'a secret that is wrong' => { status => 401, body => '{}' },
    'a redirect' => { status => 302, body => '',
        headers => [['Location', 'http://127.0.0.1:1/']] },
    'too large'  => { body => '{"active":true,"x":"' . 'x' x 40000 . '"}' },
    'compressed' => { body => '{"active":true,"sub":"a","aud":"deskgate"}',
        headers => [['Content-Encoding', 'gzip']] },
    'cut'        => { body => '{"active":true,"sub":"a"}', cut => 9 },
    'nothing'    => { drop => 1 },
);

foreach my $fault (sort keys %faults) {
    $provider->behave(%{$faults{$fault}});

    my $refusal = bearer('corp', 'active-fault-' . ++$n);

    is(refusal_of($t, $refusal), 'issuer_unavailable', $fault);
    is($refusal->{status}, 503, "$fault: 503");
}

$provider->behave();


# a storm

$provider->clear;

my %seen;

$seen{refusal_of($t, bearer('few', "dead-storm-$_"))}++ foreach 1 .. 20;
is_deeply(\%seen, { token_revoked => 3, authentication_rate => 17 },
    'a storm of random tokens');
is($provider->count, 3, 'asks no more than may be asked');
$answer = bearer('few', 'dead-storm-x');
cmp_ok(header($answer, 'Retry-After'), '>', 30, 'the others are told when to come again');


# what nginx -t refuses

my %mistakes = (
    'no secret'   => ['introspect /_i client_id=a cache=1m;',
        qr/needs client_id= and client_secret_file=/],
    'a URL'       => ['introspect https://x client_id=a'
        . ' client_secret_file=%%TESTDIR%%/introspect.secret;',
        qr/internal location/],
    'a time'      => ['introspect /_i client_id=a cache=2h'
        . ' client_secret_file=%%TESTDIR%%/introspect.secret;', qr/1s to 1h/],
    'algorithms'  => ['introspect /_i client_id=a algorithms=x'
        . ' client_secret_file=%%TESTDIR%%/introspect.secret;',
        qr/takes a URI/],
    'no keys'     => ['algorithms ES256; introspect /_i client_id=a'
        . ' client_secret_file=%%TESTDIR%%/introspect.secret;',
        qr/without keys has no algorithms/],
);

foreach my $name (sort keys %mistakes) {
    my ($lines, $pattern) = @{$mistakes{$name}};
    my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
        http => "deskgate_issuer bad { issuer $URL; audience a; $lines"
            . " account $ACCOUNT; }"));

    ok(!$passed, "a mistake: $name");
    like($says, $pattern, "$name: says so");
}

my $both = join '', map { "deskgate_issuer $_ { issuer $URL/$_; audience a;"
    . ' introspect /_i client_id=a'
    . ' client_secret_file=%%TESTDIR%%/introspect.secret;'
    . " account $ACCOUNT; }\n" } qw/one two/;
my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
    authenticate => 'bearer=one,two', http => $both));

ok(!$passed, 'two issuers that could be asked');
like($says, qr/several issuers/, 'says so');

$t->finish;


sub answer {
    my ($request) = @_;

    my $token = Deskgate::Sts::form_of($request->{body})->{token};
    my %claims = (active => JSON::PP::true, sub => 'alice',
        aud => ['deskgate', 'x'], token_type => 'Bearer', scope => 'a b');

    return { status => 401, body => '{}' } if (Deskgate::SigV4::value(
        $request->{headers}, 'authorization') || '') ne $BASIC;

    $claims{active} = JSON::PP::false if $token =~ /^dead/;
    $claims{exp} = int(time) + 60 if $token =~ /alice/;
    $claims{exp} = int(time) + 1 if $token =~ /^short/;
    $claims{active} = JSON::PP::false if $token =~ /^short/ && $ended++;
    $claims{aud} = 'x' if $token eq 'claim-aud';
    $claims{iss} = 'x' if $token eq 'claim-iss';
    $claims{token_type} = 'N_A' if $token eq 'claim-type';
    delete $claims{sub} if $token eq 'claim-sub';
    $claims{typ} = 'Refresh' if $token eq 'claim-refresh';
    $claims{team} = ['a', 'b'] if $token eq 'claim-tag';
    $claims{cnf} = { jkt => 'x' } if $token eq 'claim-bound';
    $claims{nbf} = int(time) + 600 if $token eq 'claim-nbf';

    return { headers => [['Content-Type', 'application/json']],
        body => $JSON->encode(\%claims),
        $token =~ /slow/ ? (delay => 0.5) : () };
}


sub bearer {
    my ($issuer, $token) = @_;

    return Deskgate::http_request(%call, port => $issuers{$issuer}[0],
        headers => [@{$call{headers}}, ['Authorization', "Bearer $token"]]);
}


sub allowed {
    my ($issuer, $name, $token) = @_;

    is(refusal_of($t, bearer($issuer, $token)), 'allowed', $name);
}


sub refused {
    my ($issuer, $refusal, $name, $token) = @_;

    is(refusal_of($t, bearer($issuer, $token)), $refusal, $name);
}

#!/usr/bin/perl

# Key sets that are fetched: once for all workers, refreshed ahead, kept while
# the issuer is away; new keys, unknown keys, and answers that are no key sets.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Time::HiRes qw/sleep time/;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my $JWKS = [['Content-Type', 'application/json']];
my %call = operation_request(workspaces => 'DescribeWorkspaces', {});
my $tokens = 0;
my %sets;

foreach my $kid (qw/k1 k2 k3/) {
    my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'es256', $kid,
        map { $t->testdir . "/$kid.$_" } qw/pem jwks/);

    die $out if $status;
    $sets{$kid} = $JSON->decode($t->read_file("$kid.jwks"))->{keys}[0];
}

my %issuers = (
    corp  => [8080, 8103, 'refresh=1h keep=2h again=2s'],
    brief => [8081, 8104, 'refresh=1s keep=3s again=1s'],
    burst => [8082, 8105, ''],
    gone  => [8083, 8106, 'again=1s'],
);

my $location = sub {
    my ($name) = @_;

    return '
        location = /_jwks {
            internal;
            proxy_set_header  Host sso.example.com;
            proxy_pass        http://127.0.0.1:' . $issuers{$name}[1]
                . '/realms/desks/certs;
        }

        location = /status { deskgate_status; }
    ';
};

my $FAILURES = 'deskgate_authentication_failures off;';

Deskgate::Gateway::configure($t, workers => 2,
    authenticate => 'bearer=corp', location => $FAILURES,
    locations => $location->('corp'),
    http => join('', map { "deskgate_issuer $_ { issuer $URL/$_;"
            . " audience deskgate; jwks_uri /_jwks $issuers{$_}[2];"
            . ' algorithms ES256; leeway 0s;'
            . ' dcv_user CORP\\\\${user} case=ignore; source_identity who;'
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
        ' . $location->($_) . '
    }
' } grep { $_ ne 'corp' } sort keys %issuers));

Deskgate::Gateway::upstreams($t);

my %jwks = map { my $name = $_; $name => Deskgate::Upstream->start($t,
    port => $issuers{$name}[1], name => "jwks-$name",
    answer => sub { return answer('k1') }) } qw/corp brief burst/;

$t->run();


# one fetch for all

my @clients = map { Deskgate::Connection->new(port => Deskgate::port(8082)) } 1 .. 60;

$jwks{burst}->behave(%{answer('k1')}, delay => 0.5);
$_->send(text(token('burst', 'k1'))) foreach @clients;

is((grep { $_->answer->{status} == 200 } @clients), 60,
    'sixty first calls at once');
is($jwks{burst}->count, 1, 'make one fetch');

my ($fetch) = $jwks{burst}->requests;

is($fetch->{method}, 'GET', 'the request');
is(Deskgate::SigV4::value($fetch->{headers}, 'authorization'), undef,
    'shows no token');


# a token that is known asks nobody

my $known = token('corp', 'k1');

allowed('corp', 'a first token', $known);
allowed('corp', 'another one', token('corp', 'k1')) foreach 1 .. 4;
is($jwks{corp}->count, 1, 'one fetch');

my $status = (grep { $_->{name} eq 'corp' } @{status()->{issuers}})[0];

is($status->{keys}, 'held', 'the status knows the keys');
cmp_ok($status->{age_ms}, '<', 60000, 'and their age');


# unknown keys

refused('corp', 'token_key_unknown', 'a kid that nobody has',
    token('corp', 'k2', 'nobody'));
is($jwks{corp}->count, 2, 'is asked for');
refused('corp', 'token_key_unknown', 'another kid',
    token('corp', 'k2', "random-$_")) foreach 1 .. 20;
is($jwks{corp}->count, 2, 'a storm of them makes no more fetches');

sleep 2.1;
$jwks{corp}->behave(%{answer('k1', 'k2')});
allowed('corp', 'a key that is new', token('corp', 'k2')) foreach 1 .. 6;
is($jwks{corp}->count, 3, 'is fetched once for all workers');
allowed('corp', 'the old key goes on', token('corp', 'k1'));


sleep 2.1;
$jwks{corp}->behave(drop => 1);
ok($t->reload(), 'workers that begin when the issuer has gone');
allowed('corp', 'know the key that was new', token('corp', 'k2'))
    foreach 1 .. 6;
$jwks{corp}->behave(%{answer('k1', 'k2')});


# rotation while calls go on: published first, used then

$jwks{brief}->behave(%{answer('k1')});
allowed('brief', 'before the rotation', token('brief', 'k1'));
$jwks{brief}->behave(%{answer('k1', 'k3')});

my ($bad, $kid) = (0, 'k1');

foreach my $n (1 .. 40) {
    $kid = 'k3' if $n == 20;
    $jwks{brief}->behave(%{answer('k3')}) if $n == 30;
    $bad += refusal_of($t, bearer('brief', token('brief', $kid))) ne 'allowed';
    sleep 0.1;
}

is($bad, 0, 'no call is refused while keys rotate');
refused('brief', 'token_key_unknown', 'the key that was withdrawn',
    token('brief', 'k1'));


# answers that are no key sets: the old one is kept, for a time

my %faults = (
    'garbage'     => { headers => $JWKS, body => '<html>' },
    'an error'    => { status => 500, headers => $JWKS, body => '{}' },
    'a redirect'  => { status => 302, body => '',
        headers => [['Location', 'http://127.0.0.1:1/']] },
    'compressed'  => { %{answer('k1')},
        headers => [@$JWKS, ['Content-Encoding', 'gzip']] },
    'too large'   => { headers => $JWKS, body => '{"keys":['
        . $JSON->encode($sets{k1}) . '],"x":"' . 'x' x 70000 . '"}' },
    'a secret'    => { headers => $JWKS, body => $JSON->encode({ keys =>
        [{ %{$sets{k1}}, d => 'AAAA' }] }) },
    'no keys'     => { headers => $JWKS, body => '{"keys":[]}' },
    'cut'         => { %{answer('k1')}, cut => 20 },
    'nothing'     => { drop => 1 },
);

foreach my $fault (sort keys %faults) {
    $jwks{brief}->behave(%{answer('k3')});
    my $before = $jwks{brief}->count;

    $t->wait_for(sub { refusal_of($t, bearer('brief', token('brief', 'k3')))
        eq 'allowed' && $jwks{brief}->count > $before });
    sleep 1.1;
    $before = $jwks{brief}->count;

    $jwks{brief}->behave(%{$faults{$fault}});
    allowed('brief', "$fault: the old key", token('brief', 'k3'));
    cmp_ok($jwks{brief}->count, '>', $before, "$fault: it was asked for");
    refused('brief', 'issuer_unavailable', "$fault: an unknown key",
        token('brief', 'k2'));
}

sleep 3.1;

my $answer = bearer('brief', token('brief', 'k3'));

is(refusal_of($t, $answer), 'issuer_unavailable', 'in the end it is gone');
is($answer->{status}, 503, 'said so');
like(header($answer, 'Retry-After'), qr/^\d+$/, 'and when to come again');
refused('gone', 'issuer_unavailable', 'an issuer that was never there',
    token('gone', 'k1'));

$jwks{brief}->behave(%{answer('k3')});
ok($t->wait_for(sub { refusal_of($t, bearer('brief', token('brief', 'k3')))
    eq 'allowed' }), 'and when it is back, so are its callers');


# what the token tells policies

$t->write_file('policy.json', Deskgate::Gateway::policy_text(
    { Effect => 'Allow', Principal => '*', Action => '*', Resource => '*',
      Condition => {
        StringEquals => { 'deskgate:DcvUser' => 'corp\\bob',
                          'aws:SourceIdentity' => 'carol' },
        Bool => { 'aws:MultiFactorAuthPresent' => 'true' } } }));
$t->reload();

my %who = (user => 'Bob', who => 'carol', amr => ['pwd', 'mfa']);

ok($t->wait_for(sub { refusal_of($t, bearer('corp', token('corp', 'k1')))
    eq 'denied_implicit' }), 'a policy that asks who it is');
allowed('corp', 'name, source identity, second factor',
    token('corp', 'k1', undef, %who));
refused('corp', 'denied_implicit', 'another name',
    token('corp', 'k1', undef, %who, user => 'bobby'));
refused('corp', 'denied_implicit', 'another source identity',
    token('corp', 'k1', undef, %who, who => 'dave'));
refused('corp', 'denied_implicit', 'no second factor',
    token('corp', 'k1', undef, %who, amr => ['pwd']));
refused('corp', 'token_claim', 'a name of another domain',
    token('corp', 'k1', undef, %who, user => 'LAB\\bob'));


# what nginx -t refuses

my %mistakes = (
    'both'            => ['jwks %%TESTDIR%%/k1.jwks; jwks_uri /_jwks;',
        qr/keys come from a file or a location/],
    'a URL'           => ['jwks_uri https://sso.example.com/certs;',
        qr/internal location/],
    'kept too short'  => ['jwks_uri /_jwks refresh=1h keep=1m;',
        qr/less than the time/],
    'no time'         => ['jwks_uri /_jwks refresh=soon;', qr/takes times/],
    'something else'  => ['jwks_uri /_jwks every=1h;', qr/takes the URI/],
    'a fixed name'    => ['jwks_uri /_jwks; dcv_user bob;', qr/\$\{claim\}/],
);

foreach my $name (sort keys %mistakes) {
    my ($lines, $pattern) = @{$mistakes{$name}};
    my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
        http => "deskgate_issuer bad { issuer $URL; audience a;"
            . " algorithms ES256; $lines account $ACCOUNT; }"));

    ok(!$passed, "a mistake: $name");
    like($says, $pattern, "$name: says so");
}

$t->finish;


sub answer {
    return { headers => $JWKS,
        body => $JSON->encode({ keys => [@sets{@_}] }) };
}


sub token {
    my ($issuer, $key, $kid, %more) = @_;

    $t->write_file('claims', JSON::PP->new->utf8->encode({
        iss => "$URL/$issuer", aud => 'deskgate', sub => 'alice',
        jti => 'token-' . ++$tokens, iat => int time, exp => int(time) + 600, %more }));

    my ($status, $out) = $t->tool('deskgate-token', 'sign', 'es256',
        defined $kid ? $kid : $key, $t->testdir . "/$key.pem",
        '@' . $t->testdir . '/claims');

    die $out if $status;

    chomp $out;

    return $out;
}


sub text {
    my ($token) = @_;

    return call_text(%call, headers => [@{$call{headers}},
        ['Authorization', "Bearer $token"]]);
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


sub status {
    return Deskgate::json_of(Deskgate::http_request(method => 'GET',
        target => '/status', headers => [['Host', 'localhost']]));
}

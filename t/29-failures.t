#!/usr/bin/perl

# Failed authentications are limited for each address: what a storm costs,
# and whom it does not concern.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/encode_base64url/;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my @call = (workspaces => 'DescribeWorkspaces', {});
my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'es256', 'k1',
    map { $t->testdir . "/corp.$_" } qw/pem jwks/);

die $out if $status;

Deskgate::Gateway::configure($t, authenticate => 'bearer=corp sigv4=desks',
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Test-Address;',
    location => 'deskgate_authentication_failures rate=6r/m burst=5;',
    locations => 'location = /status { deskgate_status; }',
    http => "deskgate_issuer corp { issuer $URL; audience deskgate;"
        . ' jwks %%TESTDIR%%/corp.jwks; algorithms ES256;'
        . " account $ACCOUNT; }\n" . '
    server {
        listen       127.0.0.1:8081;
        server_name  localhost;

        location / {
            ' . gateway_location(authenticate => 'bearer=corp sigv4=desks',
                location => 'deskgate_authentication_failures off;') . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }
    server {
        listen       127.0.0.1:8082;
        server_name  localhost;

        location / {
            ' . gateway_location(authenticate => 'bearer=corp') . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }
');

Deskgate::Gateway::upstreams($t);
$t->run();

my $known = token('alice');
my $fresh = token('bob');
my $n = 0;

is(refusal_of($t, bearer($known)), 'allowed', 'a good token');

# a storm of tokens
is(refusal_of($t, bearer(forged())), 'token_signature', "failure $_")
    foreach 1 .. 5;

my $answer = bearer(forged());

is(refusal_of($t, $answer), 'authentication_rate', 'the sixth');
is(error_type($answer), 'ThrottlingException', 'its exception');

my $wait = header($answer, 'Retry-After');

cmp_ok($wait, '>=', 5, 'how long to wait');
cmp_ok($wait, '<=', 10, 'a token comes back every 10 seconds');

is(refusal_of($t, bearer($known)), 'allowed',
    'a token that is remembered comes in');
is(refusal_of($t, bearer($fresh)), 'authentication_rate',
    'one that is not waits');
is(refusal_of($t, call(@call)), 'allowed', 'so does a signature');
is(refusal_of($t, call(@call, access_key => 'AKIDNOBODY')),
    'authentication_rate', 'an unknown key does not');
is(refusal_of($t, call(@call, secret_key => 'wrong-secret-00000')),
    'signature_mismatch', 'a wrong signature is one');
is(refusal_of($t, bearer($fresh, '192.0.2.7')), 'allowed',
    'another address notices nothing');

# each kind of failure counts
my %storms = (
    'unknown keys' => sub { call(@call, access_key => 'AKIDNOBODY',
        headers => [['X-Test-Address', $_[0]]]) },
    'wrong signatures' => sub { call(@call, secret_key => 'wrong-secret-0',
        headers => [['X-Test-Address', $_[0]]]) },
    'broken tokens' => sub { bearer('a.b.' . ++$n, $_[0]) },
    'foreign tokens' => sub { bearer(token('eve', iss => 'https://a.example',
        jti => ++$n), $_[0]) },
    'expired tokens' => sub { bearer(token('eve', exp => time - 900,
        jti => ++$n), $_[0]) },
);

my $host = 0;

foreach my $what (sort keys %storms) {
    my $address = '198.51.100.' . ++$host;

    $storms{$what}->($address) foreach 1 .. 5;
    is(refusal_of($t, bearer(forged(), $address)), 'authentication_rate',
        "five $what");
}

# what does not count
my $mild = '203.0.113.1';

bearer(undef, $mild) foreach 1 .. 10;
call(@call, time => time - 3600, headers => [['X-Test-Address', $mild]])
    foreach 1 .. 10;
bearer($known, $mild) foreach 1 .. 10;

my $same = forged();

bearer($same, $mild) foreach 1 .. 10;
is(refusal_of($t, bearer(token('dora'), $mild)), 'allowed',
    'no credential, a wrong clock, one token again and again: no storm');

# an IPv6 network is one address
bearer(forged(), "2001:db8:1:2::$_") foreach 1 .. 5;
is(refusal_of($t, bearer(forged(), '2001:db8:1:2:ffff::9')),
    'authentication_rate', 'an address of the same network of 64 bits');
is(refusal_of($t, bearer(forged(), '2001:db8:1:3::1')), 'token_signature',
    'one of another');

# off, and the usual limit
is(join(' ', map { refusal_of($t, bearer(forged(), undef, 8081)) } 1 .. 8),
    join(' ', ('token_signature') x 8), 'off');
is(join(' ', map { refusal_of($t, bearer(forged(), undef, 8082)) } 1 .. 20),
    join(' ', ('token_signature') x 20), 'the usual limit is generous');

my $page = json_of(http_get('/status'));

cmp_ok($page->{services}{workspaces}{refused}{authentication_rate}, '>=', 5,
    'the status counts them');

# what a minute gives back is given back
ok($t->wait_for(sub { refusal_of($t, bearer($fresh)) eq 'allowed' }, 15),
    'after the wait');

$t->finish;


sub token {
    my ($name, %more) = @_;

    $t->write_file('claims', $JSON->encode({ iss => $URL, aud => 'deskgate',
        sub => $name, exp => time + 600, %more }));

    my ($status, $out) = $t->tool('deskgate-token', 'sign', 'es256', 'k1',
        $t->testdir . '/corp.pem', '@' . $t->testdir . '/claims');

    die $out if $status;
    chomp $out;

    return $out;
}


# A token whose signature is random
sub forged {
    my ($head, $claims) = split /\./, $known;

    return "$head.$claims." . encode_base64url(pack 'N16',
        map { int rand 2 ** 32 } 1 .. 16);
}


sub bearer {
    my ($token, $address, $port) = @_;

    return http_request(Deskgate::Gateway::operation_request(@call,
        headers => [defined $token ? ['Authorization', "Bearer $token"] : (),
            $address ? ['X-Test-Address', $address] : ()]),
        $port ? (port => $port) : ());
}

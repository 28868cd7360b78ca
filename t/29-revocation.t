#!/usr/bin/perl

# Revocations hold within 5 seconds in every worker, also for tokens that are
# remembered; a changed key set is taken without a reload.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use POSIX qw/strftime/;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my @call = (workspaces => 'DescribeWorkspaces', {});
my %kid = (first => 'k1', second => 'k2');

foreach my $key (sort keys %kid) {
    my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'es256',
        $kid{$key}, map { $t->testdir . "/$key.$_" } qw/pem jwks/);

    die $out if $status;
}

key_set('first');
revoke();

Deskgate::Gateway::configure($t, workers => 2,
    authenticate => 'bearer=corp,other sigv4=desks',
    http => "deskgate_revocations %%TESTDIR%%/revocations.json;\n"
        . issuer('corp', $URL) . issuer('other', 'https://other.example'));

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->run();

my $old = token(sub => 'alice', jti => 't-1', iat => time - 300);
my $new = token(sub => 'alice', jti => 't-2', iat => time - 5);
my $bob = token(sub => 'bob', jti => 't-3', iat => time - 300);
my $undated = token(sub => 'carol');
my $foreign = token(iss => 'https://other.example', sub => 'alice',
    jti => 't-1', iat => time - 300);

# each is remembered by both workers before anything is revoked
foreach my $token ($old, $new, $bob, $undated, $foreign) {
    is(bearer($token)->{status}, 200, 'comes in') foreach 1 .. 4;
}

my $recent = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time - 100));

revoke({ issuer => 'corp', subject => 'alice', revoke_before => $recent });
within('alice, before a time', $old => 'token_revoked', $new => 'allowed',
    $bob => 'allowed', $foreign => 'allowed');

my $record = record_of($t, bearer($old));

is($record->{errorCode}, 'UnrecognizedClientException', 'its error');
ok($t->wait_log(qr/deskgate refused: token_revoked/), 'its line in the log');
is(scalar @{[grep { $_->{raw} =~ /\Q$old\E/ } $aws->requests]}, 0,
    'no token goes upstream');

revoke({ issuer => 'corp', jti => 't-2' });
within('one jti', $new => 'token_revoked', $old => 'allowed',
    $bob => 'allowed', $foreign => 'allowed');

revoke({ issuer => 'corp', kid => 'k1' });
within('a kid of an issuer', $new => 'token_revoked',
    $bob => 'token_revoked', $undated => 'token_revoked',
    $foreign => 'allowed');

revoke({ issuer => 'corp', revoke_before => $recent });
within('an issuer, before a time', $old => 'token_revoked',
    $bob => 'token_revoked', $new => 'allowed',
    $undated => 'token_revoked', $foreign => 'allowed');

revoke({ all => JSON::PP::true, revoke_before => $recent });
within('all, before a time', $old => 'token_revoked',
    $bob => 'token_revoked', $new => 'allowed', $foreign => 'token_revoked');
is(refusal_of($t, call(@call)), 'allowed', 'a key is no token');

revoke({ principal => "arn:aws:deskgate::$ACCOUNT:jwt/corp/bob" });
within('a principal', $bob => 'token_revoked', $old => 'allowed');

revoke({ access_key_id => 'AKIDALICE' });
ok($t->wait_for(sub { refusal_of($t, call(@call)) eq 'key_revoked' }, 5),
    'a key of the key file');
is(refusal_of($t, call(@call, as => \%BOB)), 'allowed', 'not another one');

# a broken file does not let anybody in again
revoke({ issuer => 'corp', jti => 't-2' });
within('before it breaks', $new => 'token_revoked', $old => 'allowed');
$t->write_file('revocations.json', '{"version":1,"revocations":[{}]}');
ok($t->wait_log(qr/goes on with what revocation file .* names nobody/,
    seconds => 5), 'a broken file is said');
within('after it broke', $new => 'token_revoked', $old => 'allowed');
revoke();
within('nobody is revoked', $new => 'allowed', $old => 'allowed',
    $undated => 'allowed');

# keys of an issuer
my $later = token(key => 'second', sub => 'dora', iat => time);

is(refusal_of($t, bearer($later)), 'token_key_unknown', 'another key');
key_set('first', 'second');
within('a second key', $later => 'allowed', $old => 'allowed');
key_set('second');
within('the first is gone', $later => 'allowed',
    $old => 'token_key_unknown', $undated => 'token_key_unknown');
$t->write_file('corp.jwks', '{"keys":[');
ok($t->wait_log(qr/goes on with what jwks file/, seconds => 5),
    'a broken key set is said');
within('and the old one goes on', $later => 'allowed');

$t->finish;


sub issuer {
    my ($name, $url) = @_;

    return "deskgate_issuer $name { issuer $url; audience deskgate;"
        . ' jwks %%TESTDIR%%/corp.jwks; algorithms ES256;'
        . " account $ACCOUNT; }\n";
}


sub key_set {
    replace('corp.jwks', { keys => [map {
        @{$JSON->decode($t->read_file("$_.jwks"))->{keys}} } @_] });
}


sub revoke {
    replace('revocations.json', { version => 1, revocations => [@_] });
}


sub replace {
    my ($name, $content) = @_;

    $t->write_file("$name.new", $JSON->encode($content));
    rename $t->testdir . "/$name.new", $t->testdir . "/$name" or die $!;
}


sub token {
    my (%claims) = (iss => $URL, aud => 'deskgate', exp => time + 600, @_);
    my $key = delete $claims{key} || 'first';

    $t->write_file('claims', $JSON->encode(\%claims));

    my ($status, $out) = $t->tool('deskgate-token', 'sign', 'es256',
        $kid{$key}, $t->testdir . "/$key.pem",
        '@' . $t->testdir . '/claims');

    die $out if $status;
    chomp $out;

    return $out;
}


sub bearer {
    my ($token) = @_;

    return http_request(Deskgate::Gateway::operation_request(@call,
        headers => [['Authorization', "Bearer $token"]]));
}


# Within 5 seconds both workers answer so, eight times in a row
sub within {
    my ($what, @pairs) = @_;

    my ($since, $row) = (time, 0);
    my $got = '';

    while ($row < 8 && time - $since < 5) {
        my $good = 1;

        for (my $i = 0; $i < @pairs; $i += 2) {
            $got = refusal_of($t, bearer($pairs[$i]));
            $good &&= $got eq $pairs[$i + 1];
        }

        $row = $good ? $row + 1 : 0;
        sleep 0.05 if !$row;
    }

    is($row, 8, $what) or diag($got);
}

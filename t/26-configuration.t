#!/usr/bin/perl

# Mistakes in a configuration and in the files that it names: nginx -t refuses
# them, and says where, why and what to do.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $dir = $t->testdir;

Deskgate::Gateway::configure($t);

my ($fine, $text) = $t->check('nginx.conf');

ok($fine, 'a right one passes') or diag($text);
unlike($text, qr/\[(warn|emerg)\]/, 'with no warning');


# directives

refused('an unknown value of deskgate_replay', qr/invalid value "reads"/,
    location => 'deskgate_replay reads;');
refused('an unknown value of deskgate_validate', qr/invalid value "maybe"/,
    location => 'deskgate_validate maybe;');
refused('an unknown value of deskgate_denial_detail', qr/invalid value "all"/,
    location => 'deskgate_denial_detail all;');
refused('an unknown value of deskgate_mode', qr/takes observe, enforce/,
    location => 'deskgate_mode watch;');
refused('a skew that is no time', qr/invalid value/,
    location => 'deskgate_skew soon;');
refused('a directive twice', qr/is duplicate/,
    location => 'deskgate_skew 60s; deskgate_skew 90s;');
refused('keys that are not defined', qr/no deskgate_keys "nobodys" is defined/,
    authenticate => 'sigv4=nobodys');
refused('an issuer that is not defined',
    qr/no deskgate_issuer "nobody" is defined/,
    authenticate => 'bearer=nobody');
refused('another way to authenticate',
    qr/invalid parameter "basic=x"; known are sigv4=, bearer=, /,
    authenticate => 'basic=x');
refused('a service without a model', qr{no model "ec2\.json" in "}i,
    services => ['ec2']);
refused('satisfy any', qr/"satisfy any" would let .*; remove it/,
    location => 'satisfy any; allow all;');


# what must be there

my $right = Deskgate::Gateway::text();

missing('deskgate_zone desk:4m', qr/add "deskgate_zone/);
missing('deskgate_authenticate sigv4=desks', qr/add "deskgate_authenticate/);
missing('deskgate_policy %%TESTDIR%%/policy.json', qr/add "deskgate_policy/);
missing('deskgate_audit trail', qr/add "deskgate_audit/);
missing('deskgate_sign egress', qr/add "deskgate_sign/);
missing('deskgate_inject lab', qr/add "deskgate_inject/);

my $debug = $right =~ s{deskgate_hosts}{error_log $dir/debug.log debug;
    deskgate_hosts}r;

($fine, $text) = $t->check_config($debug);
ok($fine, 'debug logging is allowed');
like($text, qr/\[warn\].*error_log at level debug prints .*use level info/,
    'with a warning');


# key files

my %key = (access_key_id => 'AKIDALICE', secret_access_key => 'x' x 32,
    principal => "arn:aws:iam::${ACCOUNT}:user/alice");
my $secret = $t->secret('secret-in-a-broken-file');

key_file('an unknown member', qr/secret_key/,
    { %key, secret_key => $secret });
key_file('no principal', qr/principal/, { %key, principal => undef });
key_file('a principal that is none', qr/principal/,
    { %key, principal => 'alice' });
key_file('a short secret', qr/secret_access_key/,
    { %key, secret_access_key => 'short' });
key_file('one id twice', qr/access_key_id|AKIDALICE/, { %key }, { %key });
key_file('a reserved id', qr/DGVK/, { %key, access_key_id => 'DGVKALICE' });
key_file('a date that is none', qr/a time is written as/, { %key, expires => 'tomorrow' });
key_file('disabled that is no boolean', qr/disabled/,
    { %key, disabled => 'yes' });

$t->write_file('bad.json', "{\"version\":1,\n\"keys\":[{\"$secret\n");
($fine, $text) = $t->check_config(with_keys());
ok(!$fine, 'a key file that is cut off');
like($text, qr{\Q$dir\E/bad\.json:\d+:\d+: }, 'says where');

$t->write_file('policies.json', JSON::PP->new->encode({ version => 1,
    keys => [{ %key, policies => ['nothing-there.json'] }] }));
($fine, $text) = $t->check_config($right =~ s{keys\.json}{policies.json}r);
ok(!$fine, 'a key that names a policy that is not there');
like($text, qr{cannot open policy file "\Q$dir\E/nothing-there\.json"},
    'says so, and where it was looked for');

foreach my $row ([keys => 0644, qr/can be read by others: chmod o-r/],
    [keys => 0660, qr/can be written by group or others: chmod go-w/],
    [keys => 0602, qr/can be written by group or others: chmod go-w/],
    [egress => 0644, qr/can be read by others: chmod o-r/],
    [policy => 0666, qr/can be written by group or others: chmod go-w/])
{
    my ($name, $mode, $pattern) = @$row;
    my $file = "$dir/$name.json";

    chmod $mode, $file;
    refused(sprintf('%s.json of mode %o', $name, $mode), $pattern);
    chmod 0600, $file;
}

($fine, $text) = $t->check_config($right =~ s/^\s*deskgate \S.*?;$//gmr);
ok(!$fine, 'a location with a policy and no "deskgate"');
like($text, qr{location "/" has deskgate_ directives and no "deskgate"},
    'is not let through unguarded');

chmod 0644, "$dir/broker.secret";
refused('a secret file that others can read', qr/chmod o-r/);
chmod 0600, "$dir/broker.secret";

foreach my $name (qw/keys.json egress.json policy.json broker.secret/) {
    rename "$dir/$name", "$dir/away";
    refused("no $name", qr{cannot open .*"\Q$dir/$name\E" \(2: No such file});
    rename "$dir/away", "$dir/$name";
}

($fine) = $t->check('nginx.conf');
ok($fine, 'all as before passes again');


# reload: a broken file leaves the old one serving

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->allow(qr/\[emerg\].*(keys|policy)\.json/);
$t->run();

my @call = (workspaces => 'DescribeWorkspaces', {});

is(call(@call)->{status}, 200, 'served');

foreach my $name ('keys.json', 'policy.json') {
    my $before = $t->read_file($name);

    $t->write_file($name, '{');
    ok(!$t->reload, "a broken $name is refused at reload");
    is(call(@call)->{status}, 200, 'the old one still serves');
    $t->write_file($name, $before);
    ok($t->reload, 'the mended one is taken');
    is(call(@call)->{status}, 200, 'and serves');
}

$t->write_file('keys.json', JSON::PP->new->encode({ version => 1,
    keys => [{ %key, access_key_id => 'AKIDOTHER' }] }));
ok($t->reload, 'a key taken away');

my $gone = $t->wait_for(sub { call(@call)->{status} != 200 });

ok($gone, 'is no key any more');

$t->finish;


sub refused {
    my ($name, $pattern, %opt) = @_;

    my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(%opt));

    ok(!$passed, "$name is refused");
    like($says, $pattern, "$name: why");
    like($says, qr/check\.conf:\d+/, "$name: where");
}


sub missing {
    my ($line, $pattern) = @_;

    my $without = $right;

    $line =~ s/ /\\s+/g;
    $without =~ s/^\s*$line;//m or die "no $line";

    my ($passed, $says) = $t->check_config($without);

    ok(!$passed, "without $line");
    like($says, $pattern, "without $line: what to add");
    like($says, qr/check\.conf:\d+/, "without $line: where");
}


sub with_keys { return $right =~ s{keys\.json}{bad.json}r }


sub key_file {
    my ($name, $pattern, @keys) = @_;

    foreach my $key (@keys) {
        delete @$key{grep { !defined $key->{$_} } keys %$key};
    }

    $t->write_file('bad.json', JSON::PP->new->pretty->encode({
        version => 1, keys => [@keys] }));

    my ($passed, $says) = $t->check_config(with_keys());

    ok(!$passed, "a key file with $name is refused");
    like($says, qr{\Q$dir\E/bad\.json:\d+:\d+: }, "$name: where");
    like($says, $pattern, "$name: what");
    unlike($says, qr/\Q$secret\E|x{32}/, "$name: and no secret");
}

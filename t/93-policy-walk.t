#!/usr/bin/perl

# docs/policy.md from AWS's examples to working policies: each policy is what
# it says, each command prints what is shown, and a refused call is explained
# as shown.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Make;

chdir "$FindBin::Bin/.." or die "chdir: $!";

make_target('build/deskgate-policy') or BAIL_OUT('deskgate-policy');

my $t = Deskgate->new();
my $dir = $t->testdir;
my $tool = "$FindBin::Bin/../build/deskgate-policy";
my $models = "$FindBin::Bin/../src/models";
my $walk = section("From AWS's own examples");

# the files

my %files;

while ($walk =~ /^```jsonl? (\S+)\n(.*?)^```$/msg) {
    $files{$1} = $2;
    $t->write_file($1, $2);
}

is_deeply([grep { /\.jsonl$/ } sort keys %files],
    [map { "$_.jsonl" } qw/desks instances recordings sessions/],
    'cases for each of the four services');

foreach my $cases (grep { /\.jsonl$/ } sort keys %files) {
    ok(exists $files{$cases =~ s/l$//r}, "$cases has its policy");
    like($files{$cases}, qr/"expected": "$_/, "$cases: $_")
        foreach 'Allow', '(?:Implicit|Explicit)?Deny';
}

# the commands: what stands behind each is what it prints

my $commands = 0;
my ($explain, $explained);

while ($walk =~ /^```console\n(.*?)^```$/msg) {
    foreach my $block (split /^(?=\$ )/m, $1) {
        my ($command, $shown) = $block =~ /\A\$ ([^\n]*)\n(.*)\z/s;

        if ($command =~ / explain /) {
            ($explain, $explained) = ($command, $shown);
            next;
        }

        my ($status, $out) = run($command);

        is($out, $shown, $command);
        is($status, $shown =~ /: error: /, 'its exit status')
            if $shown =~ /: error: /;
        $commands++;
    }
}

is($commands, 12, 'commands were tried');

# attached, and explained

Deskgate::Gateway::configure($t, http => '', keys => [
        map { Deskgate::Gateway::key($_->[0], principal =>
            "arn:aws:iam::${ACCOUNT}:user/$_->[1]") }
            [\%ALICE, 'desk-ann'], [\%BOB, 'bob']],
    policy => join "\n", map { "deskgate_policy %%TESTDIR%%/$_;" }
        'desks.json', "instances.json for=arn:aws:iam::${ACCOUNT}:user/bob",
        "recordings.json for=arn:aws:iam::${ACCOUNT}:user/bob");

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->run();

my @terminate = (workspaces => 'TerminateWorkspaces', {
    TerminateWorkspaceRequests => [{ WorkspaceId => 'ws-123456789' }] });
my $answer = call(@terminate);

is(refusal_of($t, $answer), 'denied_implicit', 'a refused call');
is(refusal_of($t, call(workspaces => 'DescribeWorkspaces', {})), 'allowed',
    'an allowed one');
is(refusal_of($t, call(workspaces => 'RebootWorkspaces', {
    RebootWorkspaceRequests => [{ WorkspaceId => 'ws-123456789' }] })),
    'allowed', 'of one desktop');
is(refusal_of($t, call(workspaces => 'RebootWorkspaces', {
    RebootWorkspaceRequests => [map { { WorkspaceId => "ws-12345678$_" } }
        1 .. 6] })), 'denied_implicit', 'not of six');
is(refusal_of($t, instance('t3.large')), 'allowed', 'a small instance');
is(refusal_of($t, instance('m7i.48xlarge')), 'denied_implicit',
    'not a large one');

my $message = Deskgate::json_of($answer);
my ($id) = ($message->{message} || $message->{Message}) =~ /([0-9a-f-]{36})\W*$/;

ok($id, 'the message ends with the request id') or diag(explain $message);
is($id, Deskgate::header($answer, 'x-amzn-requestid'), 'which it is');

my $trail = join ' ', $t->files('trail');
my ($status, $out) = run($explain =~ s/REQUEST-ID/$id/r
    =~ s{/var/log/deskgate/\S+}{$trail}r);

is($status, 1, 'it is explained');
$out =~ s/\Q$dir\E/\/etc\/deskgate/g;
$out =~ s/ +$//mg;
$out =~ s/^time .*$/time      2026-10-01T08:12:44Z/m;
$out =~ s/^(request +)\S+$/$1REQUEST-ID/m;
is($out, $explained, 'as is shown');

$t->finish;


sub section {
    my ($title) = @_;

    my ($text) = $t->read_file("$FindBin::Bin/../docs/policy.md")
        =~ /^## \Q$title\E\n(.*?)^## /ms;

    ok($text, "docs/policy.md has it");

    return $text || '';
}


sub run {
    my ($command) = @_;

    $command =~ s/^deskgate-policy/$tool/ or return (-1, $command);
    $command =~ s{/usr/share/deskgate/models}{$models};

    my $out = `cd $dir && $command 2>&1 </dev/null`;

    return ($? >> 8, $out);
}


sub instance {
    my ($type) = @_;

    return call('workspaces-instances' => 'CreateWorkspaceInstance',
        { ManagedInstance => { ImageId => 'ami-12345678',
          InstanceType => $type } }, as => \%BOB);
}

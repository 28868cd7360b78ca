#!/usr/bin/perl

# deskgate-policy: the example policies with their cases, what it says of bad
# ones, how it explains, and its exit status.

use warnings;
use strict;

use File::Temp 'tempdir';
use FindBin;
use JSON::PP;
use Test::More;

use lib "$FindBin::Bin/lib";
use Deskgate::Make;

chdir "$FindBin::Bin/.." or die "chdir: $!";

make_target('build/deskgate-policy') or BAIL_OUT('deskgate-policy');

my $tool = 'build/deskgate-policy';
my $dir = tempdir(CLEANUP => 1);
my $known = '--models src/models --issuer corp --issuer partner';
my $examples = 'conf.example/policies';

sub run {
    my ($command) = @_;

    my $out = `$tool $command 2>&1 </dev/null`;

    return ($? >> 8, $out);
}

sub write_file {
    my ($name, $text) = @_;

    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!";
    print $fh $text;
    close $fh or die "$dir/$name: $!";

    return "$dir/$name";
}

# examples

my %form = (location => 'resource', map { $_ => 'boundary' }
    qw/regions cost-guard perimeter sharing-guard launch-guard required-tags
    recording-guard no-force/);

foreach my $file (sort glob "$examples/*.json") {
    my ($name) = $file =~ m{([^/]+)\.json$};
    my ($status, $out) = run("check $known --form "
        . ($form{$name} || 'identity') . " $file");

    is($status, 0, "$name: checks");
    is($out, "$file: ok\n", "$name: without a warning");

    ok(-f "$examples/$name.test.jsonl", "$name: has cases") or next;

    ($status, $out) = run("test $known $examples/$name.test.jsonl");
    is($status, 0, "$name: its cases pass") or diag($out);
    like($out, qr/^[1-9]\d* passed, 0 failed$/m, "$name: some were decided");
}

# the keys: those that policies may read, have values and are documented

sub read_file {
    my ($name) = @_;

    open my $fh, '<', $name or die "$name: $!";
    local $/;

    return scalar <$fh>;
}

my $prefix = qr/(?:aws|dcv|deskgate|workspaces):[A-Za-z]+/;
my %given = map { $_ => 1 }
    read_file('src/core/dg_condition_key.c') =~ /^ +\{ "($prefix\/?)", /mg;
my %documented = map { $_ => 1 }
    read_file('docs/policy.md') =~ /^\| `($prefix\/?)(?:KEY|PATH|NAME)?` \|/mg;

is_deeply(\%documented, \%given, 'docs/policy.md tells of the keys there are');
cmp_ok(scalar keys %given, '>', 35, 'which are many');

# the documented policies

my $n = 0;

foreach my $policy (read_file('docs/policy.md')
    =~ /^```json\n(\{\n.*?)^```/msg)
{
    my $file = write_file('doc' . ++$n . '.json', $policy);
    my ($status, $out) = run("check $known $file");

    is($out, "$file: ok\n", "policy $n of docs/policy.md");
}

cmp_ok($n, '>=', 4, 'one for each service');

# check

my $bad = write_file('bad.json', <<'EOF');
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "workspaces:RebotWorkspaces",
   "Resource": "*", "Condition": {"StringEqual": {"aws:username": "a"}}}]}
EOF

my ($status, $out) = run("check $known $bad");

is($status, 1, 'a bad policy');
like($out, qr/^\Q$bad\E:2:33: error: unknown action .*"workspaces:Reboot/m,
    'line, column and suggestion');
like($out, qr/^\Q$bad\E:3:35: error: .*did you mean "StringEquals"/m,
    'all problems at once');

($status, $out) = run("check --json $known $bad");
my @lines = map { decode_json($_) } split /\n/, $out;

is($lines[1]{line}, 3, 'as JSON');
is($lines[1]{severity}, 'error', 'as JSON');

# what a permissions file imports is not seen

my @guards = map { { Sid => "Guard$_->[0]", Effect => 'Deny',
    Action => 'dcv-session-manager:CreateSessions', Resource => '*',
    Condition => { @$_[1, 2] } } } (
    [Imports => Null => { 'dcv:PermissionImports' => 'false' }],
    [Features => 'ForAnyValue:StringEquals',
        { 'dcv:PermissionFeatures' => 'printer' }],
    [Shared => 'ForAnyValue:StringEquals',
        { 'dcv:SharedFeatures' => 'printer' }],
    [Actors => 'ForAnyValue:StringEquals',
        { 'dcv:PermissionActors' => '%any%' }]);

foreach my $guard (@guards[1 .. 3]) {
    my $alone = write_file('alone.json', encode_json({
        Version => '2012-10-17', Statement => [$guard] }));
    my ($key) = map { keys %$_ } values %{$guard->{Condition}};

    ($status, $out) = run("check $known $alone");
    is($status, 0, "$key alone");
    like($out, qr/warning: "\Q$key\E" can be got around: no statement limits "dcv:PermissionImports"$/m,
        'is warned of');
}

($status, $out) = run('check ' . $known . ' ' . write_file('both.json',
    encode_json({ Version => '2012-10-17', Statement => \@guards })));
is($out, "$dir/both.json: ok\n", 'not beside a limit on imports');

($status, $out) = run("check $known --lenient $examples/auditor.json");
is($status, 0, 'lenient');

($status) = run("check $dir/none.json");
is($status, 2, 'a file that is not there');

($status) = run('check');
is($status, 2, 'no file');

($status) = run('check --frobnicate x');
is($status, 2, 'an unknown option');

($status, $out) = run('--help');
is($status, 0, 'help');
like($out, qr/^usage: deskgate-policy/, 'help');

($status) = run('');
is($status, 2, 'no command');

# explain

my $call = "explain $known --policy $examples/self-service.json"
    . ' --principal arn:aws:deskgate::123456789012:user/corp/ann'
    . ' --action dcv-session-manager:GetSessionConnectionData'
    . ' --resource arn:aws:dcv-session-manager:r:123456789012:session/s'
    . ' --context corp:preferred_username=ann';

($status, $out) = run("$call --context deskgate:Request/user=ann");
is($status, 0, 'an allowed call');
like($out, qr/^allow: identity policy .* "ConnectsAsHimself"$/m, 'by whom');

($status, $out) = run("$call --context deskgate:Request/user=bob");
is($status, 1, 'a refused call');
like($out, qr/condition +no +StringEquals deskgate:Request\/user: "bob"/,
    'the condition that failed');
like($out, qr/^implicit deny: no identity policy allows it$/m, 'the layer');
unlike($out, qr/\e/, 'no colours in a pipe');

($status, $out) = run("$call --unknown deskgate:Request/user");
is($status, 1, 'a call that is not known whole');
like($out, qr/^unknown: it depends/m, 'is told');

($status, $out) = run("$call --json --context deskgate:Request/user=bob");
my $explained = decode_json($out);

is($explained->{decision}, 'implicit deny', 'as JSON');
ok((grep { ($_->{key} || '') eq 'deskgate:Request/user'
    && $_->{result} eq 'no' && $_->{values}[0] eq 'bob' }
    @{ $explained->{trace} }), 'the trace as JSON');

# test

my $case = '{"name": "%s", "policy": {"Statement": {"Effect": "Allow", '
    . '"Action": "a:B", "Resource": "*"}}, "request": {"action": "a:%s"}, '
    . '"expected": "%s"}' . "\n";

my $cases = write_file('a.jsonl', sprintf($case, 'right', 'B', 'Allow')
    . sprintf($case, 'wrong', 'C', 'Allow'));

($status, $out) = run("test $cases");
is($status, 1, 'a case that fails');
like($out, qr/^failed \Q$cases\E:2: wrong: implicit deny, expected Allow$/m,
    'is named');
like($out, qr/^1 passed, 1 failed$/m, 'and counted');

($status) = run('test ' . write_file('empty.jsonl', ''));
is($status, 2, 'no case');

($status) = run('test ' . write_file('broken.jsonl', "{\n"));
is($status, 2, 'no JSON');

done_testing();

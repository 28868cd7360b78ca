#!/usr/bin/perl

# Records explained from their request id alone, and a new policy compared
# with an old one by recorded calls.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Make;

chdir "$FindBin::Bin/.." or die "chdir: $!";

make_target('build/deskgate-policy') or BAIL_OUT('deskgate-policy');

my $t = Deskgate->new();
my $dir = $t->testdir;
my $USER = "arn:aws:iam::${ACCOUNT}:user";
my $tool = "$FindBin::Bin/../build/deskgate-policy";

write_policy('read.json', grant('workspaces:Describe*', Sid => 'Reads',
    Condition => { IpAddress => { 'aws:SourceIp' => '127.0.0.0/8' },
        StringNotLike => { 'aws:UserAgent' => 'bad*' } }),
    grant('workspaces-instances:CreateWorkspaceInstance', Sid => 'NoCode',
        Condition => { Null => {
            'deskgate:Request/ManagedInstance/UserData' => 'true' } }));
write_policy('tags.json', { %{grant('workspaces:CreateTags')},
    Condition => { StringEquals => {
        'deskgate:Request/ResourceId' => 'ws-${aws:username}' } } });
write_policy('items.json', grant('workspaces:TerminateWorkspaces',
    Condition => { StringLike => {
        'deskgate:Request/WorkspaceId' => 'ws-aaaa*' } }));

Deskgate::Gateway::configure($t, policy => 'deskgate_policy '
    . "%%TESTDIR%%/read.json; deskgate_policy %%TESTDIR%%/tags.json;\n"
    . "deskgate_policy %%TESTDIR%%/items.json;\n");

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->run();

my @describe = (workspaces => 'DescribeWorkspaces', {});
my $read = id(@describe, headers => [['User-Agent', 'desk']]);
my $bad = id(@describe, headers => [['User-Agent', 'bad one']]);
my $tagged = id(tags('ws-alice'));
my $foreign = id(tags('ws-bob'));
my $items = id(terminate('ws-aaaa11111', 'ws-bbbb11111'));
my $code = id('workspaces-instances' => 'CreateWorkspaceInstance', {
    ClientToken => 'token-1234', ManagedInstance => {
        ImageId => 'ami-12345678', InstanceType => 't3.medium',
        UserData => 'bm8=' } });
my $unverified = id(@describe, secret_key => 'wrong-secret-0000001');
my $trail = join ' ', map { "'$_'" } $t->files('trail');

# explain

my ($status, $out) = explained($read);

is($status, 0, 'an allowed call');
like($out, qr/^caller    \Q$USER\E\/alice$/m, 'who');
like($out, qr/^action    workspaces:DescribeWorkspaces$/m, 'what');
like($out, qr/^decided   allow: resource policy \Q$dir\E\/read\.json, statement "Reads"$/m,
    'by which statement');
like($out, qr/^policy    \Q$dir\E\/read\.json \(resource\): unchanged$/m,
    'which is as it was');
like($out, qr/condition +yes +IpAddress aws:SourceIp: "127\.0\.0\.1"$/m,
    'a condition');
like($out, qr/^allow: resource policy .*"Reads"$/m, 'the decision again');
like($out, qr/^as it was decided then$/m, 'is the same');
unlike($out, qr/\e/, 'no colours in a pipe');

($status, $out) = explained($bad);
is($status, 1, 'a refused call');
like($out, qr/condition +no +StringNotLike aws:UserAgent: "bad one"$/m,
    'the condition that did not hold');
like($out, qr/^refusal   denied_implicit$/m, 'the refusal');

($status, $out) = explained($foreign);
like($out, qr/condition +no +StringEquals deskgate:Request\/ResourceId: "ws-bob"$/m,
    'a condition with a variable');
like($out, qr/^as it was decided then$/m, 'is decided by the record alone');

($status, $out) = explained($items);
like($out, qr/condition +yes .*"ws-aaaa11111"$/m, 'the first item');
like($out, qr/condition +no .*"ws-bbbb11111"$/m, 'the second');
like($out, qr/^as it was decided then$/m, 'items have their own values');

($status, $out) = explained($code);
like($out, qr/condition +unknown +Null .*UserData: not known$/m,
    'a hidden value is not known');
like($out, qr/^decided   implicit deny: /m, 'the decision is recorded');

($status, $out) = explained($unverified);
is($status, 1, 'a call that was refused before');
like($out, qr/^ +the policies were not asked$/m, 'is told');

($status, $out) = explained('--json', $read);
my $json = decode_json($out);

is($json->{recorded}{authorization}, 'allow', 'as JSON: what was recorded');
is($json->{decision}, 'allow', 'what is decided now');
is($json->{policies}[0]{state}, 'unchanged', 'the policies');
ok((grep { ($_->{key} || '') eq 'aws:SourceIp' } @{$json->{trace}}),
    'the trace');

($status, $out) = explained('--json', $unverified);
ok(decode_json($out)->{recorded}, 'as JSON without a decision');

($status, $out) = run("explain --request-id nowhere --trail $trail");
is($status, 2, 'no such request');
like($out, qr/no record of the request "nowhere"/, 'is told');
($status) = run("explain --request-id $read");
is($status, 2, 'no trail');
($status) = run("explain --request-id $read --trail $dir/none.jsonl");
is($status, 2, 'a trail that is not there');

# gzipped, and beside lines that are no records

system("gzip -c $trail > '$dir/old.jsonl.gz'") == 0 or die 'gzip';
$t->write_file('junk.jsonl', "\n{}\n[]\n{\"requestID\":\"$read\"\n");

($status, $out) = run("explain --request-id $read --trail $dir/junk.jsonl"
    . " $dir/old.jsonl.gz");
is($status, 0, 'a gzipped trail');
like($out, qr/junk\.jsonl:4:\d+: no record/, 'what is no record is told');

# a policy that has changed since

my $text = $t->read_file('read.json');

write_policy('read.json', grant('workspaces:Reboot*'));
($status, $out) = explained($read);
is($status, 0, 'what was decided stays');
like($out, qr/read\.json \(resource\): changed since$/m, 'the file changed');
like($out, qr/^decided otherwise then: allow$/m, 'and so does the decision');

unlink "$dir/read.json";
($status, $out) = explained($read);
like($out, qr/read\.json \(resource\): cannot be read$/m, 'the file is gone');
like($out, qr/^not all policies could be read/m, 'which is told');
$t->write_file('read.json', $text);

($status, $out) = run("explain --request-id $read --form resource"
    . " --policy $dir/tags.json --trail $trail");
like($out, qr/^decided otherwise then: allow$/m, 'by another policy');

# diff

write_policy('same.json', grant('workspaces:Describe*', Condition => {
    IpAddress => { 'aws:SourceIp' => '127.0.0.1' },
    StringNotLike => { 'aws:UserAgent' => 'bad*' } }));

($status, $out) = run("diff $dir/read.json $dir/read.json --trail $trail");
is($status, 1, 'a policy against itself');
like($out, qr/^6 calls: 0 would be decided otherwise, 1 cannot be told, 5 stay, 0 are not concerned$/m,
    'all but the one with a hidden value');

($status, $out) = run("diff $dir/tags.json $dir/tags.json --trail $trail");
like($out, qr/^6 calls: 0 .*, 1 cannot be told/m, 'likewise');

write_policy('none.json', { %{grant('*')}, Effect => 'Deny',
    Sid => 'Nobody' });
($status, $out) = run("diff $dir/read.json $dir/none.json --trail $trail");
is($status, 1, 'calls that would be decided otherwise');
like($out, qr/^\S+ $read workspaces:DescribeWorkspaces by \S+alice: allow -> explicit deny by \Q$dir\E\/none\.json:\d+$/m,
    'the allowed one');
unlike($out, qr/$bad/, 'not the one that stays refused');
like($out, qr/^6 calls: 2 would be decided otherwise, 0 cannot be told/m,
    'are counted');

write_policy('open.json', grant('*'));
($status, $out) = run("diff --json $dir/read.json $dir/open.json"
    . " --trail $trail");
my @lines = map { decode_json($_) } split /\n/, $out;

is_deeply([sort map { $_->{requestID} || () } @lines],
    [sort $bad, $foreign, $items, $code], 'as JSON: the refused ones');
is($lines[-1]{changed}, 4, 'the count');
is($lines[0]{after}, 'allow', 'the new decision');

write_policy('more.json', grant('*', Condition => {
    StringEquals => { 'deskgate:AccessLevel' => 'list' } }));
($status, $out) = run("diff $dir/read.json $dir/more.json --trail $trail");
is($status, 1, 'what reads more than was recorded');
like($out, qr/$read .*: cannot tell: the record has not deskgate:AccessLevel$/m,
    'cannot be told');
unlike((run("diff --models $FindBin::Bin/../src/models $dir/read.json"
    . " $dir/more.json --trail $trail"))[1], qr/deskgate:AccessLevel/,
    'but with models, which tell it');
unlike($out, qr/$tagged/, 'but what another policy allows stays');

write_policy('region.json', grant('workspaces:Describe*', Condition => {
    StringEquals => { 'aws:RequestedRegion' => 'us-east-1' },
    Bool => { 'aws:SecureTransport' => 'false' } }));
($status, $out) = run("diff $dir/read.json $dir/region.json --trail $trail");
like($out, qr/$bad .*: implicit deny -> allow/,
    'what every record has is known');

($status, $out) = run("diff $dir/none.json $dir/open.json --trail $trail");
is($status, 2, 'an old policy that decided nothing');
like($out, qr/no recorded call was decided by/, 'is told');

($status, $out) = run("diff --form resource $dir/none.json $dir/open.json"
    . " --trail $trail");
is($status, 1, 'two policies alone');
like($out, qr/^6 calls: 6 would be decided otherwise/m,
    'decide every call');

($status) = run("diff --form resource $dir/open.json $dir/open.json"
    . " --trail $trail");
is($status, 0, 'no difference');

# the renamed copy of what decided is found by its text

$t->write_file('copy.json', $text);
($status, $out) = run("diff $dir/copy.json $dir/none.json --trail $trail");
like($out, qr/^6 calls: 2 would be decided otherwise/m, 'the same text');

foreach my $words ('diff', "diff $dir/read.json --trail $trail",
    "diff $dir/read.json $dir/none.json", 'diff --frobnicate',
    "diff $dir/read.json $dir/nothing.json --trail $trail",
    "diff $dir/read.json $dir/none.json --trail $dir/nothing")
{
    ($status) = run($words);
    is($status, 2, 'a command that cannot be carried out');
}

$t->finish;


sub grant {
    my ($action, %more) = @_;

    return { Effect => 'Allow', Action => $action, Resource => '*',
             Principal => '*', %more };
}


sub write_policy {
    my ($name, @statements) = @_;

    $t->write_file($name, Deskgate::Gateway::policy_text(@statements));
}


sub tags {
    return (workspaces => 'CreateTags', { ResourceId => $_[0],
        Tags => [{ Key => 'cost', Value => '17' }] });
}


sub terminate {
    return (workspaces => 'TerminateWorkspaces', {
        TerminateWorkspaceRequests => [map { { WorkspaceId => $_ } } @_] });
}


# makes a call and gives the id under which it was recorded
sub id {
    my $record = record_of($t, call(@_));

    return $record->{requestID};
}


sub run {
    my ($words) = @_;

    my $out = `$tool $words 2>&1 </dev/null`;

    return ($? >> 8, $out);
}


sub explained {
    my ($id, @options) = reverse @_;

    return run("explain @options --request-id $id --trail $trail");
}

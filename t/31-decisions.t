#!/usr/bin/perl

# What a record tells of the policies' decision, and the policy sets that are
# evaluated beside the one that decides.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $dir = $t->testdir;
my $JSON = JSON::PP->new->canonical;
my $USER = "arn:aws:iam::${ACCOUNT}:user";
my $SPACE = "arn:aws:workspaces:us-east-1:${ACCOUNT}:workspace";
my %DAVE = (access_key => 'AKIDDAVE', secret_key => 'secret-of-dave-00007');

# a server for each way to decide

my $next = 8110;
my ($servers, %ports) = ('');

write_policy('read.json', statement('Allow', 'workspaces:Describe*',
    Principal => '*', Sid => 'Reads', Condition => {
        IpAddress => { 'aws:SourceIp' => '127.0.0.0/8' },
        StringNotEquals => { 'aws:UserAgent' => 'bad' } }));
write_policy('tags.json', statement('Allow', 'workspaces:CreateTags',
    Condition => { StringEquals => { 'aws:RequestTag/cost' => '17',
        'deskgate:Request/ResourceId' => 'ws-${aws:PrincipalTag/team}' } }));
write_policy('cap.json', statement('Allow', '*'));
write_policy('items.json', statement('Allow', 'workspaces:*',
    Principal => '*', Condition => {
        StringLike => { 'deskgate:Request/WorkspaceId' => 'ws-aaaa*' },
        StringEquals => { 'aws:RequestedRegion' => 'us-east-1' } }));
write_policy('hidden.json', statement('Allow', 'workspaces-instances:*',
    Principal => '*', Condition => { Null => {
        'deskgate:Request/ManagedInstance/UserData' => 'true' } }));
write_policy('all.json', statement('Allow', '*', Principal => '*'));
write_policy('none.json', statement('Deny', '*', Principal => '*',
    Sid => 'Nobody'));
write_policy('alice.json', statement('Allow', 'workspaces:Describe*'));
write_policy('dave.json', statement('Allow', 'workspaces:CreateTags'));
write_policy('little.json', statement('Allow', 'workspaces:Describe*'));

server(whole => policy('read.json') . policy('tags.json',
    "for=$USER/al*") . boundary('cap.json'));
server(items => policy('items.json'));
server(hidden => policy('hidden.json'));
server(shadow => policy('read.json')
    . shadow('same', 'read.json') . shadow('open', 'all.json')
    . shadow('shut', 'all.json') . shadow('shut', 'none.json')
    . shadow('mine', 'alice.json', "for=$USER/alice")
    . shadow('capped', 'all.json')
    . shadow('capped', 'little.json', 'boundary'));
server(inherited => policy('all.json') . shadow('next', 'none.json'),
    inherit => 1);
server(own => policy('none.json'), level => shadow('next', 'all.json'),
    location => shadow('mine', 'none.json'));
server(observed => policy('none.json') . shadow('open', 'all.json'),
    location => 'deskgate_mode observe;');

Deskgate::Gateway::configure($t, http => $servers,
    locations => 'location = /status { deskgate_status; }',
    keys => [
        key(\%ALICE, 'alice', tags => { team => 'blue' }), key(\%BOB, 'bob'),
        key(\%DAVE, 'dave', policies => ['dave.json'])]);

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->secret($DAVE{secret_key});
$t->run();

my @describe = (workspaces => 'DescribeWorkspaces', {});
my @tags = (workspaces => 'CreateTags', { ResourceId => 'ws-blue',
    Tags => [{ Key => 'cost', Value => '17' }] });

# an allowed call

my $d = decision(whole => @describe, headers => [['User-Agent', 'desk']]);

is($d->{authorization}, 'allow', 'what was decided');
is($d->{action}, 'workspaces:DescribeWorkspaces', 'the action');
is($d->{layer}, 'resource', 'the layer');
is($d->{policy}, "$dir/read.json", 'the file');
is($d->{statement}, 'Reads', 'the statement');
is($d->{resource}, '*', 'the resource');
is_deeply($d->{keys}, { 'aws:SourceIp' => ['127.0.0.1'],
    'aws:UserAgent' => ['desk'] }, 'the keys that were read');
is_deeply([map { [@$_{qw/file form for sha256/}] } @{$d->{policies}}], [
    ["$dir/read.json", 'resource', undef, file_hash('read.json')],
    ["$dir/tags.json", 'identity', "$USER/al*", file_hash('tags.json')],
    ["$dir/cap.json", 'boundary', undef, file_hash('cap.json')]],
    'the policies that applied, with their hashes');
like($d->{policySet}, qr/^[0-9a-f]{64}$/, 'the hash of the set');
ok(!$d->{contextOmitted}, 'nothing is missing');
ok(!$d->{shadow}, 'no shadow');

my $set = $d->{policySet};

$d = decision(whole => @describe, as => \%BOB);
is(scalar @{$d->{policies}}, 2, 'for another caller: what applied to him');
is($d->{policySet}, $set, 'of the same set');
is_deeply($d->{keys}{'aws:UserAgent'}, [], 'an absent key is told');

# refused calls

$d = decision(whole => workspaces => 'CreateTags', { ResourceId => 'ws-red',
    Tags => [{ Key => 'cost', Value => '17' }] });
is($d->{authorization}, 'implicit deny', 'a refused call');
is($d->{refusal}, 'denied_implicit', 'by the policies');
is_deeply($d->{keys}{'deskgate:Request/ResourceId'}, ['ws-red'],
    'the value that did not match');
is_deeply($d->{keys}{'aws:PrincipalTag/team'}, ['blue'],
    'the value of a variable');
ok(!defined $d->{statement}, 'no statement decided');

# several resources

$d = decision(items => workspaces => 'TerminateWorkspaces', {
    TerminateWorkspaceRequests => [map { { WorkspaceId => $_ } }
        'ws-aaaa11111', 'ws-bbbb11111', 'ws-aaaa22222'] });

is($d->{resourceCount}, 3, 'how many resources there were');
is($d->{resource}, "$SPACE/ws-bbbb11111", 'the one that decided');
is_deeply([map { $_->{keys}{'deskgate:Request/WorkspaceId'} }
    @{$d->{itemKeys}}], [['ws-aaaa11111'], ['ws-bbbb11111'],
    ['ws-aaaa22222']], 'the values of each');
is_deeply([map { $_->{resource} } @{$d->{itemKeys}}], [0, 1, 2],
    'which are numbered');

# sensitive members

my $planted = $t->secret('planted-user-data-secret',
    except => [qr/^aws\.|requests/]);

$d = decision(hidden => 'workspaces-instances' => 'CreateWorkspaceInstance', {
    ClientToken => 'token-1234', ManagedInstance => {
        ImageId => 'ami-12345678', InstanceType => 't3.medium',
        UserData => $planted } });
is_deeply($d->{keys}{'deskgate:Request/ManagedInstance/UserData'},
    [{ sha256 => sha256_hex($planted), length => length $planted }],
    'a sensitive value is a digest');

# a call that never came to a decision

my $r = record_of($t, call(@describe, port => $ports{whole},
    secret_key => 'wrong-secret-0000001'));
$d = $r->{additionalEventData}{deskgate};

ok(!grep({ defined $d->{$_} } qw/authorization policies keys policySet/),
    'without a decision nothing is told of one');

# shadows

$d = decision(shadow => @describe);
is($d->{authorization}, 'allow', 'the real policies decide');
is_deeply($d->{shadow}, [{ name => 'shut', authorization => 'explicit deny',
    layer => 'resource', policy => "$dir/none.json",
    statement => 'Nobody' }], 'one set of two files would refuse');

$d = decision(shadow => @describe, as => \%BOB);
is_deeply([map { $_->{name} } @{$d->{shadow}}], ['shut', 'mine'],
    'for= limits whom a shadow grants');

$d = decision(shadow => @tags);
is($d->{authorization}, 'implicit deny', 'the real policies refuse');
is_deeply([map { "$_->{name} $_->{authorization}" } @{$d->{shadow}}],
    ['open allow'], 'one would allow, a boundary is none');

$d = decision(shadow => @tags, as => \%DAVE);
is($d->{authorization}, 'allow', 'what a key names belongs to the set');
is_deeply([map { $_->{name} } @{$d->{shadow}}], ['shut', 'capped'],
    'and to each shadow');

is($aws->count, 5, 'only the real decision lets a call go');

$d = decision(inherited => @describe);
is($d->{shadow}[0]{name}, 'next', 'shadows are inherited');
$d = decision(own => @describe);
ok(!$d->{shadow}, "a location's own take their place");

$d = decision(observed => @describe);
is($d->{mode}, 'observe', 'in observe mode');
is($d->{shadow}[0]{name}, 'open', 'they are evaluated too');

# counting

my $status = Deskgate::json_of(Deskgate::http_get('/status'));

is($status->{services}{workspaces}{shadow}, 6,
    'the calls that a shadow would have decided otherwise are counted');

# mistakes

mistake('no file', 'next', qr/invalid number of arguments/);
mistake('no file but a boundary', 'next boundary', qr/takes NAME FILE/);
mistake('no file but for=', 'next for=*', qr/takes NAME FILE/);
mistake('a group without a name', "next %%TESTDIR%%/little.json for=group:a",
    qr/group:ISSUER/);
mistake('a Principal in a boundary',
    'next %%TESTDIR%%/all.json boundary', qr/Principal/);
mistake('no such file', 'next %%TESTDIR%%/nothing.json', qr/nothing\.json/);

$t->finish;


sub write_policy {
    my ($name, @statements) = @_;

    $t->write_file($name, Deskgate::Gateway::policy_text(@statements));
}


sub statement {
    my ($effect, $action, %more) = @_;

    return { Effect => $effect, Action => $action, Resource => '*', %more };
}


sub policy { return directive('deskgate_policy', '', @_) }

sub boundary { return directive('deskgate_boundary', '', @_) }

sub shadow {
    my ($name, @more) = @_;

    return directive('deskgate_policy_shadow', "$name ", @more);
}


sub directive {
    my ($directive, $before, $file, @more) = @_;

    return "$directive $before%%TESTDIR%%/$file @more;\n";
}


sub server {
    my ($name, $policy, %opt) = @_;

    $ports{$name} = $next++;

    my ($above, $here) = $opt{inherit} ? ($policy, '') : ('', $policy);

    $servers .= "server { listen 127.0.0.1:$ports{$name};"
        . " server_name localhost;\n$above" . ($opt{level} || '')
        . 'location / {' . gateway_location(policy => $here,
            services => ['workspaces', 'workspaces-instances'],
            location => 'deskgate_replay off;' . ($opt{location} || ''))
        . "} }\n";
}


sub key {
    my ($who, $user, %more) = @_;

    return Deskgate::Gateway::key($who, principal => "$USER/$user", %more);
}


sub file_hash { return sha256_hex($t->read_file($_[0])) }


# what the record of a call tells of its decision
sub decision {
    my ($name, @call) = @_;

    my $record = record_of($t, call(@call, port => $ports{$name}));

    return $record->{additionalEventData}{deskgate};
}


sub mistake {
    my ($name, $arguments, $says) = @_;

    my ($passed, $text) = $t->check_config(Deskgate::Gateway::text(
        location => "deskgate_policy_shadow $arguments;\n"));

    ok(!$passed, "$name: refused");
    like($text, $says, "$name: says why");
}

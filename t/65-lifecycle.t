#!/usr/bin/perl

# Reload, graceful end, binary upgrade and killed workers: what was there
# stays, what is broken is refused, nobody waits for the dead.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Time::HiRes qw/sleep time/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new();

# a daemon is nobody's child: it is ended here when the test is not
my ($master, $new);

END {
    kill 'TERM', grep { $_ && kill 0, $_ } $master, $new;
}

my %parts = (workers => 2, zone => '4m', location =>
    'deskgate_throttle rate=1r/h burst=5 key=caller,operation;',
    locations => <<'EOF_CONF');
        location = /status {
            deskgate_status;
        }
EOF_CONF

Deskgate::Gateway::configure($t, %parts);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

sub status { return json_of(http_get('/status')) }

# reloads until none of the old workers is left
sub reloaded {
    my ($what) = @_;

    my @old = $t->workers;
    my $ok = $t->reload;

    ok($ok, $what);
    ok($t->wait_for(sub { !grep { kill 0, $_ } @old }, 15),
        "$what: the old workers end") if $ok;
}

# what the zone keeps over a reload

call(workspaces => 'DescribeWorkspaces', {}) for 1 .. 5;
is(refusal_of($t, call(workspaces => 'DescribeWorkspaces', { Limit => 1 })),
    'throttled', 'a bucket is empty');

my %write = signed_call(workspaces => 'CreateWorkspaces', { Workspaces => [{
    DirectoryId => 'd-926715c0de', UserName => 'a',
    BundleId => 'wsb-0zsvgp8fc' }] });

is(http_request(%write)->{status}, 200, 'a write passes');
is(call('dcv-session-manager' => 'DescribeServers', {})->{status}, 200,
    'a broker call passes');
is($broker->token_calls, 1, 'with a token');

reloaded('reload');

is(refusal_of($t, call(workspaces => 'DescribeWorkspaces', { Limit => 2 })),
    'throttled', 'the bucket is still empty');
is(refusal_of($t, http_request(%write)), 'signature_replayed',
    'the signature is still known');
is(call('dcv-session-manager' => 'DescribeServers', {})->{status}, 200,
    'a broker call still passes');
is($broker->token_calls, 1, 'with the same token');

# what is broken is refused, and the old goes on

my %broken = (
    'keys.json'   => ["{\n\"version\":1,\n\"keys\":[{}]}", qr/keys\.json:3:/],
    'policy.json' => ["{\n\"Version\":\"2012-10-17\",\n\"Statemen\":[]}",
        qr/policy\.json:3:/],
    'egress.json' => ['{"access_key_id":"AKID"}', qr/egress\.json/],
);

$t->allow(qr/\[emerg\].*(keys|policy|egress|broken)\S*\.json/);

foreach my $name (sort keys %broken) {
    my ($content, $says) = @{$broken{$name}};
    my $was = $t->read_file($name);
    my @old = sort $t->workers;

    $t->write_file($name, $content);
    ok(!$t->reload, "a broken $name is refused");
    like($t->log, qr/\[emerg\].*$says.* in \S+nginx\.conf:\d+/,
        "$name: file, line and reason");
    is_deeply([sort $t->workers], \@old, "$name: the workers stay");
    is(call(workspaces => 'DescribeAccount', {}, as => \%BOB)->{status}, 200,
        "$name: calls are still served") if $name ne 'x';
    $t->write_file($name, $was);
}

mkdir $t->testdir . '/models';

my $root = $t->root;

foreach my $path (glob "$root/src/models/*.json") {
    my ($name) = $path =~ m{([^/]+)$};

    $t->write_file("models/$name", $t->read_file($path), 0644);
}

my $conf = $t->read_file('nginx.conf');

$t->write_file('nginx.conf', $conf =~ s{\Q$root\E/src/models}
    {$t->testdir . '/models'}er);
reloaded('reload with models from another folder');

$t->write_file('models/workspaces.json', '{"metadata":{}, broken', 0644);
$t->allow(qr/\[emerg\].*models/);
ok(!$t->reload, 'a broken model is refused');
like($t->log, qr/\[emerg\].*workspaces\.json:1:\d+: /, 'with file and line');
is(call('ssm-guiconnect' => 'GetConnectionRecordingPreferences', {})
    ->{status}, 200, 'calls are still served');
$t->write_file('models/workspaces.json',
    $t->read_file("$root/src/models/workspaces.json"), 0644);

# a new key and a new policy are taken

$t->write_file('policy.json', Deskgate::Gateway::policy_text(allow_all(),
    { Effect => 'Deny', Principal => '*', Resource => '*',
      Action => 'workspaces:DescribeTags' }));
reloaded('reload with a new policy');
is(refusal_of($t, call(workspaces => 'DescribeTags',
    { ResourceId => 'ws-12345678' })), 'denied_explicit', 'it decides');

# reload while calls come

sub traffic {
    my ($seconds, $seen) = @_;

    my $pid = fork;

    return $pid if $pid;

    my $until = time + $seconds;
    my ($n, %counts) = (0);

    while (time < $until) {
        my $answer = eval { call('workspaces-instances' => 'ListRegions',
            {}, headers => [['X-N', $n++]]) };
        my $what = $answer ? $answer->{status} : 'lost';

        $what .= ' ' . (error_type($answer) || '')
            if $answer && $what ne '200';
        $counts{$what}++;
    }

    $t->write_file($seen, join '', map { "$_=$counts{$_}\n" } sort keys %counts);
    POSIX::_exit(0);
}

my $under = traffic(2.5, 'under-reload');

for (1 .. 3) {
    sleep 0.5;
    $t->signal('HUP');
}

waitpid $under, 0;

my %counts = $t->read_file('under-reload') =~ /^(.+)=(\d+)$/mg;

cmp_ok($counts{200} || 0, '==', 5, 'the bucket holds under reloads');
cmp_ok($counts{'400 ThrottlingException'} || 0, '>', 20, 'others are refused');
is(join(', ', grep { !/^(200|400 ThrottlingException)$/ } sort keys %counts),
    '', 'and none is lost');

$t->wait_for(sub { (() = $t->workers) == 2 });

# a graceful end while timers are armed

my $c = $t->connect(8080);

$c->request(signed_call(workspaces => 'DescribeIpGroups', {}));

my $asked = time;

ok($t->quit_nginx('QUIT'), 'QUIT ends it');
cmp_ok(time - $asked, '<', 5, 'at once, whatever timers there are');
$t->run();

# a worker killed in the middle of traffic

$t->allow(qr/exited on signal 9/);
$t->allow(qr/\[alert\].*(worker process|shared memory zone)/);

my $busy = traffic(3, 'under-kill');

for (1 .. 4) {
    sleep 0.5;
    kill 'KILL', ($t->workers)[0];
}

waitpid $busy, 0;
ok($t->wait_for(sub { (() = $t->workers) == 2 }), 'killed workers come back');
%counts = $t->read_file('under-kill') =~ /^(.+)=(\d+)$/mg;
cmp_ok($counts{200} || 0, '<=', 5, 'no bucket gives more than it has');
cmp_ok($counts{'400 ThrottlingException'} || 0, '>', 20,
    'the successors serve, from the same bucket');
is(ref status()->{zone}, 'HASH', 'the zone can be read');
is(call(workspaces => 'DescribeTags', { ResourceId => 'ws-12345678' })
    ->{status}, 400, 'the policy is as it was');

# a worker killed while it fetches a token

$t->quit_nginx('QUIT');
$t->run();

my $calls = $broker->token_calls;

$broker->slow(30);

my @waiting = map {
    my $n = $_;
    my $pid = fork;

    if ($pid == 0) {
        my $answer = eval { call('dcv-session-manager' => 'DescribeServers',
            {}, headers => [['X-N', $n]]) };

        $t->write_file("waiting-$n", $answer ? $answer->{status} : 'lost');
        POSIX::_exit(0);
    }

    $pid;
} 1 .. 4;

ok($t->wait_for(sub { $broker->token_calls > $calls }), 'a fetch has begun');
sleep 0.5;
is($broker->token_calls, $calls + 1, 'by one worker for all');
$broker->slow(0);
kill 'KILL', $_ foreach $t->workers;
waitpid $_, 0 foreach @waiting;
$t->wait_for(sub { (() = $t->workers) == 2 });

my $next = time;

is(call('dcv-session-manager' => 'DescribeServers', { MaxResults => 3 })
    ->{status}, 200, 'after the leader of a fetch was killed another fetches');
cmp_ok(time - $next, '<', 15, 'and does not wait for the dead');
is($broker->token_calls, $calls + 2, 'with one more call for a token');

# binary upgrade, which nginx offers to daemons only

$t->quit_nginx('QUIT');
unlink $t->testdir . '/nginx.pid';
$t->write_file('nginx.conf', $conf =~ s/daemon off;//r);

{
    local %ENV = (%ENV, $t->environment);

    is(system($t->command('nginx.conf')), 0, 'a daemon starts');
}

sub children {
    my ($pid) = @_;

    return split ' ', $t->read_file("/proc/$pid/task/$pid/children");
}

ok($t->wait_for(sub { $t->workers == 2 }), 'with its workers');

$master = $t->read_file('nginx.pid') + 0;

is(call(workspaces => 'DescribeIpGroups', { MaxResults => 5 })->{status}, 200,
    'it serves');
kill 'USR2', $master;
ok($t->wait_for(sub { -s $t->testdir . '/nginx.pid.oldbin'
    && -s $t->testdir . '/nginx.pid' }), 'USR2 starts another');

$new = $t->read_file('nginx.pid') + 0;

isnt($new, $master, 'which is a process of its own');
ok($t->wait_for(sub { children($new) == 2 }), 'with workers of its own');
kill 'WINCH', $master;
ok($t->wait_for(sub { !grep { $_ != $new } children($master) }),
    'WINCH ends the old ones');
is(call(workspaces => 'DescribeIpGroups', { MaxResults => 1 })->{status}, 200,
    'the new ones serve');
kill 'QUIT', $master;
ok($t->wait_for(sub { !kill 0, $master }), 'QUIT ends the old master');
is(call(workspaces => 'DescribeIpGroups', { MaxResults => 2 })->{status}, 200,
    'the new one goes on');

$t->wait_for(sub { my %s = map { $_->{eventID} => 1 } $t->records;
    keys %s == $t->record_lines });

my %ids;

$ids{$_->{eventID}}++ foreach $t->records;

is((grep { $_ > 1 } values %ids), 0, 'no record is there twice');
kill 'QUIT', $new;
ok($t->wait_for(sub { !kill 0, $new }), 'and ends when told');
($master, $new) = ();

# zones: the smallest, and another size at reload

$t->write_file('nginx.conf', $conf =~ s/desk:4m/desk:1m/r);
$t->run();
is(call(workspaces => 'DescribeIpGroups', { MaxResults => 2 })->{status}, 200,
    'a zone of 1m serves');
is(call('dcv-session-manager' => 'DescribeServers', {})->{status}, 200,
    'and keeps a token');

$t->write_file('nginx.conf', $conf =~ s/desk:4m/desk:2m/r);
reloaded('reload with another zone size');
is(call(workspaces => 'DescribeIpGroups', { MaxResults => 3 })->{status}, 200,
    'calls are served from the new one');
cmp_ok(status()->{zone}{bytes}, '>', 1_500_000, 'which has the new size');

$t->finish;

#!/usr/bin/perl

# The status page and readiness: every number that is promised, no secret.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw/strftime/;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new();

my $deny = { Effect => 'Deny', Principal => '*', Resource => '*',
    Action => 'workspaces:RebuildWorkspaces' };

Deskgate::Gateway::configure($t, statements => [allow_all(), $deny],
    location => 'deskgate_throttle rate=100r/s burst=100 key=caller;',
    locations => <<'EOF_CONF');
        location = /status {
            deskgate_status;
        }

        location = /ready {
            deskgate_ready;
        }
EOF_CONF

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my $page = http_get('/status');
my $s = json_of($page);

is($page->{status}, 200, 'status: 200');
is(header($page, 'Content-Type'), 'application/json', 'status: media type');
is(ref $s, 'HASH', 'status: valid JSON');
cmp_ok(abs($s->{time} - time), '<=', 3, 'status: time');
is_deeply([sort keys %{$s->{services}}], [sort qw/dcv-session-manager none
    ssm-guiconnect workspaces workspaces-instances/], 'status: each service');
is($s->{services}{workspaces}{calls}, 0, 'status: nothing yet');
is($s->{trail}{state}, 'ok', 'status: trail');
is($s->{brokers}[0]{name}, 'lab', 'status: the broker');
is($s->{brokers}[0]{token}, 'none', 'status: no token yet');
is_deeply([map { [$_->{name}, $_->{access_key_id}] } @{$s->{credentials}}],
    [['egress', 'AKIDEGRESS']], 'status: credentials by name');

my $ready = http_get('/ready');

is($ready->{status}, 200, 'ready: 200');
ok(json_of($ready)->{ready}, 'ready: says so');

# counters

call(workspaces => 'DescribeWorkspaces', {}) for 1 .. 3;
call(workspaces => 'RebuildWorkspaces', { RebuildWorkspaceRequests =>
    [{ WorkspaceId => 'ws-12345678' }] }) for 1 .. 2;
http_request(form_request('aws-json-1.0', unsigned => 1));
http("GET / HTTP/1.1\r\n\r\n");
$aws->behave(status => 500, times => 1);
call(workspaces => 'DescribeWorkspaces', { Limit => 1 });
$aws->behave();
call('dcv-session-manager' => 'DescribeServers', {});

$s = json_of(http_get('/status'));

my $w = $s->{services}{workspaces};

is($w->{calls}, 6, 'calls');
is($w->{allowed}, 4, 'allowed ones');
is_deeply($w->{refused}, { denied_explicit => 2 }, 'refused ones by name');
is($s->{services}{'workspaces-instances'}{refused}{credentials_missing}, 1,
    'each service counts apart');
is($s->{services}{none}{refused}{bad_request}, 1, 'and what is for none');
is($s->{services}{'dcv-session-manager'}{allowed}, 1, 'and the broker');

is((grep { /5xx/ && $w->{$_} == 1 } keys %$w), 1, 'an answer of class 5xx');
is((grep { /2xx/ && $w->{$_} == 3 } keys %$w), 1, 'answers of class 2xx');

# tokens

my $b = $s->{brokers}[0];

is($b->{token}, 'held', 'a token is held');
cmp_ok($b->{age_ms}, '>=', 0, 'its age');
cmp_ok($b->{age_ms}, '<', 60_000, 'its age is small');
cmp_ok($b->{refresh_in_ms}, '>', 0, 'when it is refreshed');
cmp_ok($b->{refresh_in_ms}, '<', $b->{expires_in_ms}, 'before it expires');

# files

my %files = map { $_->{path} => $_ } @{$s->{files}};
my $dir = $t->testdir;

foreach my $name (qw/policy.json keys.json/) {
    my $file = $files{"$dir/$name"};

    is($file->{sha256}, sha256_hex($t->read_file($name)), "hash of $name");
}

is($files{"$dir/policy.json"}{kind}, 'policy', 'kind of a policy');
ok((grep { $_->{kind} eq 'model' } values %files) >= 4, 'models');
ok(!$files{"$dir/egress.json"} && !$files{"$dir/broker.secret"},
    'no hash of what holds a single secret');

# zone

is($s->{zone}{name}, 'desk', 'zone: name');
cmp_ok($s->{zone}{bytes}, '>', 3_000_000, 'zone: size');
cmp_ok($s->{zone}{throttle_touched}, '>=', 1, 'zone: buckets');
cmp_ok($s->{zone}{throttle_slots}, '>', $s->{zone}{throttle_touched},
    'zone: room for buckets');
cmp_ok($s->{zone}{replay_slots}, '>', 100, 'zone: room for signatures');
cmp_ok($s->{zone}{cache_entries}, '>=', 1, 'zone: cached tokens');

my %create = signed_call(workspaces => 'CreateWorkspaces', { Workspaces => [{
    DirectoryId => 'd-926715c0de', UserName => 'a',
    BundleId => 'wsb-0zsvgp8fc' }] });
my $used = $s->{zone}{replay_used};

is(http_request(%create)->{status}, 200, 'a write passes');
is(json_of(http_get('/status'))->{zone}{replay_used}, $used + 1,
    'zone: a signature is remembered');

# trail

$t->wait_for(sub { $t->record_lines >= 10 });
$t->wait_for(sub { json_of(http_get('/status'))->{counts}{trail_written}
    >= $t->record_lines });
$s = json_of(http_get('/status'));
is($s->{counts}{trail_written}, $t->record_lines, 'records written');
cmp_ok(abs($s->{trail}{written_at} - time), '<=', 5, 'when the last was');
is($s->{counts}{trail_lost}, 0, 'none lost');

# the upstream's clock

cmp_ok(abs $s->{clock_offset_ms}, '<', 5000, 'no clock offset');

foreach my $offset (3600, -3600) {
    $aws->behave(headers => [['Date', strftime('%a, %d %b %Y %H:%M:%S GMT',
        gmtime(time + $offset))], ['Content-Type',
        'application/x-amz-json-1.1']], body => '{}');
    is(call(workspaces => 'DescribeWorkspaces', { Limit => 2 })->{status}, 200,
        'an upstream whose clock is wrong');

    my $ms = json_of(http_get('/status'))->{clock_offset_ms};

    cmp_ok(abs($ms - $offset * 1000), '<', 5000, "clock offset $offset s");
}

$aws->behave();

# no secret, no record, no other method

$page = http_get('/status');

foreach my $secret ($ALICE{secret_key}, $BOB{secret_key},
    'secret-of-egress-03', 'secret-of-broker-04')
{
    ok(index($page->{body}, $secret) < 0, 'no secret on the page');
}

ok(index($page->{body}, sha256_hex("secret-of-broker-04\n")) < 0,
    'no hash of a secret on the page');

sleep 0.15;

my $before = $t->record_lines;

http_get('/status') for 1 .. 3;
http_get('/ready') for 1 .. 3;
sleep 0.2;
is($t->record_lines, $before, 'pages leave no record');
is(http_request(method => 'POST', target => '/status', body => '{}')->{status},
    405, 'POST is not allowed');

my $head = http_request(method => 'HEAD', target => '/status');

is($head->{status}, 200, 'HEAD is');

# counters survive a reload, hashes follow the files

$t->write_file('policy.json', Deskgate::Gateway::policy_text(allow_all()));

my ($old) = $t->workers;

ok($t->reload, 'reload');
ok($t->wait_for(sub { !kill 0, $old }), 'the old worker ends');
$s = json_of(http_get('/status'));
cmp_ok($s->{services}{workspaces}{calls}, '>=', 6, 'counters survive');

my ($policy) = grep { $_->{path} =~ /policy.json$/ } @{$s->{files}};

is($policy->{sha256}, sha256_hex($t->read_file('policy.json')),
    'the hash is the new one');

# credentials that have expired

$t->write_file('egress.json', '{"access_key_id":"AKIDEGRESS",'
    . '"secret_access_key":"secret-of-egress-03","session_token":"session-of-it",'
    . '"expiration":"' . strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 3)) . '"}');

if (ok($t->reload, 'reload with credentials that end soon')) {
    ok($t->wait_for(sub { http_get('/ready')->{status} == 503 }, 12),
        'ready: 503 once they have');
    like(http_get('/ready')->{body}, qr/expired/, 'ready: and why');
    is(call(workspaces => 'DescribeWorkspaces', { Limit => 9 })->{status}, 503,
        'and calls are refused');
}

$t->finish;

#!/usr/bin/perl

# Observing: everything is forwarded as it came, nothing is refused, limited
# or replaced, and the record says what would have happened.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new();

my $deny = { Effect => 'Deny', Principal => '*', Resource => '*',
    Action => 'workspaces:RebuildWorkspaces' };

my $limited = gateway_location(location => 'deskgate_mode observe;'
    . 'deskgate_throttle rate=1r/h burst=2 key=caller;');

Deskgate::Gateway::configure($t, statements => [allow_all(), $deny],
    location => 'deskgate_mode $desk_mode;', http => <<"EOF_CONF",
    map \$http_x_mode \$desk_mode {
        observe  observe;
        odd      Observe;
        default  enforce;
    }

    server {
        listen       127.0.0.1:8110;
        server_name  localhost;

        location / {
            $limited
        }
    }
EOF_CONF
    locations => <<'EOF_CONF');
        location = /status {
            deskgate_status;
        }
EOF_CONF

# the upstream knows the caller's own keys here, not the gateway's
my $aws = Deskgate::Upstream->start($t, port => 8101, name => 'aws',
    secrets => { map { $_->{access_key} => $_->{secret_key} } \%ALICE, \%BOB });
my $broker = Deskgate::Broker->start($t, port => 8102, client_id => 'gateway',
    client_secret => 'secret-of-broker-04');

$t->run();

my @observe = (headers => [['X-Mode', 'observe']]);

sub gate { return ($_[0] || {})->{additionalEventData}{deskgate} || {} }

sub last_record {
    my ($before) = @_;

    $t->wait_for(sub { $t->record_lines > $before }, 5);
    sleep 0.06;

    my @records = $t->records;

    is(scalar @records, $before + 1, 'one record');

    return $records[-1];
}

# (answer, record, what the upstream got)
sub observed {
    my ($what, %request) = @_;

    my $before = $t->record_lines;
    my $sent = $aws->count;
    my $answer = http_request(%request);
    my $record = last_record($before);
    my @requests = $aws->requests;

    is($aws->count, $sent + 1, "$what: forwarded once");

    my $got = $requests[-1] || {};

    foreach my $name (qw/Host Authorization X-Amz-Date/) {
        my ($mine) = map { $_->[1] } grep { lc $_->[0] eq lc $name }
            @{$request{headers}};
        my @theirs = map { $_->[1] } grep { lc $_->[0] eq lc $name }
            @{$got->{headers} || []};

        is_deeply(\@theirs, [defined $mine ? $mine : ()], "$what: own $name");
    }

    is($got->{body}, $request{body}, "$what: own body");
    is($got->{target}, $request{target}, "$what: own target");
    is(gate($record)->{mode}, 'observe', "$what: the record says observe");
    ok(!exists gate($record)->{credential}, "$what: no credential of ours");

    return ($answer, $record, $got);
}

# what would have been allowed

my %q = signed_call(workspaces => 'DescribeWorkspaces',
    { DirectoryId => 'd-926715c0de' }, @observe);
my ($answer, $record, $got) = observed('allowed', %q);

is($answer->{status}, 200, 'allowed: passes');
is($got->{verdict}, 'ok', "allowed: the caller's own signature verifies");
is($got->{access_key}, 'AKIDALICE', "allowed: it is the caller's");
is(gate($record)->{decision}, 'allowed', 'allowed: decision');
is($record->{userIdentity}{userName}, 'alice', 'allowed: who was verified');
ok(!$record->{errorCode}, 'allowed: no error');

# what would have been refused, each passes

my %odd = (
    denied_explicit => { signed_call(workspaces => 'RebuildWorkspaces',
        { RebuildWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] },
        @observe) },
    signature_mismatch => { signed_call(workspaces => 'DescribeAccount', {},
        @observe, as => { access_key => 'AKIDBOB',
        secret_key => 'not-the-secret-of-bob' }) },
    key_unknown => { signed_call(workspaces => 'DescribeAccount', {},
        @observe, as => { access_key => 'AKIDMALLORY',
        secret_key => 'mallory-secret' }) },
    credentials_missing => { operation_request(workspaces => 'DescribeAccount',
        {}, @observe) },
    unknown_operation => { signed_call(workspaces => 'DescribeNothing', {},
        @observe) },
    body_malformed => { signed_call(workspaces => 'DescribeAccount', '{"a',
        @observe) },
    signature_expired => { signed_call(workspaces => 'DescribeAccount', {},
        @observe, time => time - 3600) },
);

foreach my $refusal (sort keys %odd) {
    $aws->behave(body => "the service's own", headers =>
        [['x-amzn-RequestId', "own-$refusal"]]);

    ($answer, $record, $got) = observed($refusal, %{$odd{$refusal}});

    is($answer->{status}, 200, "$refusal: passes");
    is($answer->{body}, "the service's own", "$refusal: answer unchanged");
    is(gate($record)->{decision}, 'refused', "$refusal: decision");
    is(gate($record)->{refusal}, $refusal, "$refusal: its name");

    if ($refusal =~ /^(key|signature)_/) {
        is($record->{userIdentity}{type}, 'Unknown', "$refusal: unverified");
        ok(length(gate($record)->{claimed}{accessKeyId} || ''),
            "$refusal: stands in claimed");
    }
}

$aws->behave();

# a broker call keeps the caller's own token

my $before = $t->record_lines;

$answer = http_request(operation_request('dcv-session-manager' =>
    'DescribeServers', {}, headers => [['X-Mode', 'observe'],
    ['Authorization', 'Bearer the-own-token-of-it']]));

is($answer->{status}, 401, "the broker's own refusal passes");
is($broker->token_calls, 0, 'no token of the gateway is fetched');
last_record($before);

# limits count and let pass

for my $n (1 .. 4) {
    my %limited = signed_call(workspaces => 'DescribeWorkspaces', {});

    $before = $t->record_lines;
    $answer = http_request(%limited, port => 8110);
    $record = last_record($before);

    is($answer->{status}, 200, "limited: call $n passes");
    is(gate($record)->{refusal}, $n > 2 ? 'throttled' : undef,
        "limited: what would have happened to call $n");
}

# counted apart

my $status = json_of(http_get('/status'));

is($status->{services}{workspaces}{refused}{throttled}, undef,
    'no refusal is counted for what passed');
cmp_ok($status->{services}{workspaces}{observed}, '>=', 8,
    'what would have been refused is counted');

# the mode is the variable's value

is(call(workspaces => 'RebuildWorkspaces', { RebuildWorkspaceRequests =>
    [{ WorkspaceId => 'ws-12345678' }] })->{status}, 400, 'without: enforced');
is(call(workspaces => 'RebuildWorkspaces', { RebuildWorkspaceRequests =>
    [{ WorkspaceId => 'ws-12345678' }] }, headers => [['X-Mode', 'odd']])
    ->{status}, 400, 'any other value enforces');

# errors of nginx stay what they are

$aws->behave(drop => 1);
$answer = http_request(signed_call(workspaces => 'DescribeAccount', {},
    @observe));
is($answer->{status}, 502, 'a broken upstream is a 502');
like($answer->{body}, qr/<html>/, "with nginx's own page");
$aws->behave();

# a trail that cannot be written

$t->allow(qr/\[crit\].*cannot (open|write|stat) trail file/);

my $file = $t->testdir . '/trail/trail-0.jsonl';

sleep 0.1;
unlink $file;
mkdir $file;
ok($t->wait_for(sub { json_of(http_get('/status'))->{trail}{state}
    eq 'failing' }), 'the trail fails');

my $sent = $aws->count;

$answer = http_request(signed_call(workspaces => 'DescribeAccount', {},
    @observe));
is($aws->count, $sent + 1, 'it does not stop what is only observed');
is(call(workspaces => 'DescribeAccount', {})->{status}, 503,
    'but what is enforced');
rmdir $file;

ok($t->wait_for(sub { $t->record_lines >= 2 }), 'both are recorded later');

my ($seen) = grep { gate($_)->{mode} eq 'observe' } $t->records;

is(gate($seen)->{refusal}, 'trail_failing', 'with what would have happened');

$t->finish;

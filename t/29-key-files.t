#!/usr/bin/perl

# Key files take effect without a reload; a broken one changes nothing.
# Session policies, keys for emergencies, last use.

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
my $DAY = 24 * 3600;
my @call = (workspaces => 'DescribeWorkspaces', {});
my @write = (workspaces => 'RebootWorkspaces',
    { RebootWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] });

my %who = map { lc $_ => { access_key => "AKID$_",
    secret_key => "secret-of-$_-000000" } } qw/CAROL GLASS NARROW OWN NEW/;

$t->secret($_->{secret_key}) foreach values %who;

my $read = { Version => '2012-10-17', Statement => [{ Effect => 'Allow',
    Action => 'workspaces:Describe*', Resource => '*' }] };
my $boundary = { Version => '2012-10-17', Statement => [
    { Effect => 'Allow', Action => '*', Resource => '*' },
    { Effect => 'Deny', Action => 'workspaces:TerminateWorkspaces',
        Resource => '*' },
    { Effect => 'Deny', Action => 'workspaces:RebootWorkspaces',
        Resource => '*', Condition => { StringLike =>
            { 'deskgate:Reason' => '*no reboot*' } } }] };

my %entries = (
    carol  => entry('carol', tags => { team => 'x' }),
    glass  => entry('glass', break_glass => JSON::PP::true,
        expires => rfc3339(time + $DAY)),
    narrow => entry('narrow', session_policy => $read),
    own    => entry('own', policies => [$t->testdir . '/read.json']),
    usual  => [Deskgate::Gateway::usual_keys()],
);

$t->write_file('read.json', $JSON->encode($read));
$t->write_file('boundary.json', $JSON->encode($boundary));

Deskgate::Gateway::configure($t, workers => 2,
    keys => [keys_of(qw/glass narrow own/)],
    location => 'deskgate_boundary %%TESTDIR%%/boundary.json;',
    locations => 'location = /status { deskgate_status; }');

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->run();


# a key comes, changes and goes

passes('alice', call(@call));
refused('key_unknown', 'carol is not there yet', call(@call, as => carol()));

replace('carol', qw/glass narrow own carol/);
everywhere('carol is there', 'allowed', as => carol());

replace('carol is disabled', 'glass', 'narrow', 'own',
    { %{$entries{carol}}, disabled => JSON::PP::true });
everywhere('carol is disabled', 'key_inactive', as => carol());

replace('carol is back', qw/glass narrow own carol/);
everywhere('carol is back', 'allowed', as => carol());

my $second = entry('carol', access_key_id => 'AKIDNEW',
    secret_access_key => $who{new}{secret_key});

replace('a second key of carol', qw/glass narrow own carol/, $second);
everywhere('a second key of one principal', 'allowed', as => $who{new});
is(record_of($t, call(@call, as => $who{new}))->{userIdentity}{arn},
    record_of($t, call(@call, as => carol()))->{userIdentity}{arn},
    'both are one principal');

replace('the first is taken away', qw/glass narrow own/, $second);
everywhere('the first key is gone', 'key_unknown', as => carol());
passes('the second is not', call(@call, as => $who{new}));


# what is broken changes nothing

my $said = 0;

broken('cut', '{"version":1,"keys":[', qr/is broken at 1:\d+/);
broken('of another version', '{"version":2,"keys":[]}', qr/must be 1/);
broken('with an unknown policy', $JSON->encode({ version => 1,
    keys => [keys_of(qw/glass narrow own/), entry('carol',
        policies => ['/nowhere.json'])] }),
    qr{policy "/nowhere.json" was not read with the configuration: reload});
broken('with a session policy with a typo', $JSON->encode({ version => 1,
    keys => [keys_of('glass'), entry('carol', session_policy => {
        Version => '2012-10-17', Statement => [{ Effect => 'Allow',
            Action => 'workspaces:DescribeWorkspacez',
            Resource => '*' }] })] }), qr/DescribeWorkspacez/);
broken('that everybody can write', $t->read_file('keys.json'),
    qr/chmod go-w/, 0666);
broken('that is gone', undef, qr/No such file/);

replace('right again', qw/glass narrow own carol/);
everywhere('right again', 'allowed', as => carol());
ok(!exists status_of('keys.json')->{failed_at}, 'and the status says so');


# a call keeps what it began with

my $slow = $t->connect(8080);
my %request = signed_call(@call, as => carol());
my $text = call_text(%request);

$slow->send(substr $text, 0, length($text) - 1);
sleep 0.3;
replace('carol goes while she calls', qw/glass narrow own/);
everywhere('carol is gone', 'key_unknown', as => carol());
$slow->send(substr $text, -1);
passes('what began before goes on', $slow->answer);


# session policies

passes('within the session policy', call(@call, as => $who{narrow}));
refused('denied_implicit', 'beyond it',
    call(@write, as => $who{narrow}));
passes('others may', call(@write));

my $denied = record_of($t, call(@write, as => $who{narrow}));

is($denied->{additionalEventData}{deskgate}{policy}, 'session policy',
    'the record says what denied');

passes('a key with a policy of its own', call(@call, as => $who{own}));


# break glass

my $reason = 'INC-4711, SSO is down';

refused('key_reason', 'no reason', call(@call, as => $who{glass}));
refused('key_reason', 'an unsigned reason', unsigned($reason));
refused('key_reason', 'a reason of 7 characters', glass('1234567'));
refused('key_reason', 'a reason of 257 characters', glass('x' x 257));
refused('key_reason', 'a reason with a tab', glass("because\tof that"));
refused('key_reason', 'two reasons', call(@call, as => $who{glass},
    headers => [['X-Deskgate-Reason', $reason],
                ['X-Deskgate-Reason', $reason]]));
passes('a reason', glass($reason));
passes('a reason of 256 characters', glass('x' x 256));
passes('presigned', call(@call, as => $who{glass}, form => 'query',
    headers => [['X-Deskgate-Reason', $reason]]));
refused('signature_mismatch', 'another reason than the signed one',
    changed_reason());

is(record_of($t, glass($reason))->{additionalEventData}{deskgate}{caller}
    {reason}, $reason, 'it is in the record');
is(record_of($t, call(@call, headers => [['X-Deskgate-Reason', $reason]]))
    ->{additionalEventData}{deskgate}{caller}{reason}, $reason,
    'also of a usual key that gives one');
ok($t->wait_log(qr/break-glass key AKIDGLASS is used, reason "\Q$reason\E"/),
    'and in the error log');
ok(!(grep { $_->{raw} =~ /X-Deskgate-Reason/i } $aws->requests),
    'it does not go upstream');

refused('denied_explicit', 'a boundary holds', call(
    workspaces => 'TerminateWorkspaces', { TerminateWorkspaceRequests =>
        [{ WorkspaceId => 'ws-12345678' }] }, as => $who{glass},
    headers => [['X-Deskgate-Reason', $reason]]));
refused('denied_explicit', 'policies read the reason', call(@write,
    as => $who{glass}, headers => [['X-Deskgate-Reason', 'a no reboot test']]));

my $page = json_of(http_get('/status'));

cmp_ok($page->{counts}{break_glass}, '>=', 4, 'such calls are counted');


# last use

my %use = map { $_->{access_key_id} => $_ } @{$page->{keys}};

is_deeply([sort keys %use], [sort qw/AKIDALICE AKIDBOB AKIDGLASS AKIDNARROW
    AKIDOWN/], 'the status has each key');
cmp_ok(abs(time - $use{AKIDGLASS}{last_used}), '<', 60, 'when it was used');
is($use{AKIDBOB}{last_used}, 0, 'and that one never was');
is($use{AKIDGLASS}{state}, 'active', 'its state');
ok($use{AKIDGLASS}{break_glass}, 'what it is for');
cmp_ok($use{AKIDGLASS}{expires_in}, '>', $DAY - 600, 'its end');
is($page->{keys_left_out}, 0, 'none is left out');


# a new worker begins with what the file says now

replace('carol once more', qw/glass narrow own carol/);
everywhere('carol once more', 'allowed', as => carol());

my @before = $t->workers;

kill 'KILL', $_ foreach @before;
$t->wait_for(sub {
    my %old = map { $_ => 1 } @before;
    return (grep { !$old{$_} } $t->workers) == 2;
});
is(refusal_of($t, call(@call, as => carol())), 'allowed',
    'a new worker knows her at once') foreach 1 .. 6;

$t->allow(qr/exited on signal 9/);
$t->finish;


sub entry {
    my ($name, %more) = @_;

    return { access_key_id => $who{$name}{access_key},
        secret_access_key => $who{$name}{secret_key},
        principal => "arn:aws:iam::$ACCOUNT:user/$name", %more };
}


sub carol { return $who{carol} }


sub keys_of {
    return (@{$entries{usual}}, map { ref $_ ? $_ : $entries{$_} } @_);
}


sub rfc3339 { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }


# As an operator does: a new file, renamed
sub replace {
    my ($what, @names) = @_;

    $t->write_file('keys.new',
        $JSON->encode({ version => 1, keys => [keys_of(@names)] }));
    rename $t->testdir . '/keys.new', $t->testdir . '/keys.json'
        or die "$what: $!";
}


# Both workers say so within 5 seconds, and go on saying so
sub everywhere {
    my ($what, $refusal, %opt) = @_;

    my ($since, $row) = (time, 0);

    while ($row < 8 && time - $since < 5) {
        $row = refusal_of($t, call(@call, %opt)) eq $refusal ? $row + 1 : 0;
        sleep 0.1 if !$row;
    }

    is($row, 8, "$what: $refusal");
}


sub broken {
    my ($what, $text, $says, $mode) = @_;

    my $path = $t->testdir . '/keys';

    if (defined $text) {
        $t->write_file('keys.new', $text);
        chmod $mode || 0600, "$path.new";
        rename "$path.new", "$path.json" or die $!;

    } else {
        unlink "$path.json";
    }

    $said++;
    ok($t->wait_for(sub { count_said() >= $said }, 5), "$what: is said");
    like($t->log, $says, "$what: and what is wrong");
    sleep 1.2;
    is(count_said(), $said, "$what: once");
    passes("$what: the old file goes on", call(@call, as => $who{new}));
    passes("$what: for all", call(@call));

    my $file = status_of('keys.json');

    cmp_ok(abs(time - $file->{failed_at}), '<', 30,
        "$what: the status says when");
    like($file->{failure}, qr/\w/, "$what: and why");
}


sub count_said {
    my @lines = $t->log =~
        /\[error\].*goes on with what key file \S+ said before/g;

    return scalar @lines;
}


sub status_of {
    my ($name) = @_;

    my ($file) = grep { $_->{path} =~ m{/\Q$name\E$} }
        @{json_of(http_get('/status'))->{files}};

    return $file;
}


sub glass {
    my ($why) = @_;

    return call(@call, as => $who{glass},
        headers => [['X-Deskgate-Reason', $why]]);
}


sub unsigned {
    my ($why) = @_;

    my %request = signed_call(@call, as => $who{glass});

    push @{$request{headers}}, ['X-Deskgate-Reason', $why];

    return http_request(%request);
}


sub changed_reason {
    my %request = signed_call(@call, as => $who{glass},
        headers => [['X-Deskgate-Reason', $reason]]);

    $request{headers} = [map { $_->[0] eq 'X-Deskgate-Reason'
        ? [$_->[0], 'something else'] : $_ } @{$request{headers}}];

    return http_request(%request);
}


sub passes {
    my ($name, $answer) = @_;

    is($answer->{status}, 200, $name) or diag(refusal_of($t, $answer));
}


sub refused {
    my ($refusal, $name, $answer) = @_;

    is(refusal_of($t, $answer), $refusal, "$name: $refusal");
}

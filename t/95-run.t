#!/usr/bin/perl

# What a new user does first: deskgate-run with the commands that it prints,
# and the tour, which must end by itself, with the step that failed if any.

use warnings;
use strict;

use Cwd qw/abs_path/;
use File::Temp qw/tempdir/;
use FindBin;
use IO::Select;
use IO::Socket::INET;
use POSIX qw/:sys_wait_h setsid/;
use Test::More;
use Time::HiRes qw/sleep time/;

my $WAIT = 60;   # seconds, for what must happen

my $root = abs_path("$FindBin::Bin/..");
my $home = tempdir('deskgate-test-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);

delete @ENV{grep { /^AWS_|^DESKGATE_(?!BINARY)|_proxy$/i } keys %ENV};
$ENV{HOME} = $home;
chdir $root or die "chdir: $!";

for my $program (qw/curl openssl/) {
    plan(skip_all => "$program is not installed")
        if system("which $program >/dev/null 2>&1") != 0;
}


# run: the gateway's first port is taken already

my $taken = IO::Socket::INET->new(Proto => 'tcp', Listen => 1,
    LocalAddr => '127.0.0.1', LocalPort => 8480, ReuseAddr => 1);

mkdir "$home/one" or die "mkdir: $!";

my @before = entries($home);
my ($pid, $out) = start("$root/src/tools/deskgate-run", "$home/one/run");
my $text = read_until($out, qr/Ctrl-C stops it/);
my @commands = $text =~ /^(curl .*)$/mg;

is(scalar @commands, 3, 'three commands are printed while it runs')
    or diag($text);
unlike(join(' ', @commands), qr/:8480\b/, 'a port that is taken is not used');

foreach my $command (@commands) {
    my $answer = `$command -w '\n%{http_code}' 2>&1`;

    like($answer, qr/\n200$/, 'as printed: ' . substr($command, 0, 60));
}

my ($id) = slurp("$home/one/run/secrets.json") =~ /"caller_id" : "(\w+)"/;

my ($status, $left) = stop($pid, 'INT');

is($status, 0, 'Ctrl-C: status 0');
is($left, 0, 'no process is left');
is((() = trail("$home/one/run") =~ /"decision":"allowed"/g), 3,
    'each call has its record');
is_deeply([entries($home)], \@before, 'nothing lies outside the run directory');
ok(!-e "$home/one/run/ready", 'and nobody takes it for running');

# again: keys stay, and it takes a moment

my $begin = time;

($pid, $out) = start("$root/src/tools/deskgate-run", "$home/one/run");
read_until($out, qr/Ctrl-C stops it/);
cmp_ok(time - $begin, '<', $WAIT / 2, 'a second run starts');
like(slurp("$home/one/run/secrets.json"), qr/$id/, 'with the keys it had');
($status, $left) = stop($pid, 'TERM');
is($left, 0, 'and leaves no process');


# the tour

($pid, $out) = start("$root/src/tools/deskgate-demo", "$home/two");
$text = read_until($out, undef);
($status, $left) = stop($pid);
is($status, 0, 'the tour ends with status 0') or diag($text);
is($left, 0, 'and leaves no process');
like($text, qr/^all \d+ steps done$/m, 'all steps');
like($text, qr/AccessDeniedException/, 'a denied call is among them');
like($text, qr/"errorCode":"ThrottlingException"/, 'and a throttled one');
like($text, qr/"eventName":"CreateSessions"/, 'and one of the broker');
like($text, qr{^$_://dcv\.example\.com:8443/\?authToken=[\w.-]+#[\w-]+$}m,
    "an address to connect to: $_") foreach 'https', 'dcv';

my $steps = () = $text =~ /^== /mg;
my $records = () = $text =~ /^record: \{/mg;

is($records, $steps - 1, 'each call shows the record that it left');


# the tour on a policy that denies one of its steps

mkdir "$home/example" or die "mkdir: $!";
system("cp conf.example/sandbox/* $home/example/") == 0 or die 'cp';

my $policy = slurp("$home/example/policy.json");

$policy =~ s/workspaces:RebuildWorkspaces/workspaces:TerminateWorkspaces/
    or die 'the example denies something else now';
spew("$home/example/policy.json", $policy);

$ENV{DESKGATE_EXAMPLE} = "$home/example";
($pid, $out) = start("$root/src/tools/deskgate-demo", "$home/three");
$text = read_until($out, undef);
($status, $left) = stop($pid);
is($status, 1, 'a step that fails ends it with status 1');
like($text, qr/^== (\d+)\. Terminate.*\nstep \1 failed: wanted status 200$/ms,
    'and is named');
unlike($text, qr/steps done/, 'no word of success');
is($left, 0, 'no process is left then either');

done_testing();


# A command in a process group of its own; its output
sub start {
    my (@command) = @_;

    pipe my $read, my $write or die "pipe: $!";

    my $child = fork();

    die "fork: $!" if !defined $child;

    if ($child == 0) {
        setsid();
        open STDOUT, '>&', $write or die;
        open STDERR, '>&', $write or die;
        exec $^X, @command or POSIX::_exit(127);
    }

    return $child, $read;
}


# What it prints until a pattern, or its end
sub read_until {
    my ($in, $pattern) = @_;

    my $text = '';
    my $until = time + $WAIT;
    my $select = IO::Select->new($in);

    while (time < $until) {
        last if defined $pattern && $text =~ $pattern;
        next if !$select->can_read(0.2);
        last if !sysread $in, $text, 65536, length $text;
    }

    return $text;
}


# Ends it; its status and how many of its group are there afterwards
sub stop {
    my ($child, $signal) = @_;

    my $until = time + $WAIT;
    my $ended = 0;

    kill $signal, $child if $signal;

    while (!$ended && time < $until) {
        $ended = waitpid($child, WNOHANG) == $child;
        sleep 0.05 if !$ended;
    }

    my $status = $ended ? $? >> 8 || $? : -1;
    my $left = group($child);

    kill 'KILL', -$child if $left;

    return $status, $left;
}


sub group {
    my ($leader) = @_;

    my @left = grep { /^\d+ \(.*\) [^ZX] \d+ $leader / }
        map { slurp($_) } glob '/proc/[0-9]*/stat';

    return scalar @left;
}


sub entries {
    my ($directory) = @_;

    return sort grep { $_ ne "$directory/one/run" }
        map { glob "$_/*" } $directory, "$directory/one";
}


sub trail { return join '', map { slurp($_) } glob "$_[0]/trail/*" }


sub slurp {
    open my $in, '<', $_[0] or return '';
    local $/;

    my $text = <$in>;

    return defined $text ? $text : '';
}


sub spew {
    open my $file, '>', $_[0] or die "$_[0]: $!";
    print $file $_[1];
    close $file or die "$_[0]: $!";
}

#!/usr/bin/perl

# The trail's files: moved away, replaced, full, and at the end of a worker.

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

Deskgate::Gateway::configure($t, locations => <<'EOF_CONF');
        location = /status {
            deskgate_status;
        }

        location = /ready {
            deskgate_ready;
        }
EOF_CONF

my $text = $t->read_file('nginx.conf');

$text =~ s/flush      20ms/flush      100ms/;
$t->write_file('nginx.conf', $text);

my ($aws) = Deskgate::Gateway::upstreams($t);
my $trail = $t->testdir . '/trail';
my $file = "$trail/trail-0.jsonl";

$t->run();

sub ask { return call(workspaces => 'DescribeWorkspaces', {}) }

sub status { return json_of(http_get('/status')) }

sub ids { return map { $_->{requestID} } $t->records }

# exactly the records of these answers, each once
sub all_there {
    my ($what, @answers) = @_;

    my @want = sort map { header($_, 'x-amzn-RequestId') } @answers;

    $t->wait_for(sub { (() = ids()) >= @want }, 5);
    sleep 0.15;

    is_deeply([sort(ids())], \@want, "$what: every record, once");
}

my @answers = map { ask() } 1 .. 3;

all_there('first calls', @answers);

# moved away, with and without USR1

rename $file, "$trail/moved-1.jsonl" or die;
push @answers, map { ask() } 1 .. 3;
ok($t->wait_for(sub { -e $file }), 'a moved file is opened anew');
push @answers, map { ask() } 1 .. 3;
all_there('moved', @answers);

rename $file, "$trail/moved-2.jsonl" or die;
$t->signal('USR1');
push @answers, map { ask() } 1 .. 5;
ok($t->wait_for(sub { -e $file }), 'after USR1 too');
push @answers, ask();
all_there('moved with USR1', @answers);

foreach my $n (1 .. 10) {
    rename $file, "$trail/turn-$n.jsonl";
    push @answers, map { ask() } 1 .. 4;
    $t->wait_for(sub { -e $file }, 3);
}

all_there('moved again and again', @answers);

unlink "$trail/moved-1.jsonl", "$trail/moved-2.jsonl";
unlink map { "$trail/turn-$_.jsonl" } 1 .. 10;

# a folder stands where the file should be

sub refused_while {
    my ($what) = @_;

    my $sent = $aws->count;
    my $answer = ask();

    is($answer->{status}, 503, "$what: refused");
    is(json_of($answer)->{__type}, 'ServiceUnavailable', "$what: in form");
    like(header($answer, 'Retry-After') || '', qr/^[1-9]/,
        "$what: says when to come again");
    is($aws->count, $sent, "$what: nothing is forwarded");
    is(status()->{trail}{state}, 'failing', "$what: on the status page");
    is(http_get('/ready')->{status}, 503, "$what: not ready");
    like(http_get('/ready')->{body}, qr/trail/, "$what: and why");

    return $answer;
}

sub recovered {
    my ($what) = @_;

    ok($t->wait_for(sub { status()->{trail}{state} eq 'ok' }),
        "$what: written again");
    is(http_get('/ready')->{status}, 200, "$what: ready again");
    is(ask()->{status}, 200, "$what: calls pass again");
}

sub complaints {
    my @lines = grep { /\[crit\].*cannot .*trail file/ } split /\n/, $t->log;

    return scalar @lines;
}

$t->allow(qr/\[crit\].*cannot (open|write|stat) trail file/);

@answers = ();
unlink $file;
mkdir $file or die "$file: $!";
ok($t->wait_for(sub { status()->{trail}{state} eq 'failing' }),
    'a folder in its place is noticed without a call');

push @answers, map { refused_while('a folder in its place') } 1 .. 2;
my $refused = status()->{services}{workspaces}{refused}{trail_failing};

is($refused, 2, 'each refusal is counted');
sleep 0.4;
is(complaints(), 1, 'one line says it');
cmp_ok(status()->{counts}{trail_failures}, '>=', 1, 'failures are counted');

rmdir $file or die "$file: $!";
recovered('the folder is gone');

my @now = ids();

foreach my $answer (@answers) {
    my $id = header($answer, 'x-amzn-RequestId');

    is(scalar(grep { $_ eq $id } @now), 1, 'a refusal meanwhile is recorded');
}

like($t->log, qr/is being written again/, 'one line says that it is over');

# full

SKIP: {
    skip 'a small file system can be mounted by root only', 12 if $> != 0;

    my $small = $t->testdir . '/trail';

    $t->quit_nginx('QUIT');
    unlink glob "$small/*";

    system('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', $small)
        == 0 or skip 'no file system can be mounted here', 12;

    $t->{mounted} = $small;
    $t->run();

    my (@passed, @stopped);

    for (1 .. 400) {
        my $answer = ask();

        if ($answer->{status} == 200) {
            push @passed, $answer;
            next;
        }

        push @stopped, $answer;
        last if @stopped >= 5;
        sleep 0.02;
    }

    cmp_ok(scalar @passed, '>', 20, 'full: calls passed while there was room');
    is(scalar @stopped, 5, 'full: then they are refused');
    push @stopped, refused_while('full');

    # what is there is whole, but for the last line that found no end
    system('mount', '-o', 'remount,size=8m', $small) == 0 or die 'remount';
    recovered('room again');
    sleep 0.3;

    my %seen;

    $seen{$_->{requestID}}++ foreach $t->records;

    my @lost = grep { !$seen{header($_, 'x-amzn-RequestId')} }
        @passed, @stopped;
    my @twice = grep { $seen{$_} > 1 } keys %seen;

    is(scalar @lost, 0, 'full: no record is lost');
    is(scalar @twice, 0, 'full: none is there twice');

    $t->quit_nginx('QUIT');
    system('umount', $small);
    $t->run();
}

# the end of a worker

foreach my $signal (qw/QUIT TERM HUP/) {
    $text =~ s/flush      \w+/flush      60s/;
    $t->write_file('nginx.conf', $text);
    $t->quit_nginx('QUIT');
    unlink glob "$trail/*";
    $t->run();

    my @answers = map { ask() } 1 .. 5;

    is($t->record_lines, 0, "before $signal nothing is written yet");

    $signal eq 'HUP' ? $t->reload : $t->quit_nginx($signal);

    $t->wait_for(sub { $t->record_lines >= 5 }, 5);
    is_deeply([sort(ids())], [sort map { header($_, 'x-amzn-RequestId') }
        @answers], "$signal writes what is left");
}

$t->finish;

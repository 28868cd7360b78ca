#!/usr/bin/perl

# Two callers at one location, one caller at two, while policies change under
# load: each call is decided by one whole version of its own location's set.

use warnings;
use strict;

use Digest::SHA 'sha256_hex';
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Time::HiRes qw/sleep time/;

use Deskgate;
use Deskgate::Gateway;

my $CLIENTS = 3;
my $RELOADS = 6;
my $CALLS = 600;      # of a client, at most

my $t = Deskgate->new();
my $dir = $t->testdir;
my %who = (alice => \%ALICE, bob => \%BOB);
my %port = (one => 8080, two => 8110);

# who is granted by which version at which location
my %granted = (odd => { one => 'alice', two => 'bob' },
               even => { one => 'bob', two => 'alice' });
my (%version, @children);

END {
    kill 'TERM', @children if @children;
}

write_version('odd');

my $other = gateway_location(policy => policies('two'),
    location => 'deskgate_replay off;');

Deskgate::Gateway::configure($t, workers => 2, policy => policies('one'),
    location => 'deskgate_replay off;', http => <<"EOF_CONF");
    server {
        listen       127.0.0.1:$port{two};
        server_name  localhost;

        location / {
            $other
        }
    }
EOF_CONF

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->run();
push @children, client($_) foreach 1 .. $CLIENTS;

foreach my $n (1 .. $RELOADS) {
    sleep 0.3;
    write_version($n % 2 ? 'even' : 'odd');
    ok($t->reload, "reload $n");
}

sleep 0.3;
$t->write_file('stop', '');

foreach my $pid (splice @children) {
    waitpid($pid, 0);
    is($?, 0, 'a client had an answer to each of its calls');
}

# what they were told, held against what was recorded

my @told = map { split /\n/, $t->read_file("told.$_") } 1 .. $CLIENTS;
my %record = map { $_->{requestID} => $_ }
    $t->wait_records(scalar @told, 'trail');
my (%seen, @mixed);

foreach my $line (@told) {
    my ($location, $who, $status, $id) = split / /, $line;
    my $d = $record{$id}{additionalEventData}{deskgate} || {};
    my @policies = @{$d->{policies} || []};
    my %versions = map { ($version{$_->{sha256}} || 'unknown') => 1 }
        @policies;
    my ($version) = keys %versions;
    my $allowed = defined $version
        && ($granted{$version}{$location} || '') eq $who;

    push @mixed, "$line by " . join('+', sort keys %versions)
        if keys %versions != 1 || @policies != 2
            || $d->{authorization} ne ($allowed ? 'allow' : 'explicit deny')
            || $status != ($allowed ? 200 : 400)
            || ($d->{statement} || '') ne "$location-$version-"
                . ($allowed ? 'allow' : 'deny');
    $seen{"$location $who " . ($version || '')}++;
}

is(scalar @mixed, 0, 'every decision is of one version, location and caller')
    or diag(join "\n", @mixed[0 .. ($#mixed < 4 ? $#mixed : 4)]);
cmp_ok(scalar @told, '>', 50, scalar(@told) . ' calls');
is(scalar keys %seen, 8, 'all combinations were there')
    or diag(join ', ', map { "$_: $seen{$_}" } sort keys %seen);

$t->finish;


sub policies {
    return "deskgate_policy %%TESTDIR%%/$_[0].json;"
        . ' deskgate_boundary %%TESTDIR%%/cap.json;';
}


# One version of all files; each has text of its own.
sub write_version {
    my ($version) = @_;

    foreach my $location ('one', 'two') {
        my $who = $granted{$version}{$location};
        my $denied = $who eq 'alice' ? 'bob' : 'alice';

        write_text("$location.json", $version,
            statement("$location-$version-allow", Allow => $who),
            statement("$location-$version-deny", Deny => $denied));
    }

    write_text('cap.json', $version, { Sid => "cap-$version",
        Effect => 'Allow', Action => '*', Resource => '*' });
}


sub write_text {
    my ($file, $version, @statements) = @_;

    my $text = Deskgate::Gateway::policy_text(@statements);

    $version{sha256_hex($text)} = $version;
    $t->write_file($file, $text);
}


sub statement {
    my ($sid, $effect, $who) = @_;

    return { Sid => $sid, Effect => $effect, Resource => '*',
             Action => 'workspaces:Describe*', Principal => {
                 AWS => "arn:aws:iam::${ACCOUNT}:user/$who" } };
}


# Calls until it is told to stop; writes what it was told.
sub client {
    my ($n) = @_;

    my $pid = fork;

    die "fork: $!" if !defined $pid;
    return $pid if $pid;

    my $ok = eval { calls($n); 1 };

    print STDERR "# $@" if !$ok;
    POSIX::_exit($ok ? 0 : 1);
}


sub calls {
    my ($n) = @_;

    my $end = time + 30;

    open my $fh, '>', "$dir/told.$n" or die "told: $!";

    for (my $i = 0; $i < $CALLS && !-e "$dir/stop" && time < $end; $i++) {
        my $location = ('one', 'two')[$i % 2];
        my $who = ('alice', 'bob')[int($i / 2) % 2];
        my $answer = call(workspaces => 'DescribeWorkspaces', {},
            as => $who{$who}, port => $port{$location});
        my $id = Deskgate::header($answer, 'x-amzn-requestid');

        die "no answer to call $i of $n" if !$answer || !defined $id;

        print $fh "$location $who $answer->{status} $id\n";
        sleep 0.01;
    }

    close $fh or die "told: $!";
}

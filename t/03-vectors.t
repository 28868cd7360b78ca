#!/usr/bin/perl

# Published vectors, where they are at hand.

use warnings;
use strict;

use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $vectors = $ENV{VECTORS} || '../shared/vectors';
my $ci = ($ENV{CI} || '') eq 'true';

plan(skip_all => "no vectors in $vectors") if !-d $vectors && !$ci;

ok(-d $vectors, "vectors are in $vectors") or do { done_testing(); exit };

my @lines = split /\n/, `flock build/lock .ci/vectors '$vectors' 2>&1`;
my $status = $?;

foreach my $line (@lines) {
    next if $line !~ /^(\S+): (\d+) passed, (\d+) failed/;

    is($3, 0, "$1: $2 passed");
    unlike($line, qr/not judged yet$/, "$1 is judged or in t/SKIPS");
}

my ($passed, $failed) =
    ($lines[-1] || '') =~ /^(\d+) passed, (\d+) failed$/;

cmp_ok($passed || 0, '>', 0, 'some passed');
is($failed, 0, 'none failed');
is($status, 0, 'ends with status 0');

diag(join "\n", @lines) if $status != 0;

done_testing();

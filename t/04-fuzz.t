#!/usr/bin/perl

# Every fuzz driver runs over its corpus and then for a few seconds with a
# fixed seed.  "make fuzz" runs them long.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate::Make;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $seconds = $ENV{DESKGATE_FUZZ_SECONDS} || 3;
my @drivers = map { m{([^/]+)\.c$} } sort glob 't/fuzz/*.c';

plan(skip_all => 'clang is not installed') if system('which clang >/dev/null');

$ENV{ASAN_OPTIONS} = 'detect_leaks=1';

ok(@drivers > 0, 'there are fuzz drivers');

foreach my $driver (@drivers) {
    my $corpus = "t/fuzz/corpus/$driver";
    my $work = "build/fuzz-work/$driver";

    my @seeds = glob "$corpus/*";

    ok(@seeds > 0, "$driver has seeds");
    ok(make_target("build/fuzz/$driver"), "$driver builds") or next;

    system 'mkdir', '-p', $work, $corpus;

    my $dict = -f "t/fuzz/dict/$driver" ? "-dict=t/fuzz/dict/$driver" : '';
    my $out = `build/fuzz/$driver -seed=1 -max_total_time=$seconds -timeout=10 \\
        -rss_limit_mb=2048 -print_final_stats=1 $dict \\
        -artifact_prefix=$work/ $work $corpus 2>&1`;
    my $status = $?;
    my ($runs) = $out =~ /number_of_executed_units:\s*(\d+)/;

    is($status, 0, "$driver: " . ($runs || 0) . ' inputs, nothing found')
        or diag(tail($out));
}

done_testing();


sub tail {
    my @lines = split /\n/, $_[0];

    return join "\n", @lines > 60 ? @lines[-60 .. -1] : @lines;
}

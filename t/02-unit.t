#!/usr/bin/perl

# Builds and runs every program of t/unit, plain and under the address and
# undefined sanitizers, and compiles the core with a second compiler.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate::Make;

chdir "$FindBin::Bin/.." or die "chdir: $!";

$ENV{ASAN_OPTIONS} = 'detect_leaks=1:abort_on_error=0';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';

my @units = map { m{([^/]+)\.c$} } sort glob 't/unit/*.c';

ok(@units > 0, 'there are unit programs');
ok(make_target('core'), 'core compiles with both compilers and no nginx headers');

foreach my $unit (@units) {
    foreach my $folder ('unit', 'unit-asan') {
        my $program = "build/$folder/$unit";

        subtest "$folder/$unit" => sub {
            ok(make_target($program), 'builds') or return;
            run_unit($program);
        };
    }
}

done_testing();


sub run_unit {
    my ($program) = @_;

    my @lines = split /\n/, `timeout 120 ./$program 2>&1`;
    my $status = $?;

    my $passed = grep { /^ok \d+/ } @lines;
    my $failed = grep { /^not ok \d+/ } @lines;
    my ($plan) = map { /^1\.\.(\d+)$/ ? $1 : () } @lines;

    is($status, 0, 'ends with status 0');
    is($failed, 0, 'no check failed');
    cmp_ok($passed, '>', 0, "$passed checks passed");
    is($passed + $failed, $plan // -1, 'ran to its plan');

    if ($status != 0 || $failed > 0) {
        my @seen = grep { !/^ok \d+/ } @lines;

        diag(join "\n", @seen > 60 ? @seen[-60 .. -1] : @seen);
    }
}

#!/usr/bin/perl

# Every promised case names the test that proves it, in t/COVERAGE: "case |
# test file[, test file]".  Each file must exist and assert something, and
# each skip in t/SKIPS must give its reason: "test | text | reason".

use warnings;
use strict;

use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $assertion = qr/\b(ok|is|isnt|like|unlike|is_deeply|cmp_ok|is_int|is_span|
    is_text|step|expect|assert)\s*\(|__builtin_trap|abort\(/x;
my %seen;

foreach my $line (lines('t/COVERAGE')) {
    my ($case, $files) = split /\s*\|\s*/, $line, 2;

    if (!defined $files || $files eq '') {
        fail("\"$case\" names a test");
        next;
    }

    ok(!$seen{$case}++, "\"$case\" stands once");

    foreach my $file (split /\s*,\s*/, $files) {
        my $text = read_file($file);

        ok(defined $text && $text =~ $assertion, "$file proves \"$case\"");
    }
}

foreach my $line (lines('t/SKIPS')) {
    my ($test, $text, $reason) = split /\s*\|\s*/, $line, 3;

    ok($test && $text && $reason, "the skip has a reason: $line");
    ok(-e $test || $test =~ m{^vectors/}, "$test exists");
}

ok(keys %seen > 0, 'there are cases');

done_testing();


sub lines {
    my $text = read_file($_[0]);

    return grep { !/^\s*(#|$)/ } split /\n/, defined $text ? $text : '';
}


sub read_file {
    open my $in, '<', $_[0] or return undef;
    local $/;

    my $text = <$in>;

    return $text;
}

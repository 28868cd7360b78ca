#!/usr/bin/perl

# What the eye should not have to check.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate::Source;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $columns = 80;
my $function_max = 90;
my $file_max = 1000;

# Long on purpose: "file:function" or "file" => reason
my %allowed = (
);

my @files = sources();
my @core = sources('src/core');
my @seam = (@core, sources('src/tools'), glob('src/sandbox/dg_*'));

cmp_ok(scalar @files, '>', 20, 'there are sources');

none('no tabs', \@files, \&lines_of, qr/\t/);
none('no trailing blanks', \@files, \&lines_of, qr/\s$/);
none("$columns columns", \@files, \&lines_of, qr/^.{81}/);
none('no // comments', \@files, \&code_of, qr{//});
none('no goto', \@files, \&code_of, qr/\bgoto\b/);
none('bounded copies and prints only', \@files, \&code_of,
    qr/\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)\s*\(/);
none('nothing left to do', \@files, \&lines_of,
    qr/\b(TODO|FIXME|XXX|HACK)\b/);
none('reasons stand in words, not in numbers', \@files, \&lines_of,
    qr/(?<![\w%])D\d{1,2}\b(?!\w*\()/);
none('nginx is not named below the seam', \@seam, \&lines_of, qr/ngx_/);
none('no conditional compilation in the core', \@core, \&code_of,
    qr/^\s*#\s*(if|ifdef|elif)\b/);
none('no clock, file, environment or output in the core', \@core, \&code_of,
    qr/\b(time|clock_gettime|gettimeofday|fopen|open|getenv|f?printf|puts)
       \s*\(/x);
none('secrets are compared in constant time', \@core, \&code_of,
    qr/\b(memcmp|strcmp|strncmp|bcmp)\s*\([^;]*
       (secret|signature|token|password|hmac|mac\b)/xi);
none('only the compatibility header asks for nginx\'s version',
    [grep { !m{_compat\.h$} } @files], \&code_of, qr/\bnginx_version\b/);

guards();
sizes();
blank_lines();
names();
tests();

done_testing();


# none of the files has a line like that
sub none {
    my ($name, $files, $reader, $pattern) = @_;

    my @bad;

    foreach my $file (@$files) {
        my $n = 0;

        foreach my $line ($reader->($file)) {
            $n++;
            push @bad, "$file:$n: $line" if $line =~ $pattern;
        }
    }

    is(scalar @bad, 0, $name) or diag(join "\n", @bad);
}


sub guards {
    my @bad;

    foreach my $file (grep { /\.h$/ } @files) {
        my ($guard) = grep { /^#ifndef\s/ } lines_of($file);

        push @bad, $file if !$guard;
    }

    is_deeply(\@bad, [], 'every header has a guard');
}


sub sizes {
    my (@long, @large);

    foreach my $file (@files) {
        my $count = () = lines_of($file);

        push @large, "$file: $count lines"
            if $count > $file_max && !$allowed{$file};

        foreach my $function (functions_of($file)) {
            my ($name, $line, $length) = @$function;

            push @long, "$file:$line: $name has $length lines"
                if $length > $function_max && !$allowed{"$file:$name"};
        }
    }

    is_deeply(\@long, [], "no function over $function_max lines");
    is_deeply(\@large, [], "no file over $file_max lines");
}


# two blank lines between functions, never three
sub blank_lines {
    my @bad;

    foreach my $file (@files) {
        my @lines = lines_of($file);

        foreach my $i (2 .. $#lines - 1) {
            push @bad, "$file:$i: three blank lines"
                if $lines[$i] eq '' && $lines[$i - 1] eq ''
                   && $lines[$i - 2] eq '';

            push @bad, "$file:" . ($i + 1) . ': else on the line of "}"'
                . ' without a blank line before'
                if $lines[$i] =~ /^\s+\} else\b/ && $lines[$i - 1] ne '';
        }
    }

    is(scalar @bad, 0, 'blank lines as in nginx')
        or diag(join "\n", @bad);
}


# two sources of one name would overwrite each other's objects
sub names {
    my (%seen, @twice);

    foreach my $file (sources(qw{src/core src/ngx src/sandbox})) {
        my ($base) = $file =~ m{([^/]+)$};

        push @twice, $file if $seen{$base}++;
    }

    is_deeply(\@twice, [], 'base names are unique');

    my @listed = map { m{^\s+\$dg/(\S+\.c)\s} ? "src/$1" : () }
        lines_of('config');
    my @there = grep { /\.c$/ } sources(qw{src/core src/ngx src/sandbox});

    is_deeply([sort @there], [sort @listed], 'config lists every source');
}


sub tests {
    my @bad;

    foreach my $file (glob('t/*.t t/lib/*.pm t/lib/Deskgate/*.pm')) {
        my $text = join "\n", lines_of($file);

        push @bad, "$file: use strict and warnings"
            if $text !~ /^use strict;/m || $text !~ /^use warnings;/m;
        push @bad, "$file: tabs" if $text =~ /\t/;
    }

    is_deeply(\@bad, [], 'tests are strict');
}

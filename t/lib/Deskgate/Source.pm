package Deskgate::Source;

# Reads our C files for the style checks: lines without strings and comments,
# and functions with their lengths.  It relies on the layout that the checks
# demand: a function's name, "{" and "}" stand in the first column.

use warnings;
use strict;

use Exporter 'import';

our @EXPORT = qw/sources lines_of code_of functions_of median/;


sub sources {
    my (@folders) = @_;

    @folders = qw{src/core src/ngx src/sandbox src/tools t/unit t/fuzz
        t/bench t/vectors} if !@folders;

    return map { sort(glob("$_/*.c"), glob("$_/*.h")) } @folders;
}


sub lines_of {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";

    my @lines = <$in>;

    chomp @lines;

    return @lines;
}


# The lines with comments and the insides of literals blanked out
sub code_of {
    my $text = join "\n", lines_of($_[0]);

    $text =~ s{(/\*.*?\*/)|("(?:[^"\\\n]|\\.)*")|('(?:[^'\\\n]|\\.)*')}
              {blank($1, $2, $3)}gse;

    return split /\n/, $text, -1;
}


sub blank {
    my ($comment, $string, $char) = @_;

    return '""' if defined $string;
    return "' '" if defined $char;

    $comment =~ s/[^\n]//g;

    return $comment;
}


# [name, line, lines of the body] of each function
sub functions_of {
    my ($file) = @_;

    my @lines = code_of($file);
    my ($name, $start, @functions);

    foreach my $i (0 .. $#lines) {
        if ($lines[$i] =~ /^([A-Za-z_]\w*)\(/) {
            $name = $1;

        } elsif ($lines[$i] eq '{' && defined $name) {
            $start = $i;

        } elsif ($lines[$i] eq '}' && defined $start) {
            push @functions, [$name, $start + 1, $i - $start - 1];
            ($name, $start) = ();
        }
    }

    return @functions;
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return @sorted ? $sorted[$#sorted / 2] : 0;
}

1;

package Deskgate::Docs;

# Reads the tables of the sources and the documents that describe them.

use warnings;
use strict;

use Exporter 'import';

our @EXPORT = qw/commands block_lines documented merge_default variables
    documented_variables refusal_names arity_of_syntax arity_of_flags
    contexts_of nginx_blocks text_of/;

my %CONTEXTS = (
    NGX_MAIN_CONF          => 'main',
    NGX_HTTP_MAIN_CONF     => 'http',
    NGX_HTTP_SRV_CONF      => 'server',
    NGX_HTTP_LOC_CONF      => 'location',
    NGX_HTTP_SIF_CONF      => 'if in server',
    NGX_HTTP_LIF_CONF      => 'if in location',
    NGX_HTTP_LMT_CONF      => 'limit_except',
    NGX_HTTP_UPS_CONF      => 'upstream',
);
my $MANY = 1000;
my %ARITY = (
    NGX_CONF_NOARGS => [0, 0],   NGX_CONF_FLAG => [1, 1],
    NGX_CONF_TAKE1  => [1, 1],   NGX_CONF_TAKE2 => [2, 2],
    NGX_CONF_TAKE3  => [3, 3],   NGX_CONF_TAKE4 => [4, 4],
    NGX_CONF_TAKE12 => [1, 2],   NGX_CONF_TAKE13 => [1, 3],
    NGX_CONF_TAKE23 => [2, 3],   NGX_CONF_TAKE123 => [1, 3],
    NGX_CONF_TAKE1234 => [1, 4], NGX_CONF_1MORE => [1, $MANY],
    NGX_CONF_2MORE  => [2, $MANY], NGX_CONF_ANY => [0, $MANY],
);


sub text_of {
    my ($file) = @_;

    open my $in, '<', $file or return '';
    local $/;

    my $text = <$in>;

    return defined $text ? $text : '';
}


# Every row of every ngx_command_t table: name => { flags, field, setter }
sub commands {
    my %commands;

    foreach my $file (@_) {
        my $text = text_of($file);

        while ($text =~ /ngx_command_t\s+\w+\[\]\s*=\s*\{(.*?)\n\};/sg) {
            my $table = $1;

            while ($table =~ /\{\s*ngx_string\("(\w+)"\)\s*,\s*([A-Z0-9_|\s]+?)
                ,\s*(\w+)\s*,(.*?)\}/sxg)
            {
                my ($name, $flags, $setter, $rest) = ($1, $2, $3, $4);
                my ($field) = $rest =~ /offsetof\(\s*\w+\s*,\s*(\w+)\s*\)/;

                $commands{$name} = {
                    flags  => [split /[\s|]+/, $flags],
                    setter => $setter,
                    field  => $field,
                    file   => $file,
                };
            }
        }
    }

    return %commands;
}


# Lines inside of our blocks: [block, name]; tables of "{ ngx_string("name"),
# least, most, function }" whose own name holds the block's
sub block_lines {
    my @lines;

    foreach my $file (@_) {
        my $text = text_of($file);

        while ($text =~ /(\w+)\[\]\s*=\s*\{(.*?)\n\};/sg) {
            my ($table, $rows) = ($1, $2);

            my ($block) = $table =~
                /deskgate_(issuer|credentials|broker|trail)/ or next;

            push @lines, ["deskgate_$block", $_] foreach
                $rows =~ /\{\s*ngx_string\("(\w+)"\),\s*\d+,\s*\d+,/g;
        }
    }

    return @lines;
}


# Sections of docs/directives.md: name => { syntax => [..], default, context,
# text }.  Syntax, Default and Context may stand in a table, a list or plain.
sub documented {
    my ($file) = @_;

    my (%sections, $name, $field);

    foreach my $line (split /\n/, text_of($file)) {
        if ($line =~ /^#+\s+`?(\w+)`?\s*$/) {
            $name = $1;
            $sections{$name} = { syntax => [], text => '' };
            undef $field;
            next;
        }

        if ($line =~ /^#+\s/) {
            undef $name;
            next;
        }

        next if !defined $name;

        $sections{$name}{text} .= "$line\n";

        my $plain = $line;

        $plain =~ s/^[\s|*-]*//;
        $plain =~ s/\*\*//g;

        if ($plain =~ /^(Syntax|Default|Context)\s*[:|]\s*(.*)$/) {
            store($sections{$name}, lc $1, $2);
        }
    }

    return %sections;
}


sub store {
    my ($section, $field, $value) = @_;

    $value =~ s/\s*\|\s*$//;
    $value =~ s/\\\|/|/g;

    if ($field eq 'syntax') {
        push @{$section->{syntax}}, map { s/^[\s`]+|[\s`;]+$//gr }
            split m{<br\s*/?>|`\s*,\s*`|;\s*`?\s*`}, $value;
        return;
    }

    $value =~ s/[`;]//g;
    $value =~ s/^\s+|\s+$//g;
    $section->{$field} = $value;
}


# The least and most words after the name: "[x]" is optional, "..." any
# number, "a | b" one word, "{ ... }" a block
sub arity_of_syntax {
    my ($syntax) = @_;

    $syntax =~ s/^\w+\s*//;
    $syntax =~ s/\{.*$//s;
    $syntax =~ s/\s*\|\s*/|/g;

    my ($least, $most) = (0, 0);
    my $depth = 0;

    foreach my $word (split ' ', $syntax) {
        my $open = () = $word =~ /\[/g;
        my $close = () = $word =~ /\]/g;
        my $optional = $depth > 0 || $open > 0;

        $depth += $open - $close;

        if ($word =~ /^\[?(\.\.\.|…)\]?$/) {
            $most = $MANY;
            next;
        }

        $most = $word =~ /(\.\.\.|…)/ ? $MANY : $most + 1;
        $least++ if !$optional;
    }

    return ($least, $most > $MANY ? $MANY : $most);
}


sub arity_of_flags {
    my (@flags) = @_;

    my @ranges = map { $ARITY{$_} || () } @flags;

    # "on" and "off" beside a block's name and so on come as several flags
    my ($least, $most) = ($MANY, 0);

    foreach my $range (@ranges) {
        $least = $range->[0] if $range->[0] < $least;
        $most = $range->[1] if $range->[1] > $most;
    }

    return ($least, $most);
}


sub contexts_of {
    return sort map { $CONTEXTS{$_} || () } @_;
}


# The value that a merge macro gives to a field, as one would write it
sub merge_default {
    my ($field, @files) = @_;

    my $text = join "\n", map { text_of($_) } @files;
    my %words = $text =~ /\{\s*ngx_string\("([^"]+)"\),\s*(\w+)\s*\}/g;
    my %named = reverse %words;

    $text =~ /ngx_conf_merge_(\w+?)_?value\(\s*conf->\Q$field\E\s*,
        \s*prev->\Q$field\E\s*,\s*([^;]+?)\)\s*;/sx or return undef;

    my ($kind, $value) = ($1, $2);

    return $named{$value} if defined $named{$value};

    if ($value =~ /^[A-Z]\w+$/) {
        $text =~ /^#define\s+\Q$value\E\s+(.+?)\s*$/m or return undef;
        $value = $1;
    }

    return $1 if $value =~ /^"(.+)"$/;
    return undef if $value !~ /^[\d\s*()]+$/;

    my $number = eval $value;

    return undef if !defined $number;
    return $number ? 'on' : 'off' if $kind eq '';

    return $kind eq 'msec' ? in_units($number, 1000)
        : $kind eq 'sec' ? in_units($number, 1) : $number;
}


sub in_units {
    my ($number, $second) = @_;

    my $seconds = $number / $second;

    return $seconds % 3600 == 0 && $seconds ? $seconds / 3600 . 'h'
        : $seconds % 60 == 0 && $seconds ? $seconds / 60 . 'm'
        : "${seconds}s";
}


# Names of ngx_http_variable_t tables
sub variables {
    my %names;

    foreach my $file (@_) {
        my $text = text_of($file);

        while ($text =~ /ngx_http_variable_t\s+\w+\[\]\s*=\s*\{(.*?)\n\};/sg) {
            my $table = $1;

            $names{$_} = 1 foreach $table =~ /ngx_string\("(deskgate_\w+)"\)/g;
        }
    }

    return sort keys %names;
}


# Variables that docs/variables.md has in a heading or a table's first column
sub documented_variables {
    my ($file) = @_;

    my %names;

    foreach my $line (split /\n/, text_of($file)) {
        next if $line !~ /^(#+\s|\|)\s*`?\$(deskgate_[a-z0-9_]+)/;

        $names{$2} = 1;
    }

    return sort keys %names;
}


# Names of the refusals, from the table in C
sub refusal_names {
    my ($file) = @_;

    return sort grep { $_ ne 'allowed' }
        text_of($file) =~ /\[DG_[A-Z0-9_]+\]\s*=\s*\{\s*"(\w+)"/g;
}


# Fenced blocks marked as nginx: [line, text]
sub nginx_blocks {
    my ($file) = @_;

    my (@blocks, $start, @lines);
    my $n = 0;

    foreach my $line (split /\n/, text_of($file)) {
        $n++;

        if (!defined $start) {
            $start = $n if $line =~ /^```nginx\s*$/;

        } elsif ($line =~ /^```\s*$/) {
            push @blocks, [$start, join("\n", @lines) . "\n"];
            ($start, @lines) = ();

        } else {
            push @lines, $line;
        }
    }

    return @blocks;
}

1;

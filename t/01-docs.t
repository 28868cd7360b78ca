#!/usr/bin/perl

# Documents in step with the sources: directives, variables and refusals, and
# configurations that nginx accepts.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Docs;
use Deskgate::Example;
use Deskgate::Make;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my @glue = (glob('src/ngx/*.c'), glob('src/sandbox/ngx_*.c'));
my %commands = commands(@glue);
my %documented = documented('docs/directives.md');
my %used = used();

cmp_ok(scalar keys %commands, '>', 10, 'there are directives');

is_deeply([grep { /^deskgate/ } sort keys %documented],
    [sort keys %commands], 'every directive has its section, and no other');

directive($_) foreach sort keys %commands;

foreach my $line (block_lines(@glue)) {
    my ($block, $name) = @$line;

    like(($documented{$block} || {})->{text} || '', qr/`$name\b/,
        "$name of $block is described");
}

is_deeply([documented_variables('docs/variables.md')], [variables(@glue)],
    'every variable is described, and no other');

my $refusals = text_of('docs/refusals.md');
my @names = refusal_names('src/core/dg_refusal.c');

cmp_ok(scalar @names, '>', 20, 'there are refusals');

foreach my $name (@names) {
    like($refusals, qr/^(#+\s+|\|\s*)`?$name`?\b/m, "$name is described");
}

my %known = map { $_ => 1 } @names;

is_deeply([grep { !$known{$_} }
    $refusals =~ /^(?:#+\s+|\|\s*)`([a-z0-9]+(?:_[a-z0-9]+)+)`/mg], [],
    'no refusal is described that is not there');

made($_) foreach map { m{t/docs/(\w+)\.c$} ? $1 : () } glob('t/docs/*.c');
kept();
linked();

my $t = Deskgate->new();
my $example = Deskgate::Example->new($t);

foreach my $file ('README.md', glob('docs/*.md')) {
    foreach my $block (nginx_blocks($file)) {
        my ($line, $text) = @$block;
        my ($passed, $says) = $example->check($text, \%commands);

        ok($passed, "$file:$line is accepted by nginx") or diag($says);
    }
}

my @examples = (glob('conf.example/*.conf'), glob('conf.example/*/nginx.conf'));

cmp_ok(scalar @examples, '>', 0, 'there are examples');

foreach my $file (@examples) {
    my ($passed, $says) = $example->check(text_of($file), \%commands, $file);

    ok($passed, "$file is accepted by nginx") or diag($says);
}

$t->stop;
done_testing();


# A page that a program prints
sub made {
    my ($page) = @_;

    make_target("build/docs/$page") or return fail("$page is built");

    my $printed = `build/docs/$page`;

    ok($? == 0 && $printed eq text_of("docs/$page.md"),
        "docs/$page.md is what the code says") or diag('run "make docs"');
}


# Names that stand under "Kept names" are used by nobody
sub kept {
    my ($part) = $refusals =~ /^## Kept names[^\n]*\n(.*)/ms;
    my $code = join "\n", map { text_of($_) }
        grep { !m{/dg_refusal(_form)?\.c$} } glob('src/*/*.c');
    my @used = grep { $code =~ /\bDG_REFUSE_\U$_\E\b/ }
        ($part || '') =~ /^\| `(\w+)`/mg;

    is_deeply(\@used, [], 'kept refusals are not given by the code')
        or diag('take them out of "kept" in t/docs/refusals.c');
}


# Every page can be reached from README, and no link leads nowhere
sub linked {
    my (%seen, @lost);
    my @open = ('README.md');

    while (my $file = shift @open) {
        next if $seen{$file}++;

        my ($folder) = $file =~ m{^(.*/)};

        foreach my $link (text_of($file) =~ /\]\(([^)\s#]+)(?:#[^)]*)?\)/g) {
            next if $link =~ m{^\w+://};

            my $path = ($folder || '') . $link;

            1 while $path =~ s{(^|/)(?!\.\.)[^/]+/\.\./}{$1};

            push @lost, "$file: $link" if !-e $path;
            push @open, $path if $path =~ /\.md$/ && -e $path;
        }
    }

    is_deeply(\@lost, [], 'no link leads nowhere');
    is_deeply([grep { !$seen{$_} } glob('docs/*.md')], [],
        'every page can be reached from README.md');
}


sub directive {
    my ($name) = @_;

    my $command = $commands{$name};
    my $section = $documented{$name} or return;

    subtest $name => sub {
        my @syntax = grep { length } @{$section->{syntax}};

        cmp_ok(scalar @syntax, '>', 0, 'has a syntax');
        arity($command, @syntax);

        is(join(', ', sort split /\s*,\s*/, $section->{context} || ''),
            join(', ', contexts_of(@{$command->{flags}})), 'context');

        default($command, $section);

        ok($used{examples} =~ /^\s*$name\b/m, 'stands in conf.example');
        ok($used{tests} =~ /\b$name\b/, 'stands in a test');
    };
}


sub used {
    return (
        examples => join("\n", map { text_of($_) }
            glob('conf.example/* conf.example/*/*')),
        tests => join("\n", map { text_of($_) }
            grep { !m{/0[01]-} && -f } glob('t/*.t t/interop/*'),
            grep { !m{/(Docs|Example)\.pm$} } glob('t/lib/Deskgate/*.pm')),
    );
}


sub arity {
    my ($command, @syntax) = @_;

    my ($least, $most) = arity_of_flags(@{$command->{flags}});

    foreach my $syntax (@syntax) {
        my ($wants, $takes) = arity_of_syntax($syntax);

        ok($wants >= $least && ($takes <= $most || $takes >= 1000),
            "arguments of \"$syntax\": $wants to $takes, "
            . "the table takes $least to $most");
    }
}


sub default {
    my ($command, $section) = @_;

    ok(defined $section->{default}, 'has a default') or return;

    return if !$command->{field};

    my $merged = merge_default($command->{field}, @glue, glob('src/ngx/*.h'));

    return if !defined $merged;

    my ($written) = $section->{default} =~ /(\S+)$/;

    is(seconds($written), seconds($merged), "default is $merged");
}


# 15m, 900s and 900000ms are one
sub seconds {
    my ($text) = @_;

    my %unit = (ms => 0.001, s => 1, m => 60, h => 3600, d => 86400);

    return defined $text && $text =~ /^(\d+)(ms|[smhd])$/
        ? $1 * $unit{$2} . ' seconds' : $text;
}

#!/usr/bin/perl

# What the modules show to other modules, that they live side by side in both
# orders, and that the core needs nothing of nginx.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Make;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $t = Deskgate->new()->need('nm');
my @modules = @{$t->{modules}};
my @wanted = qw/ngx_module_names ngx_module_order ngx_modules/;

foreach my $module (@modules) {
    my $path = $t->module_dir . "/$module";
    my @defined = sort map { (split)[2] }
        split /\n/, `nm -D --defined-only '$path'`;

    # the sanitizers bring symbols of their own
    @defined = grep { !/^_*(asan|ubsan|odr_asan)|^_/ } @defined
        if $ENV{DESKGATE_ASAN};

    is_deeply(\@defined, \@wanted, "$module shows nginx's three symbols only");

    my @missing = grep { /\b(dg_|ngx_http_deskgate)/ }
        split /\n/, `nm -D -u '$path'`;

    is_deeply(\@missing, [], "$module lacks nothing of ours");
}

foreach my $order ([0, 1], [1, 0]) {
    $t->{modules} = [@modules[@$order]];

    my ($passed, $text) = $t->check_config(<<'EOF_CONF');

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
}

EOF_CONF

    ok($passed, "both load: @modules[@$order]") or diag($text);
}

ok(make_target('build/libdgcore.a'), 'the core builds');

my @undefined = split /\n/, `nm -A -u build/libdgcore.a`;
my @nginx = grep { /\bngx_/ } @undefined;

cmp_ok(scalar @undefined, '>', 0, 'the core uses libraries');
is_deeply(\@nginx, [], 'none of them is nginx');

my @foreign = grep { !/ [A-Z] dg_/ }
    grep { / [TDBRCVW] / } split /\n/, `nm -A --defined-only build/libdgcore.a`;

is_deeply(\@foreign, [], 'every symbol of the core begins with dg_');

$t->finish;

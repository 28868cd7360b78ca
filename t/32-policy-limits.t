#!/usr/bin/perl

# Policies as large as they may be, at the running gateway: they are read in
# bounded time, decide as they say, and what is larger is refused.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Time::HiRes 'time';

use Deskgate;
use Deskgate::Gateway;

my $MAX = 1024 * 1024;
my $JSON = JSON::PP->new->canonical;
my $t = Deskgate->new();
my $dir = $t->testdir;
my $next = 8110;
my (%ports, $servers);

# 1 MiB of statements; 10,000 short ones; 10,000 values, of which the last is
# the caller's; patterns that a matcher that goes back never ends with
location(size => sized($MAX));
location(statements => statements(10_000), ' for=*');
location(values => agents((map { "*x$_*y" } 1 .. 9_999), 'desk-*'));
location(stars => agents(('*a*a*a*b', '*a*a*a*a*a*a*a*a*a*a*c') x 20));

Deskgate::Gateway::configure($t, http => $servers);

my ($aws) = Deskgate::Gateway::upstreams($t);
my $began = time;

$t->run();
cmp_ok(time - $began, '<', 30, 'all are read');
is(-s "$dir/size.json", $MAX, 'one has 1 MiB');

decided(size => 'denied_implicit', agent => 'somebody');
decided(size => 'allowed', agent => 'the-last');
decided(statements => 'denied_implicit', agent => '10000');
decided(statements => 'allowed', agent => '9999');
decided(statements => 'allowed', agent => '0');
decided(values => 'denied_implicit', agent => 'desk');
decided(values => 'allowed', agent => 'desk-tool');
decided(values => 'allowed', agent => 'ax9999y');
decided(stars => 'denied_implicit', agent => 'a' x 3000);
decided(stars => 'allowed', agent => ('a' x 3000) . 'b');

refused(sized($MAX + 1), 'a byte more', qr/the text is too long/);
refused(statements(10_001), 'one more', qr/more than 10000 statements/,
    ' for=*');
refused(agents(1 .. 10_001), 'another one more',
    qr/more than 10000 values in one condition/);

$t->finish;


sub statement {
    my ($agent) = @_;

    return { %{allow_all()}, Condition => {
        StringLike => { 'aws:UserAgent' => $agent } } };
}


sub text {
    return $JSON->encode({ Version => '2012-10-17', Statement => [@_] });
}


sub agents { return text(statement([@_])) }


sub statements {
    my ($count) = @_;

    my @list = map { statement("$_") } 0 .. $count - 1;

    delete $_->{Principal} foreach @list;

    return text(@list);
}


# filled up with as many statements as have room, then with blanks
sub sized {
    my ($size) = @_;

    my $last = statement('the-last');
    my $each = length($JSON->encode(statement('nobody-00000'))) + 1;
    my $count = int(($size - length text($last)) / $each) - 1;
    my $text = text((map { statement(sprintf 'nobody-%05d', $_) }
        1 .. $count), $last);

    return $text . ' ' x ($size - length $text);
}


sub location {
    my ($name, $text, $for) = @_;

    $for = '' if !defined $for;
    $ports{$name} = $next++;
    $t->write_file("$name.json", $text);
    $servers .= "server { listen 127.0.0.1:$ports{$name};"
        . ' server_name localhost; location / {'
        . gateway_location(services => ['workspaces'],
            policy => "deskgate_policy %%TESTDIR%%/$name.json$for;")
        . "} }\n";
}


sub decided {
    my ($name, $expected, %opt) = @_;

    my $start = time;
    my $answer = call(workspaces => 'DescribeWorkspaces', {},
        port => $ports{$name}, headers => [['User-Agent', $opt{agent}]]);

    cmp_ok(time - $start, '<', 5, "$name: decided in bounded time");
    is(refusal_of($t, $answer), $expected, "$name: $expected");
}


sub refused {
    my ($text, $what, $says, $for) = @_;

    $for = '' if !defined $for;

    $t->write_file('large.json', $text);

    my ($fine, $said) = $t->check_config(Deskgate::Gateway::text(
        policy => "deskgate_policy %%TESTDIR%%/large.json$for;"));

    ok(!$fine, "$what is refused");
    like($said, $says, "$what: the limit is named");
}

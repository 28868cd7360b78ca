#!/usr/bin/perl

# What one call is answered never depends on the calls before it: calls of all
# kinds, good and bad, in many orders, over one connection and several.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $ROUNDS = 12;
my $t = Deskgate->new();
my $dir = $t->testdir;
my $URL = 'https://sso.example.com/desks';

foreach my $algorithm ('rs256', 'es256') {
    my ($status, $out) = $t->tool('deskgate-token', 'keygen', $algorithm,
        $algorithm, map { "$dir/$algorithm.$_" } qw/pem jwks/);

    die $out if $status;
}

my @servers = ([8081, 'bearer=first'], [8082, 'bearer=second'],
    [8083, 'bearer=first,second sigv4=desks'], [8084, 'sigv4=desks']);

Deskgate::Gateway::configure($t, location => 'deskgate_replay off;',
    statements => [Deskgate::Gateway::allow_all(),
        { Effect => 'Deny', Principal => '*', Resource => '*',
          Action => 'workspaces:RebuildWorkspaces' }],
    http => "
    deskgate_issuer first { issuer $URL; audience a; algorithms RS256;
        jwks %%TESTDIR%%/rs256.jwks; account $ACCOUNT; }
    deskgate_issuer second { issuer $URL/2; audience b; algorithms ES256;
        jwks %%TESTDIR%%/es256.jwks; account $ACCOUNT; }
    " . join '', map { "server { listen 127.0.0.1:$_->[0];
        server_name localhost; location / {"
        . gateway_location(authenticate => $_->[1],
            location => 'deskgate_replay off;')
        . '} location = /_token { internal;'
        . " proxy_pass http://broker/oauth2/token; } }\n" } @servers);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my @describe = (workspaces => 'DescribeWorkspaces', {});
my $first = token('rs256', $URL, 'a');
my $second = token('es256', "$URL/2", 'b');

# name => the request, and, at each server, what its answer must be
my %requests = (
    signed        => { signed_call(@describe) },
    presigned     => { signed_call(@describe, form => 'query') },
    tampered      => { signed_call(@describe), body => '{ }' },
    unknown_key   => { signed_call(@describe, access_key => 'AKIDNOBODY') },
    unsigned_body => { signed_call(@describe,
                       payload => 'UNSIGNED-PAYLOAD') },
    broker        => { signed_call('dcv-session-manager' =>
                       'DescribeSessions', {}) },
    instances     => { signed_call('workspaces-instances' => 'ListRegions',
                       {}) },
    rest          => { signed_call('ssm-guiconnect' =>
                       'GetConnectionRecordingPreferences', {}) },
    denied        => { signed_call(workspaces => 'RebuildWorkspaces', {
                       RebuildWorkspaceRequests => [
                       { WorkspaceId => 'ws-12345678' }] }) },
    invalid       => { signed_call(workspaces => 'TerminateWorkspaces', {}) },
    unknown       => { signed_call(workspaces => 'Nothing', {}) },
    first         => bearer($first),
    second        => bearer($second),
    none          => bearer(none($first)),
    altered       => bearer(substr($first, 0, -3) . 'AAA'),
    bare          => bearer(undef),
);

my %status = map { $_->[0] => {} } @servers;
my @everything = map { my $port = $_->[0];
    map { [$port, $_] } sort keys %requests } @servers;

# what each gives when it comes first is what it has to give ever after
foreach my $case (@everything) {
    my ($port, $name) = @$case;

    $status{$port}{$name} = judged(http_request(%{$requests{$name}},
        port => $port));
}

is($status{8081}{first}, '200', 'a token where it belongs');
like($status{8082}{first}, qr/Unrecognized/, 'and where not');
is($status{8082}{second}, '200', 'another one');
is($status{8083}{$_}, '200', "$_ where all may come")
    foreach qw/first second signed presigned broker instances rest/;
like($status{8084}{first}, qr/Exception/, 'a token where none is taken');
like($status{$_}{none}, qr/Exception/, "alg none at $_")
    foreach map { $_->[0] } @servers;

foreach my $round (1 .. $ROUNDS) {
    my %connections;
    my @wrong;

    foreach my $case (shuffled($round, @everything)) {
        my ($port, $name) = @$case;
        my $c = $connections{$port} ||= $t->connect($port);
        my $answer = $c->request(%{$requests{$name}});

        if (!defined $answer
            || (header($answer, 'Connection') || '') eq 'close')
        {
            delete $connections{$port};
        }

        my $got = judged($answer);

        push @wrong, "$port $name: $got, not $status{$port}{$name}"
            if $got ne $status{$port}{$name};
    }

    is(join("\n", @wrong), '', "order $round");
}

$t->finish;


sub judged {
    my ($answer) = @_;

    return 'no answer' if !defined $answer;
    return '200' if $answer->{status} == 200;

    return join ' ', $answer->{status}, error_type($answer) || '',
        header($answer, 'WWW-Authenticate') || '';
}


# The same order whenever the test runs
sub shuffled {
    my ($seed, @list) = @_;

    foreach my $i (reverse 1 .. $#list) {
        $seed = ($seed * 1103515245 + 12345) % 2147483648;
        my $j = ($seed >> 8) % ($i + 1);

        @list[$i, $j] = @list[$j, $i];
    }

    return @list;
}


sub token {
    my ($algorithm, $issuer, $audience) = @_;

    my ($status, $token) = $t->tool('deskgate-token', 'sign',
        '--lifetime=600', $algorithm, $algorithm, "$dir/$algorithm.pem",
        JSON::PP->new->canonical->encode({ iss => $issuer, aud => $audience,
            sub => 'alice' }));

    die $token if $status;

    chomp $token;

    return $token;
}


sub none {
    my (undef, $payload) = split /\./, $_[0];

    return "eyJhbGciOiJub25lIn0.$payload.";
}


sub bearer {
    my ($token) = @_;

    return { Deskgate::Gateway::operation_request(@describe, headers =>
        defined $token ? [['Authorization', "Bearer $token"]] : []) };
}

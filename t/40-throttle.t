#!/usr/bin/perl

# Token buckets at the running gateway: whose they are, that they are exact
# among workers, what they charge for, and what a refused caller is told.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $next = 8110;
my (%ports, $servers);

my %CAROL = (access_key => 'AKIDCAROL', secret_key => 'secret-of-carol-0008');
my @describe = (workspaces => 'DescribeWorkspaces', {});
my @tags = (workspaces => 'DescribeTags', { ResourceId => 'ws-12345678' });
my @bundles = (workspaces => 'DescribeWorkspaceBundles', {});
my @regions = ('workspaces-instances' => 'ListRegions', {});
my @sessions = ('dcv-session-manager' => 'DescribeSessions', {});
my @preferences = ('ssm-guiconnect' => 'GetConnectionRecordingPreferences',
    {});

location(usual => 'deskgate_throttle rate=1r/h burst=2;');
location(usual_too => 'deskgate_throttle rate=1r/h burst=2;');
location("by_$_" => "deskgate_throttle rate=1r/h burst=2 key=$_;")
    foreach qw/caller operation service account address/;
location(by_variable => 'deskgate_throttle rate=1r/h burst=2 key=$arg_x;');
location(by_both => 'deskgate_throttle rate=1r/h burst=1'
    . ' key=caller,operation;');
location(several => "deskgate_throttle rate=1r/h burst=3 key=caller;\n"
    . 'deskgate_throttle rate=1r/h burst=1 key=operation;');
location(alike => 'deskgate_throttle rate=1r/h burst=2;'
    . ' deskgate_throttle rate=1r/h burst=2;');
location(denying => 'deskgate_throttle rate=1r/h burst=2 key=address;');
location(exact => 'deskgate_throttle rate=1r/h burst=7 key=$arg_x;');
location(timed => 'deskgate_throttle rate=1r/s burst=1;');
location(slow => 'deskgate_throttle rate=1r/m burst=1;');
location(inner => '', server =>
    'deskgate_throttle rate=1r/h burst=2 key=address;', inner => 1);
location(redirected => 'proxy_intercept_errors on;'
    . ' error_page 500 502 = @again;', server =>
    'deskgate_throttle rate=1r/h burst=2 key=address;', fallback => 1);
location(off => '');

Deskgate::Gateway::configure($t, workers => 2, http => $servers,
    keys => [Deskgate::Gateway::usual_keys(),
        Deskgate::Gateway::key(\%CAROL,
            principal => 'arn:aws:iam::444455556666:user/carol')],
    statements => [Deskgate::Gateway::allow_all(),
        { Effect => 'Deny', Principal => '*', Resource => '*',
          Action => 'workspaces:RebuildWorkspaces' }]);

$t->secret($CAROL{secret_key});

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();


# whose buckets they are

pattern(usual => 'two and no more', '110', (\@describe) x 3);
pattern(usual => 'another caller', '110', ([@describe, as => \%BOB]) x 3);
pattern(usual_too => 'the same words elsewhere are other buckets', '110',
    (\@describe) x 3);
pattern(off => 'without any', '1' x 10, (\@describe) x 10);
pattern(by_caller => 'caller', '1100', \@describe, \@tags, \@bundles,
    \@regions);
pattern(by_operation => 'operation', '11011', (\@describe) x 2,
    [@describe, as => \%BOB], (\@tags) x 2);
pattern(by_service => 'service', '11011', \@describe, \@tags,
    [@bundles, as => \%BOB], (\@regions) x 2);
pattern(by_account => 'account', '11011', \@describe, [@tags, as => \%BOB],
    \@describe, ([@describe, as => \%CAROL]) x 2);
pattern(by_address => 'address', '1100', \@describe, [@tags, as => \%BOB],
    [@regions, as => \%CAROL], \@sessions);
pattern(by_variable => 'a variable', '1101101', map { [@describe,
    target => "/?x=$_"] } qw/a a a b b b c/);
pattern(by_variable => 'which may be empty', '110', (\@describe) x 3);
pattern(by_both => 'two parts', '1011', \@describe, \@describe, \@tags,
    [@describe, as => \%BOB]);


# several at once: all or none

pattern(several => 'all or none', '1001', \@describe, \@describe, \@describe,
    \@tags);
pattern(several => 'what one refused the other did not charge', '10',
    \@bundles, \@regions);
pattern(alike => 'two alike on one line are two', '110', (\@describe) x 3);


# exact among two workers and many connections

is(scalar($t->workers), 2, 'two workers');

foreach my $round (1 .. 5) {
    my $before = $aws->count;
    my $text = call_text(signed_call(@describe, target => "/?x=$round"));
    my @clients = map { $t->connect($ports{exact}) } 1 .. 24;

    $_->send($text) foreach @clients;

    my $passed = grep { $_->answer->{status} == 200 } @clients;

    is($passed, 7, "as many as the burst, round $round");
    is($aws->count - $before, 7, "were forwarded, round $round");
}


# what is told

my ($answer, $ms);

ask(timed => @describe);
$answer = ask(timed => @describe);
$ms = header($answer, 'x-amz-retry-after');

is(refusal_of($t, $answer), 'throttled', 'at once');
cmp_ok($ms, '>', 500, 'milliseconds to wait');
cmp_ok($ms, '<=', 1000, 'and no more than a token takes');
is(header($answer, 'Retry-After'), 1, 'seconds');
sleep $ms / 2000;
$answer = ask(timed => @describe);
is(refusal_of($t, $answer), 'throttled', 'half the time is too early');
cmp_ok(header($answer, 'x-amz-retry-after'), '<=', $ms / 2 + 50,
    'the rest is told');
sleep header($answer, 'x-amz-retry-after') / 1000 + 0.02;
is(ask(timed => @describe)->{status}, 200, 'the whole time is enough');

ask(slow => @describe);
$answer = ask(slow => @describe);
cmp_ok(header($answer, 'Retry-After'), '>=', 59, 'a slower bucket');
cmp_ok(header($answer, 'Retry-After'), '<=', 60, 'is as honest');
is(header($answer, 'Retry-After'),
    int((header($answer, 'x-amz-retry-after') + 999) / 1000),
    'and seconds are milliseconds, rounded up');

my $record = record_of($t, $answer);

is($record->{errorCode}, 'ThrottlingException', 'in the record');
like(JSON::PP->new->canonical->encode($record->{additionalEventData}),
    qr{1r/m}, 'with the bucket');

foreach my $call (\@describe, \@regions, \@preferences, \@sessions) {
    my @row = (@$call, headers => []);
    my $place = 'by_service';
    my $refused;

    for (1 .. 3) {
        $refused = ask($place, @row);
        last if $refused->{status} != 200;
    }

    is(error_type($refused), 'ThrottlingException', "$call->[0]: exception");
    is($refused->{status}, $call->[0] =~ /^workspaces/ ? 400 : 429,
        "$call->[0]: status");
    cmp_ok(header($refused, 'Retry-After'), '>', 3000,
        "$call->[0]: Retry-After");
}

my %cbor = (method => 'POST', body => "\xa0",
    target => '/service/EUCMIFrontendAPIService/operation/ListRegions',
    headers => [['Host', 'localhost'], ['Content-Type', 'application/cbor'],
                ['Smithy-Protocol', 'rpc-v2-cbor']]);

$answer = http_request(%cbor, port => $ports{by_service},
    headers => Deskgate::SigV4::sign(%cbor, %ALICE, region => 'us-east-1',
        service => 'workspaces-instances'));
is(header($answer, 'Content-Type'), 'application/cbor', 'CBOR has its form');
is(header($answer, 'Smithy-Protocol'), 'rpc-v2-cbor', 'its protocol');
like($answer->{body}, qr/ThrottlingException/, 'and the exception');


# what is charged

my @denied = (workspaces => 'RebuildWorkspaces',
    { RebuildWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] });

pattern(denying => 'denied calls are not charged', '00000110',
    (\@denied) x 2, [@describe, access_key => 'AKIDNOBODY'],
    [@describe, secret_key => 'x' x 20],
    [workspaces => 'DescribeWorkspaces', '{'], (\@describe) x 3);

pattern(inner => 'an inherited bucket is one among locations', '1100',
    \@describe, \@sessions, \@sessions, \@describe);

$aws->behave(status => 500, body => '{}', times => 1);
is(ask(redirected => @describe)->{status}, 200,
    'after an internal redirect');
is((grep { /x-amz-target/i && /DescribeWorkspaces/ }
    map { $_->{raw} } ($aws->requests)[-2, -1]), 2, 'which was one');
pattern(redirected => 'a call is charged once', '10', \@describe, \@describe);


# mistakes

my %mistakes = (
    'rate=0r/s'            => qr/needs rate=Nr/,
    'rate=10'              => qr/needs rate=Nr/,
    'rate=1r/d'            => qr/needs rate=Nr/,
    'burst=2'              => qr/needs rate=Nr/,
    'rate=1r/s burst=0'    => qr/out of bounds/,
    'rate=1r/s burst=x'    => qr/out of bounds/,
    'rate=1r/s key=who'    => qr/invalid key part "who"/,
    'rate=1r/s key=$a,$b'  => qr/invalid key part "\$b"/,
    'rate=1r/s bursts=2'   => qr/invalid parameter "bursts=2"/,
);

foreach my $words (sort keys %mistakes) {
    my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
        location => "deskgate_throttle $words;\n"));

    ok(!$passed, "refused: $words");
    like($says, $mistakes{$words}, 'says so');
    like($says, qr/check\.conf:\d+/, 'and where');
}

my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
    location => "deskgate_throttle rate=1r/s;\n" x 9));

ok(!$passed, 'nine are refused');
like($says, qr/eight are allowed/, 'says so');

$t->finish;


sub location {
    my ($name, $lines, %opt) = @_;

    my $server = $opt{server} || '';
    my $more = $opt{fallback} ? 'location @again { '
        . gateway_location() . ' }'
        : $opt{inner} ? 'location = /describeSessions { '
        . gateway_location() . ' }' : '';

    $ports{$name} = $next++;
    $servers .= "server { listen 127.0.0.1:$ports{$name};\n"
        . "server_name localhost; $server\n"
        . 'location / {' . gateway_location(location => $lines) . "}\n"
        . "$more location = /_token { internal;"
        . " proxy_pass http://broker/oauth2/token; } }\n";
}


# One letter a call: 1 passed, 0 refused
sub pattern {
    my ($place, $name, $expected, @calls) = @_;

    my $got = join '', map { ask($place, @$_)->{status} == 200 ? 1 : 0 }
        @calls;

    is($got, $expected, $name);
}


sub ask {
    my ($place, @call) = @_;

    return call(@call, port => $ports{$place});
}

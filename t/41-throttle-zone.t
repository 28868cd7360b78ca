#!/usr/bin/perl

# Callers who choose the keys of buckets neither fill the zone nor push out
# a bucket in use before idle ones; calls go on.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $BATCH = 50;
my $t = Deskgate->new();

# an upstream that is quick: nothing of what it gets is of interest
Deskgate::Gateway::configure($t, zone => '1m', http => '
    server {
        listen             127.0.0.1:8101;
        access_log         off;
        keepalive_requests 100000;

        location / {
            default_type  application/x-amz-json-1.1;
            return        200 "{}";
        }
    }
', server => 'access_log off; keepalive_requests 100000;', location => '
            deskgate_throttle rate=1000r/s burst=1 key=$arg_x;
            deskgate_throttle rate=1r/m burst=100000 key=caller;
', locations => 'location = /status { deskgate_status; }');

$t->run();

my $before = zone();
my $calls = $before->{throttle_slots} + 2000;
my ($passed, $sent) = (0, 0);
my $c = $t->connect(8080);

cmp_ok($before->{throttle_slots}, '>', 1000, 'buckets of the smallest zone');

while ($sent < $calls) {
    $c->send(join '', map { Deskgate::Connection::request_text(
        signed_call(workspaces => 'DescribeWorkspaces', {},
            target => '/?x=' . $sent++)) } 1 .. $BATCH);

    $passed += $c->answer('POST')->{status} == 200 for 1 .. $BATCH;
}

my $after = zone();

is($passed, $sent, 'more keys than the zone has buckets: every call passes');
is($after->{throttle_slots}, $before->{throttle_slots}, 'no bucket was added');
cmp_ok($after->{throttle_touched}, '<=', $after->{throttle_slots},
    'and none beyond them used');
is($after->{throttle_evictions}, 0, 'a bucket in use is not lost to idle ones');
is($after->{bytes}, $before->{bytes}, 'memory is what it was');

my ($fine, $says) = $t->check_config(Deskgate::Gateway::text(zone => '8k'));

ok(!$fine, 'a zone that is too small');
like($says, qr/check\.conf:\d+/, 'is refused where it stands');

$t->finish;


sub zone {
    return json_of(http_get('/status'))->{zone};
}

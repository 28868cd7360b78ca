#!/usr/bin/perl

# What lets records be joined and grouped: both request ids, the SDK's
# invocation id and attempt, the hash of a ClientToken; and calls in CBOR, whose
# input, answer and error are recorded like those in JSON.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new();

Deskgate::Gateway::configure($t,
    location => 'add_header X-Own $deskgate_request_id always;');

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->run();

my $HIDDEN = 'HIDDEN_DUE_TO_SECURITY_REASONS';
my $TOKEN = $t->secret('client-token-of-one-thing', except => [qr/^aws/]);
my @TYPE = (['Content-Type', 'application/x-amz-json-1.0']);
my @CBOR = (['Content-Type', 'application/cbor'],
    ['Smithy-Protocol', 'rpc-v2-cbor']);

sub gate { return $_[0]{additionalEventData}{deskgate} }
sub str { return chr(0x60 + length $_[0]) . $_[0] }
sub long { return "\x78" . chr(length $_[0]) . $_[0] }


# retries of one thing

my @records;

foreach my $attempt (1, 2) {
    $aws->behave(headers => [@TYPE, ['x-amzn-RequestId', "upstream-$attempt"]],
        body => '{"VolumeId":"vol-0123456789abcdef0"}');

    my $answer = call('workspaces-instances' => 'CreateVolume',
        { AvailabilityZone => 'us-east-1a', ClientToken => $TOKEN },
        headers => [['amz-sdk-invocation-id', 'one-invocation'],
                    ['amz-sdk-request', "attempt=$attempt; max=3"]]);
    my $record = record_of($t, $answer);

    is($answer->{status}, 200, "attempt $attempt passes");
    is($record->{requestID}, "upstream-$attempt",
        "the upstream's request id is told and recorded");
    is(gate($record)->{upstream}{requestId}, "upstream-$attempt",
        'also as its own');
    is(gate($record)->{requestId}, header($answer, 'X-Own'),
        'beside it that of the gateway');
    is(gate($record)->{attempt}, "attempt=$attempt; max=3", 'the attempt');
    push @records, $record;
}

is(gate($records[0])->{$_}, gate($records[1])->{$_}, "both have one $_")
    foreach qw/invocationId clientTokenSha256/;
is(gate($records[0])->{clientTokenSha256}, sha256_hex($TOKEN),
    'the hash is the SHA-256 of the ClientToken');
isnt(gate($records[0])->{requestId}, gate($records[1])->{requestId},
    'each has its own request id');
is($records[0]{requestParameters}{clientToken}, $HIDDEN,
    'the token itself is hidden');
is($records[0]{responseElements}{volumeId}, 'vol-0123456789abcdef0',
    'responseElements of a write');

$aws->behave();

my $r = record_of($t, call('workspaces-instances' => 'ListRegions', {}));

ok(!exists gate($r)->{clientTokenSha256}, 'no hash without a token');
like(gate($r)->{requestId}, qr/^[0-9a-f-]{36}$/, 'but an own request id');
ok(exists $r->{responseElements} && !defined $r->{responseElements},
    'responseElements of a reading call are null');


# CBOR both ways

my $input = "\xa4" . str('AvailabilityZone') . str('us-east-1b')
    . str('ClientToken') . long($TOKEN)
    . str('Encrypted') . "\xf5" . str('SizeInGB') . "\x18\x40";

$aws->behave(headers => [@CBOR, ['x-amzn-RequestId', 'id-of-cbor']],
    body => "\xbf" . str('VolumeId') . str('vol-0123456789abcdef')
            . str('Newer') . "\x82\x01\x02\xff");

my $answer = http_request(form_request('cbor', operation => 'CreateVolume',
    body => $input));

is($answer->{status}, 200, 'a call in CBOR');
is($answer->{body}, "\xbf" . str('VolumeId') . str('vol-0123456789abcdef')
    . str('Newer') . "\x82\x01\x02\xff", 'its answer is unchanged');
is((($aws->requests)[-1])->{body}, $input, 'its body is sent as it came');
is((($aws->requests)[-1])->{verdict}, 'ok', 'and signed');

$r = record_of($t, $answer);
is_deeply($r->{requestParameters}, { availabilityZone => 'us-east-1b',
    clientToken => $HIDDEN, encrypted => JSON::PP::true, sizeInGB => 64 },
    'requestParameters of CBOR');
is($r->{responseElements}{volumeId}, 'vol-0123456789abcdef',
    'responseElements of CBOR');
unlike(JSON::PP->new->encode($r->{responseElements}), qr/\[1,2\]/,
    'what the model does not know of them is hidden');
is($r->{requestID}, 'id-of-cbor', 'its request id');
is(gate($r)->{protocol}, 'rpcv2Cbor', 'its protocol');
is(gate($r)->{clientTokenSha256}, sha256_hex($TOKEN),
    'the same ClientToken has the same hash in CBOR');

$aws->behave(status => 400, headers => [@CBOR], body => "\xa2"
    . str('__type') . long('com.amazonaws.workspacesinstances'
                           . '#ConflictException')
    . str('message') . str('already there'));

$answer = http_request(form_request('cbor', operation => 'CreateVolume',
    body => "\xa1" . str('AvailabilityZone') . str('us-east-1c')));
$r = record_of($t, $answer);

is($answer->{status}, 400, 'an error in CBOR passes');
is($r->{errorCode}, 'ConflictException', 'its code is recorded');
is($r->{errorMessage}, 'already there', 'and its message');
ok(exists $r->{responseElements} && !defined $r->{responseElements},
    'it has no responseElements');

$aws->behave(status => 500, headers => [@TYPE],
    body => '{"__type":"InternalServerException","message":"out of order"}');

$r = record_of($t, call('workspaces-instances' => 'CreateVolume',
    { AvailabilityZone => 'us-east-1d' }));

is($r->{errorCode}, 'InternalServerException', 'an error in JSON: code');
is($r->{errorMessage}, 'out of order', 'and message');

$t->finish;

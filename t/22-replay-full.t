#!/usr/bin/perl

# A table of seen signatures with no place left refuses writes and forgets
# nothing; reads pass on.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $BATCH = 50;
my $MOST = 20000;
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
', server => 'access_log off; keepalive_requests 100000;',
    locations => 'location = /status { deskgate_status; }');

$t->run();

my %first = write_call(0);

is(http_request(%first)->{status}, 200, 'a write');

my $c = $t->connect(8080);
my ($n, %answers) = (0);

while (!$answers{503} && $n < $MOST) {
    $c->send(join '', map { Deskgate::Connection::request_text(
        write_call(++$n)) } 1 .. $BATCH);

    for (1 .. $BATCH) {
        my $answer = $c->answer('POST') or last;

        $answers{$answer->{status}}++;
    }
}

cmp_ok($answers{200} || 0, '>', 1000, 'many writes pass');
cmp_ok($answers{503} || 0, '>', 0, 'until the table is full');
is(join(',', sort keys %answers), '200,503', 'nothing else is answered');

my ($full) = grep { $_->{status} == 503 } map { http_request(write_call(++$n)) }
    1 .. 500;

is(refusal_of($t, $full), 'replay_store_full', 'the refusal');
is(error_type($full), 'ServiceUnavailable', 'an exception that is retried');
cmp_ok(header($full, 'Retry-After'), '>', 0, 'Retry-After');
is(refusal_of($t, http_request(%first)), 'signature_replayed',
    'the first signature is still known');
is(call(workspaces => 'DescribeWorkspaces', {})->{status}, 200, 'reads pass');

$t->finish;


sub write_call {
    my ($number) = @_;

    return signed_call(workspaces => 'CreateTags', {
        ResourceId => 'ws-12345678',
        Tags       => [{ Key => 'n', Value => "$number" }] });
}

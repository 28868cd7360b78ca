#!/usr/bin/perl

# Bodies, types and paths that no client should send, in each protocol: each
# gets the service's exception in the protocol's own form, and one record;
# none is forwarded.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw/time/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new();

Deskgate::Gateway::configure($t, server => 'client_max_body_size 4m;');

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my @json = qw/aws-json-1.1 aws-json-1.0 rest-json broker/;
my $SECONDS = $ENV{DESKGATE_ASAN} ? 20 : 4;

sub str { return chr(0x60 + length $_[0]) . $_[0] }


# JSON

my %malformed = (
    'cut in a name'              => '{"Limi',
    'cut in a value'             => '{"Limit":1',
    'cut in an escape'           => '{"Limit":"\u00',
    'nothing but blanks'         => '   ',
    'text behind it'             => '{}{}',
    'no JSON at all'             => 'Action=TerminateWorkspaces&Version=1',
    'an XML document'            => '<?xml version="1.0"?><a/>',
    'a name twice'               => '{"Limit":1,"Limit":2}',
    'a name twice, once escaped' => '{"Limit":1,"L\u0069mit":2}',
    'a name twice, far inside'   => '{"a":[{"b":{"c":1,"c":1}}]}',
    'NUL in a name'              => '{"Limit\u0000":1}',
    'invalid UTF-8'              => qq({"a":"\xff\xfe"}),
    'overlong UTF-8'             => qq({"a":"\xc0\xaf"}),
    'an encoded surrogate'       => qq({"a":"\xed\xa0\x80"}),
    'a lone surrogate'           => '{"a":"\ud800"}',
    'UTF-8 that is cut'          => qq({"a":"\xe2\x82"}),
    'UTF-16'                     => "\xff\xfe{\0}\0",
    'a byte order mark'          => "\xef\xbb\xbf{}",
    'a comma too many'           => '{"Limit":1,}',
    'a comment'                  => '{/* */}',
    'NaN'                        => '{"Limit":NaN}',
    'a string as the body'       => '"x"',
    'a number as the body'       => '1',
    'null as the body'           => 'null',
);

foreach my $form (@json) {
    foreach my $name (sort keys %malformed) {
        # the readers are the same: two forms have all
        next if $form =~ /1\.0|rest/ && $name !~ /^cut|twice|UTF-8/;

        refused($form, $name, $malformed{$name}, 400,
            'SerializationException', 'body_malformed');
    }

    # the broker's own form
    refused($form, 'a list as the body', '[1]', 400,
        'SerializationException', 'body_malformed') if $form ne 'broker';

    my $start = time;

    refused($form, 'lists in lists', '{"a":' . '[' x 100_000, 413,
        'RequestEntityTooLargeException', 'body_limit');
    refused($form, 'objects in objects', '{"a":' x 1000, 413,
        'RequestEntityTooLargeException', 'body_limit');
    refused($form, 'very many values', '{"a":[' . '0,' x 250_000 . '0]}', 413,
        'RequestEntityTooLargeException', 'body_limit');
    refused($form, 'very many names',
        '{' . join(',', map { "\"n$_\":1" } 1 .. 5000) . '}', 413,
        'RequestEntityTooLargeException', 'body_limit');
    refused($form, 'a huge string', '{"NextToken":"' . 'x' x 3_000_000
        . '"}', 413, 'RequestEntityTooLargeException', 'body_limit')
        if $form =~ /1\.1/;
    cmp_ok(time - $start, '<', $SECONDS, "$form: all of them in no time");
}


# CBOR

my %bad_cbor = (
    'cut in a head'            => "\xb9\x00",
    'cut in a text'            => "\xa1\x6aNext",
    'an endless map'           => "\xbf",
    'an endless list'          => "\xa1" . str('a') . "\x9f\x01",
    'an endless text'          => "\xa1" . str('NextToken') . "\x7f\x61a",
    'a break out of place'     => "\xa1" . str('a') . "\xff",
    'a break for a value'      => "\xbf" . str('a') . "\xff",
    'bytes behind it'          => "\xa0\xa0",
    'a reserved length'        => "\xbc",
    'a name twice'             => "\xa2" . (str('MaxResults') . "\x01") x 2,
    'a name that is a number'  => "\xa1\x01\x01",
    'a name of bytes'          => "\xa1\x41a\x01",
    'invalid UTF-8'            => "\xa1" . str('a') . "\x62\xff\xfe",
    'chunks of another kind'   => "\xa1" . str('NextToken') . "\x7f\x41a\xff",
    'a chunk without end'      => "\xa1" . str('NextToken') . "\x7f\x7f\x61a\xff",
    'a text as the body'       => str('abc'),
    'a list as the body'       => "\x80",
    'JSON'                     => '{}',
);

my %counts = (
    'a map of 2^64 - 1 names'  => "\xbb" . "\xff" x 8,
    'a list of 2^64 - 1 items' => "\xa1" . str('a') . "\x9b" . "\xff" x 8,
    'a text of 2^64 - 1 bytes' => "\xa1" . str('a') . "\x7b" . "\xff" x 8,
    'bytes of 2^63 bytes'      => "\xa1" . str('a') . "\x5b\x80" . "\0" x 7,
    'a list of 2^32 - 1 items' => "\xa1" . str('a') . "\x9a" . "\xff" x 4
                                  . "\x01" x 100,
);

foreach my $name (sort keys %bad_cbor) {
    refused('cbor', $name, $bad_cbor{$name}, 400, 'SerializationException',
        'body_malformed');
}

my $start = time;

foreach my $name (sort keys %counts) {
    refused('cbor', $name, $counts{$name}, undef,
        qr/^(SerializationException|RequestEntityTooLargeException)$/,
        qr/^body_(malformed|limit)$/);
}

refused('cbor', 'lists in lists', "\xa1" . str('a') . "\x81" x 100_000, 413,
    'RequestEntityTooLargeException', 'body_limit');
refused('cbor', 'endless lists in lists', "\xa1" . str('a') . "\x9f" x 1000,
    413, 'RequestEntityTooLargeException', 'body_limit');
refused('cbor', 'tags in tags', "\xa1" . str('a') . "\xc1" x 1000 . "\x01",
    undef, qr/./, qr/^body_(malformed|limit)$/);
cmp_ok(time - $start, '<', $SECONDS, 'cbor: all of them in no time');

refused('cbor', 'what breaks a constraint', "\xa1" . str('MaxResults')
    . "\x19\xff\xff", 400, 'ValidationException', 'body_invalid');
refused('cbor', 'an unknown member', "\xa1" . str('New') . "\xf5", 400,
    'ValidationException', 'body_invalid');

my %fine = (
    'a map of indefinite length'   => "\xbf" . str('MaxResults') . "\x05\xff",
    'a text in chunks'             => "\xa1" . str('NextToken')
                                      . "\x7f\x61a\x62bc\xff",
    'a name in chunks'             => "\xa1\x7f\x63Max\x67Results\xff\x05",
    'a length longer than need be' => "\xb9\x00\x01" . str('MaxResults')
                                      . "\x1b" . "\0" x 7 . "\x05",
    'undefined for null'           => "\xa1" . str('NextToken') . "\xf7",
);

foreach my $name (sort keys %fine) {
    is(http_request(form_request('cbor', body => $fine{$name}))->{status}, 200,
        "cbor: $name passes");
}


# types and encodings

my %types = (
    'aws-json-1.1' => 'application/x-amz-json-1.1; charset=utf-8',
    'aws-json-1.0' => 'application/x-amz-json-1.1',
    'rest-json'    => 'application/json;charset=UTF-8',
    'broker'       => 'Application/JSON; charset="utf-8"',
    'cbor'         => 'application/cbor',
);

foreach my $form (@json, 'cbor') {
    foreach my $type ('text/plain', 'application/x-www-form-urlencoded',
        'application/xml', $form eq 'cbor' ? 'application/json'
                                           : 'application/cbor',
        "$types{$form}; charset=utf-16", undef)
    {
        refused_request($form, 'type ' . ($type || 'none'),
            { typed($form, $type) }, status_of($form, 415),
            'UnsupportedMediaTypeException', 'content_type');
    }

    is(http_request(typed($form, $types{$form}))->{status}, 200,
        "$form: $types{$form} passes");

    foreach my $encoding ('gzip', 'deflate', 'aws-chunked') {
        refused_request($form, "encoding $encoding", { form_request($form,
            headers => [['Content-Encoding', $encoding]]) },
            status_of($form, 415), 'UnsupportedMediaTypeException',
            'content_encoding');
    }

    is(http_request(form_request($form, headers => [['Content-Encoding',
        'identity']]))->{status}, 200, "$form: encoding identity passes");
}

is(http_request(signed_call('dcv-session-manager' => 'x', '', method => 'GET',
    target => '/sessionConnectionData/s1/alice'))->{status}, 200,
    'no body needs no type');


# what could be another call

my @smithy = (['Smithy-Protocol', 'rpc-v2-cbor']);
my $rpc = '/service/EUCMIFrontendAPIService/operation/';

refused_request('aws-json-1.1', 'an operation of another service',
    { form_request('aws-json-1.1', operation => 'ListRegions') }, 404,
    'UnknownOperationException', 'unknown_operation');
refused_request('aws-json-1.0', 'a scope of another service',
    { signed_call('workspaces-instances', 'ListRegions', {},
      service => 'workspaces') }, 400, 'InvalidSignatureException',
    'scope_service');
refused_request('aws-json-1.0', 'a target on an rpc-v2 path',
    { form_request('aws-json-1.0', target => $rpc . 'ListRegions') }, 400,
    'MalformedHttpRequestException', 'ambiguous_operation');
refused_request('aws-json-1.0', 'a target with Smithy-Protocol',
    { form_request('aws-json-1.0', headers => \@smithy) }, 400,
    'MalformedHttpRequestException', 'ambiguous_operation');
refused_request('cbor', 'a target beside the path',
    { form_request('cbor', headers => [['X-Amz-Target',
      'EUCMIFrontendAPIService.ListRegions']]) }, 400,
    'MalformedHttpRequestException', 'ambiguous_operation');
refused_request('cbor', 'an operation that is none',
    { form_request('cbor', operation => 'ListNothing') }, 404,
    'UnknownOperationException', 'unknown_operation');
refused_request('cbor', 'an escaped operation',
    { form_request('cbor', operation => 'List%52egions') }, 400,
    'MalformedHttpRequestException', 'ambiguous_operation');
refused_request('rest-json', 'an escaped slash', { signed_call(
    'ssm-guiconnect', 'x', {}, target =>
    '/GetConnectionRecordingPreferences%2F') }, 404,
    'UnknownOperationException', 'unknown_operation');

foreach my $path ('a%2Fb/alice', 's1/a%2fb', 'a%252Fb/alice', 's1/%2e%2e',
    's1/a%2500')
{
    refused_request('broker', "/$path", { signed_call('dcv-session-manager',
        'x', '', method => 'GET', target => "/sessionConnectionData/$path") },
        400, 'MalformedHttpRequestException', 'path_not_plain');
}

$t->finish;


sub refused {
    my ($form, $name, $body, @want) = @_;

    return refused_request($form, $name, { form_request($form,
        body => $body) }, @want);
}


sub refused_request {
    my ($form, $name, $request, $status, $type, $refusal) = @_;

    my $calls = $aws->count + $broker->api_calls;
    my $answer = http_request(%$request);

    # one of several that mean the same
    if (ref $refusal) {
        my $is = refusal_of($t, $answer);

        like($is, $refusal, "$form: $name: refused");
        like(error_type($answer) || '', $type, "$form: $name: exception")
            if $form ne 'cbor';

    } else {
        refusal_is($t, $answer, $form, $name, status => $status,
            type => $type, refusal => $refusal);
    }

    is($aws->count + $broker->api_calls, $calls,
        "$form: $name: nothing was sent");
}


# A call of the form with another Content-Type, or with none
sub typed {
    my ($form, $type) = @_;

    my %request = form_request($form, unsigned => 1);
    my ($service) = $form eq 'aws-json-1.1' ? 'workspaces'
        : $form eq 'rest-json' ? 'ssm-guiconnect'
        : $form eq 'broker' ? 'dcv-session-manager' : 'workspaces-instances';

    $request{headers} = [grep { $_->[0] ne 'Content-Type' }
        @{$request{headers}}];
    push @{$request{headers}}, ['Content-Type', $type] if defined $type;

    $request{headers} = Deskgate::SigV4::sign(%request, %ALICE,
        region => 'us-east-1', service => $service);

    return %request;
}


# AWS's services give 400 where the broker gives the plain status
sub status_of {
    my ($form, $status) = @_;

    return $form eq 'broker' ? $status : 400;
}

package Deskgate::Refusal;

# What every refusal has to be, whoever refuses and in whichever form.
#
#   refusal_is($t, $answer, 'aws-json-1.1', 'over HTTP/2',
#       status => 403, type => 'AccessDeniedException',
#       refusal => 'denied_explicit');
#
# Forms: aws-json-1.0, aws-json-1.1, cbor, rest-json, broker.

use warnings;
use strict;

use Exporter 'import';
use JSON::PP;
use POSIX qw/strftime/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::SigV4;

our @EXPORT = qw/refusal_is form_request over_http2 records_of_id/;

my $ATTEMPTS = 100;
my $HTTP2_STREAM_ERROR = 92;  # of curl

my %TYPES = (
    'aws-json-1.0' => 'application/x-amz-json-1.0',
    'aws-json-1.1' => 'application/x-amz-json-1.1',
    'cbor'         => 'application/cbor',
    'rest-json'    => 'application/json',
    'broker'       => 'application/json',
);

# a reading operation of each form, and its service
my %READS = (
    'aws-json-1.0' => ['workspaces-instances', 'ListRegions'],
    'aws-json-1.1' => ['workspaces', 'DescribeWorkspaces'],
    'cbor'         => ['workspaces-instances', 'ListRegions'],
    'rest-json'    => ['ssm-guiconnect', 'GetConnectionRecordingPreferences'],
    'broker'       => ['dcv-session-manager', 'DescribeServers'],
);


# A call of the form, signed unless "unsigned"; operation and body may be given
sub form_request {
    my ($form, %opt) = @_;

    my ($service, $operation) = @{$READS{$form}};

    $operation = $opt{operation} if $opt{operation};

    my %request = operation_request($service, $operation,
        defined $opt{body} ? $opt{body} : '{}', %opt);

    if ($form eq 'cbor') {
        $request{target} = '/service/EUCMIFrontendAPIService/operation/'
            . $operation;
        $request{body} = defined $opt{body} ? $opt{body} : "\xa0";
        $request{headers} = [['Host', 'localhost'],
            ['Content-Type', 'application/cbor'],
            ['Smithy-Protocol', 'rpc-v2-cbor'], @{$opt{headers} || []}];
    }

    return %request if $opt{unsigned};

    $request{headers} = Deskgate::SigV4::sign(%request,
        %{$opt{as} || \%ALICE}, region => 'us-east-1', service => $service);

    return %request;
}


# The same request over HTTP/2
sub over_http2 {
    my ($t, $number, %request) = @_;

    my @headers = map { ('-H', "$_->[0]: $_->[1]") } @{$request{headers}};
    my @body;

    if (length $request{body}) {
        my $file = $t->write_file('http2.body', $request{body});

        @body = ('--data-binary', "\@$file");
    }

    my @method = $request{method} eq 'HEAD' ? ('-I') : ('-X', $request{method});

    my @command = ('--http2-prior-knowledge', '--path-as-is', @method,
        @headers, @body,
        'http://127.0.0.1:' . port($number) . $request{target});
    my $answer;

    # An early answer ends its stream with NO_ERROR (RFC 9113 section 8.1);
    # curl 7.88 drops such an answer when it was still sending.
    for (1 .. $ATTEMPTS) {
        $answer = $t->curl(@command);
        last if $answer->{exit} != $HTTP2_STREAM_ERROR;
    }

    return $answer;
}


sub records_of_id {
    my ($t, $id, $folder) = @_;

    $t->wait_for(sub {
        grep { ($_->{requestID} || '') eq $id } $t->records($folder, $id);
    }, 5);

    # a second one would come with the next flush
    select undef, undef, undef, 0.06;

    return grep { ($_->{requestID} || '') eq $id } $t->records($folder, $id);
}


sub refusal_is {
    my ($t, $answer, $form, $where, %want) = @_;

    my $name = "$form $want{status} $where";

    is($answer->{status}, $want{status}, "$name: status");
    is(header($answer, 'Content-Type'), $TYPES{$form}, "$name: media type");
    unlike($answer->{body}, qr/<\s*(html|body|center)|nginx/i,
        "$name: no page of nginx");
    date_is_now($answer, $name);
    body_is($answer, $form, $name, %want);

    my @ids = header($answer, 'x-amzn-RequestId');

    is(scalar @ids, 1, "$name: one request id");

    return if !@ids;

    like($ids[0], qr/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
        "$name: it is a UUID");

    my @records = records_of_id($t, $ids[0]);

    is(scalar @records, 1, "$name: one record has it");

    my $record = $records[0] or return;

    is($record->{additionalEventData}{deskgate}{refusal}, $want{refusal},
        "$name: refusal in the record") if $want{refusal};
    is($record->{additionalEventData}{deskgate}{status}, $want{status},
        "$name: status in the record");
    is($record->{errorCode}, $want{type}, "$name: error code in the record");

    return $record;
}


sub date_is_now {
    my ($answer, $name) = @_;

    my @dates = header($answer, 'Date');
    my %near = map { strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $_))
        => 1 } -20 .. 2;

    ok(@dates == 1 && $near{$dates[0]}, "$name: one Date, which is now");
}


sub body_is {
    my ($answer, $form, $name, %want) = @_;

    return if $want{no_body};

    if ($form eq 'cbor') {
        is(header($answer, 'smithy-protocol'), 'rpc-v2-cbor',
            "$name: Smithy-Protocol");
        like($answer->{body}, qr/\x66?__type.*\Q$want{type}\E/s,
            "$name: __type in CBOR");
        like($answer->{body}, qr/^[\xa0-\xbf]/, "$name: a CBOR map");
        return;
    }

    my $json = json_of($answer);

    is(ref $json, 'HASH', "$name: body is JSON");

    if ($form eq 'rest-json') {
        like(header($answer, 'x-amzn-ErrorType') || '',
            qr/^\Q$want{type}\E(:|$)/, "$name: X-Amzn-ErrorType");

    } elsif ($form ne 'broker') {
        like($json->{__type}, qr/^([\w.]+#)?\Q$want{type}\E$/,
            "$name: __type");
    }

    ok(length($json->{message} || $json->{Message} || $json->{error} || ''),
        "$name: a message");
}

1;

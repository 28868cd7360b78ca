package Judge;

# What a client said of a case, against the records that it left and what the
# sandbox holds.
#
#   my $why = Judge::of($line, \@records, $held);    undef: as it should be

use warnings;
use strict;

use JSON::PP;

# case => error code, refusal, which operation
my %REFUSED = (
    'unknown-key'       => ['UnrecognizedClientException', 'key_unknown',
        'read'],
    'bad-signature'     => ['InvalidSignatureException', 'signature_mismatch',
        'read'],
    'denied'            => ['AccessDeniedException', 'denied_explicit',
        'denied'],
    'validation'        => ['ValidationException', 'body_invalid',
        'invalid'],
    'throttled'         => ['ThrottlingException', 'throttled', 'read'],
    'unknown-operation' => ['UnknownOperationException', 'unknown_operation',
        'read'],
);

my %OPERATIONS = (
    'workspaces'           => {
        call    => 'DescribeWorkspaces',
        read    => 'DescribeWorkspaces',
        denied  => 'RebuildWorkspaces',
        invalid => 'DescribeWorkspaces' },
    'workspaces-instances' => {
        call    => 'GetWorkspaceInstance',
        read    => 'ListWorkspaceInstances',
        denied  => 'DeleteWorkspaceInstance',
        invalid => 'GetWorkspaceInstance' },
    'ssm-guiconnect'       => {
        call    => 'GetConnectionRecordingPreferences',
        read    => 'UpdateConnectionRecordingPreferences',
        denied  => 'DeleteConnectionRecordingPreferences',
        invalid => 'UpdateConnectionRecordingPreferences' },
);

# a class of no modelled error
my $GENERIC = qr/^(ClientError|GenericAPIError|Unhandled|\w+ServiceException
    |WorkSpacesException|WorkspacesInstancesException|SsmGuiConnectException)$
    /x;

my %TEXTS = (
    ahead60  => [qr/^Signature expired: /, 'signature_expired'],
    behind60 => [qr/^Signature not yet current: /, 'signature_early'],
);

my (%models, %corrects, $root);


# Where the models are, and which SDKs correct their clock
sub configure {
    ($root, %corrects) = @_;
}


# The cases of a table, in its order
sub cases {
    return (qw/call unknown-key bad-signature denied validation
        unknown-operation throttled retry ahead10 ahead60 behind60/);
}


sub of {
    my ($sdk, $line, $records, $held) = @_;

    my $case = $line->{case};

    return $line->{fault} if defined $line->{fault};
    return 'no request id' if !$line->{requestId};

    my @found = grep { ($_->{requestID} || '') eq $line->{requestId} }
        @$records;

    return scalar @found . " records of $line->{requestId}" if @found != 1;

    my $record = $found[0];
    my $why = recorded($line, $record);

    return $why if defined $why;
    return refused($line, $record) if $REFUSED{$case};
    return held($line, $held) if $case eq 'call';
    return retried($line, $record, $records, 'throttled') if $case eq 'retry';
    return once($line) if $case eq 'ahead10';

    return clock($sdk, $line, $record, $records);
}


# What holds for each record: the same outcome, call and protocol
sub recorded {
    my ($line, $record) = @_;

    my $service = $line->{service} =~ s/ .*//r;
    my $case = $REFUSED{$line->{case}};
    my $want = $line->{case} eq 'call' ? 'call' : $case ? $case->[2] : 'read';
    my $gate = $record->{additionalEventData}{deskgate};
    my $code = $line->{error} ? $line->{error}{code} : '';
    my $status = $line->{error} ? $line->{error}{status} : 200;

    return "the record has status $gate->{status}, not $status"
        if $gate->{status} != $status;
    return "the record's errorCode is not $code"
        if ($record->{errorCode} || '') ne $code;

    # what nobody knows has no name
    return undef if $line->{case} eq 'unknown-operation';

    return "the record's eventName is $record->{eventName}"
        if $record->{eventName} ne $OPERATIONS{$service}{$want};
    return "the protocol was $gate->{protocol}"
        if ($gate->{protocol} eq 'rpcv2Cbor') != ($line->{cbor} || 0);

    return undef;
}


sub refused {
    my ($line, $record) = @_;

    my ($code, $refusal, $which) = @{$REFUSED{$line->{case}}};
    my $error = $line->{error};
    my $got = $record->{additionalEventData}{deskgate}{refusal} || '';

    return "it succeeded" if !$error;
    return "the code is $error->{code}" if $error->{code} ne $code;
    return "the refusal is $got" if $got ne $refusal;
    return "no message" if !length($error->{message} || '');

    return class($line, $code, $which);
}


# The error's own class where the model gives it to the operation
sub class {
    my ($line, $code, $which) = @_;

    my $service = $line->{service} =~ s/ .*//r;
    my $operation = $OPERATIONS{$service}{$which};
    my $class = $line->{error}{class};

    $models{$service} ||= JSON::PP::decode_json(do {
        open my $in, '<:raw', "$root/src/models/$service.json" or die "$!\n";
        local $/;
        <$in>;
    });

    my $has = grep { $_->{shape} eq $code }
        @{$models{$service}{operations}{$operation}{errors} || []};

    return undef if $class eq $code || !$has && $class =~ $GENERIC;

    return "the class is $class";
}


# The parsed answer is what the sandbox tells without us
sub held {
    my ($line, $held) = @_;

    return "it failed: $line->{error}{code} $line->{error}{message}"
        if $line->{error};

    # an older client knows fewer members
    my %same = map { $_ => $held->{$_} } keys %{$line->{answer}};
    my ($is, $want) = map { JSON::PP->new->canonical->encode($_) }
        $line->{answer}, \%same;

    return $is eq $want && keys %same >= 3 ? undef
        : "the answer is $is, the sandbox has $want";
}


sub once {
    my ($line) = @_;

    return "it failed: $line->{error}{code} $line->{error}{message}"
        if $line->{error};

    return $line->{attempts} == 1 ? undef : "$line->{attempts} attempts";
}


# An attempt was refused, a later one of the same call succeeded
sub retried {
    my ($line, $record, $records, $refusal) = @_;

    my $gate = $record->{additionalEventData}{deskgate};

    return "it failed: $line->{error}{code} $line->{error}{message}"
        if $line->{error};
    return "it was not retried" if $line->{attempts} < 2;
    return "the record has no invocation id"
        if !$gate->{invocationId} && !$line->{requestIds};

    my %ids = map { $_ => 1 } @{$line->{requestIds} || []};
    my @others = grep { ($_->{refusal} || '') eq $refusal }
        map { $_->{additionalEventData}{deskgate} }
        grep { %ids ? $ids{$_->{requestID} || ''}
            : ($_->{additionalEventData}{deskgate}{invocationId} || '')
                eq $gate->{invocationId} } @$records;

    return @others == $line->{attempts} - 1 ? undef
        : @others . " attempts were refused with $refusal";
}


# An hour away: the SDK tries again with the Date of the answer, or tells why
sub clock {
    my ($sdk, $line, $record, $records) = @_;

    my ($text, $refusal) = @{$TEXTS{$line->{case}}};

    return retried($line, $record, $records, $refusal) if $corrects{$sdk};

    return "it succeeded: this SDK corrects its clock now" if !$line->{error};
    return "the code is $line->{error}{code}"
        if $line->{error}{code} ne 'InvalidSignatureException';

    return $line->{error}{message} =~ $text ? undef
        : "the message is: $line->{error}{message}";
}


1;

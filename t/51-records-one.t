#!/usr/bin/perl

# One record a call, whatever became of it, and what stands in it.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new()->need('curl', 'openssl');

my $deny = { Effect => 'Deny', Principal => '*', Resource => '*',
    Action => 'workspaces:RebuildWorkspaces' };

system('openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost '
    . '-keyout ' . $t->testdir . '/tls.key -out ' . $t->testdir
    . '/tls.crt >/dev/null 2>&1') == 0 or die 'openssl';

my @keys = (Deskgate::Gateway::usual_keys(),
    Deskgate::Gateway::key({ access_key => 'ASIAROLE',
        secret_key => 'secret-of-a-role-05' },
        principal => "arn:aws:sts::${ACCOUNT}:assumed-role/Ops/night",
        user_id => 'AROAEXAMPLE:night', session_token => 'token-of-a-role-06'));

$t->secret('secret-of-a-role-05');
$t->secret('token-of-a-role-06');

Deskgate::Gateway::configure($t, keys => \@keys, server => <<'EOF_CONF',
        listen               127.0.0.1:8082 ssl;
        ssl_certificate      tls.crt;
        ssl_certificate_key  tls.key;
        client_max_body_size 1m;
EOF_CONF
    statements => [allow_all(), $deny]);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

# Runs code and returns the one record that it left
sub left {
    my ($what, $code) = @_;

    my $before = $t->record_lines;

    $code->();

    $t->wait_for(sub { $t->record_lines > $before }, 8);
    sleep 0.1;

    my @records = $t->records;
    my @new = @records[$before .. $#records];

    is(scalar @new, 1, "$what: one record");

    return $new[0] || {};
}

sub gate { return $_[0]{additionalEventData}{deskgate} }

# a call that was allowed

my $answer;
my $r = left('allowed', sub {
    $answer = call(workspaces => 'DescribeWorkspaces',
        { DirectoryId => 'd-926715c0de', Limit => 5 }, headers => [
        ['User-Agent', 'aws-cli/2'], ['amz-sdk-invocation-id', 'abc-def'],
        ['amz-sdk-request', 'attempt=2; max=3']]);
});

is($answer->{status}, 200, 'allowed: it is');
is($r->{eventVersion}, '1.11', 'eventVersion');
like($r->{eventTime}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'eventTime');
is($r->{eventSource}, 'workspaces.amazonaws.com', 'eventSource');
is($r->{eventName}, 'DescribeWorkspaces', 'eventName');
is($r->{awsRegion}, 'us-east-1', 'awsRegion');
is($r->{sourceIPAddress}, '127.0.0.1', 'sourceIPAddress');
is($r->{userAgent}, 'aws-cli/2', 'userAgent');
is($r->{eventType}, 'AwsApiCall', 'eventType');
is($r->{eventCategory}, 'Management', 'eventCategory');
is($r->{recipientAccountId}, $ACCOUNT, 'recipientAccountId');
is($r->{apiVersion}, '2015-04-08', 'apiVersion');
like($r->{eventID}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/, 'eventID');
is($r->{requestID}, header($answer, 'x-amzn-RequestId'), 'requestID is told');
ok(JSON::PP::is_bool($r->{readOnly}) && $r->{readOnly}, 'readOnly is true');
ok(JSON::PP::is_bool($r->{managementEvent}), 'managementEvent is a boolean');
is_deeply($r->{requestParameters},
    { directoryId => 'd-926715c0de', limit => 5 }, 'requestParameters');
ok(exists $r->{responseElements} && !defined $r->{responseElements},
    'responseElements of a reading call are null');
ok(!exists $r->{errorCode} && !exists $r->{errorMessage}, 'no error');
ok(!exists $r->{tlsDetails}, 'no tlsDetails without TLS');
is($r->{userIdentity}{type}, 'IAMUser', 'type of a user');
is($r->{userIdentity}{userName}, 'alice', 'userName');
is($r->{userIdentity}{arn}, "arn:aws:iam::${ACCOUNT}:user/alice", 'arn');
is($r->{userIdentity}{accountId}, $ACCOUNT, 'accountId');
is($r->{userIdentity}{accessKeyId}, 'AKIDALICE', 'accessKeyId');
ok(!exists gate($r)->{claimed}, 'nothing is only claimed');
is(gate($r)->{credential}, 'AKIDEGRESS', 'the credential upstream');
is(gate($r)->{upstream}{status}, 200, 'the upstream status');
is(gate($r)->{decision}, 'allowed', 'the decision');
is(gate($r)->{invocationId}, 'abc-def', 'the invocation id');

$r = left('no input', sub { call(workspaces => 'DescribeAccount', {}) });
ok(exists $r->{requestParameters} && !defined $r->{requestParameters},
    'requestParameters without input are null');

# a role's session

$r = left('a role', sub {
    call(workspaces => 'DescribeAccount', {}, as => { access_key => 'ASIAROLE',
        secret_key => 'secret-of-a-role-05' },
        session_token => 'token-of-a-role-06') });

is($r->{userIdentity}{type}, 'AssumedRole', 'type of a session');
is($r->{userIdentity}{principalId}, 'AROAEXAMPLE:night', 'its principalId');
ok(!exists $r->{userIdentity}{userName}, 'it has no userName');
is($r->{userIdentity}{sessionContext}{sessionIssuer}{userName}, 'Ops',
    'its sessionIssuer');

# a call that writes

$aws->behave(body => '{"FailedRequests":[],"PendingRequests":[{"WorkspaceId":'
    . '"ws-1","State":"PENDING","UserName":"u"}]}', headers => [
    ['Content-Type', 'application/x-amz-json-1.1'],
    ['x-amzn-RequestId', 'own-id-of-aws']]);

$r = left('a write', sub {
    $answer = call(workspaces => 'CreateWorkspaces', { Workspaces => [{
        DirectoryId => 'd-926715c0de', UserName => 'alice',
        BundleId => 'wsb-0zsvgp8fc', VolumeEncryptionKey => 'k' }] });
});

is($answer->{status}, 200, 'a write passes');
is($r->{responseElements}{pendingRequests}[0]{workspaceId}, 'ws-1',
    'responseElements of a write');
is($r->{requestParameters}{workspaces}[0]{bundleId}, 'wsb-0zsvgp8fc',
    'names in lists are in lowerCamelCase too');
ok(JSON::PP::is_bool($r->{readOnly}) && !$r->{readOnly}, 'readOnly is false');
is($r->{requestID}, 'own-id-of-aws', "requestID is the upstream's");
is(header($answer, 'x-amzn-RequestId'), 'own-id-of-aws', 'as was told');

$aws->behave(status => 400, body => '{"__type":"x#InvalidParameterValues'
    . 'Exception","message":"no such bundle"}', headers => [
    ['Content-Type', 'application/x-amz-json-1.1']]);

$r = left('a failed write', sub {
    call(workspaces => 'TerminateWorkspaces',
        { TerminateWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] }) });

is($r->{errorCode}, 'InvalidParameterValuesException', 'its errorCode');
is($r->{errorMessage}, 'no such bundle', 'its errorMessage');
ok(exists $r->{responseElements} && !defined $r->{responseElements},
    'its responseElements are null');
is(gate($r)->{upstream}{status}, 400, 'its upstream status');

# an answer in CBOR

$aws->behave(body => cbor_map(VolumeId => 'vol-7'), headers => [
    ['Content-Type', 'application/cbor'],
    ['Smithy-Protocol', 'rpc-v2-cbor']]);

$r = left('a write in CBOR', sub { create_volume('us-east-1a') });

is($r->{requestParameters}{availabilityZone}, 'us-east-1a',
    'requestParameters of a call in CBOR');
is($r->{responseElements}{volumeId}, 'vol-7', 'its responseElements');

$aws->behave(status => 400, body => cbor_map(__type =>
    'x#ServiceQuotaExceededException', Message => 'no more'), headers => [
    ['Content-Type', 'application/cbor'],
    ['Smithy-Protocol', 'rpc-v2-cbor']]);

$r = left('a failed write in CBOR', sub { create_volume('us-east-1b') });

is($r->{errorCode}, 'ServiceQuotaExceededException', 'its errorCode');
is($r->{errorMessage}, 'no more', 'its errorMessage');
$aws->behave();

# TLS

$r = left('over TLS', sub {
    my %q = signed_call(workspaces => 'DescribeAccount', {});
    $t->curl('-k', '-X', 'POST', (map { ('-H', "$_->[0]: $_->[1]") }
        @{$q{headers}}), '-d', $q{body}, 'https://127.0.0.1:' . port(8082) . '/')
});

like($r->{tlsDetails}{tlsVersion}, qr/^TLSv1\.[23]$/, 'tlsVersion');
like($r->{tlsDetails}{cipherSuite}, qr/^[A-Z0-9_-]+$/, 'cipherSuite');
is($r->{tlsDetails}{clientProvidedHostHeader}, 'localhost',
    'clientProvidedHostHeader');

# refused at every step

my %steps = (
    unknown_operation   => sub { call(workspaces => 'DescribeNothing', {}) },
    credentials_missing => sub { http_request(form_request('aws-json-1.1',
        unsigned => 1)) },
    key_unknown         => sub { call(workspaces => 'DescribeAccount', {},
        as => { access_key => 'AKIDMALLORY', secret_key => 'x' x 20 }) },
    signature_mismatch  => sub { call(workspaces => 'DescribeWorkspaces',
        { WorkspaceIds => ['ws-12345678'] }, as => { access_key => 'AKIDBOB',
        secret_key => 'wrong-secret-of-bob' }) },
    body_malformed      => sub { call(workspaces => 'DescribeAccount', '{') },
    denied_explicit     => sub { call(workspaces => 'RebuildWorkspaces',
        { RebuildWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] }) },
    body_too_large      => sub { call(workspaces => 'DescribeAccount',
        '{"a":"' . 'x' x 1_100_000 . '"}') },
    bad_request         => sub { http("GET / HTTP/1.1\r\n\r\n") },
);

foreach my $refusal (sort keys %steps) {
    $r = left($refusal, $steps{$refusal});

    is(gate($r)->{refusal}, $refusal, "$refusal: its name");
    is(gate($r)->{decision}, 'refused', "$refusal: the decision");
    ok(length($r->{errorCode} || ''), "$refusal: an error code");
    ok(length($r->{errorMessage} || ''), "$refusal: a message");
    ok(!gate($r)->{upstream}, "$refusal: no upstream");
    ok(exists $r->{responseElements} && !defined $r->{responseElements},
        "$refusal: no responseElements");

    if ($refusal =~ /^(denied|body_malformed)/) {
        is($r->{userIdentity}{userName}, 'alice', "$refusal: who it was");

    } else {
        is($r->{userIdentity}{type}, 'Unknown', "$refusal: nobody verified");
    }

    next if $refusal ne 'signature_mismatch';

    is(gate($r)->{claimed}{accessKeyId}, 'AKIDBOB', 'what was claimed');
    ok(!defined $r->{requestParameters}, 'no parameters of the unverified');
    is($r->{userIdentity}{arn}, undef, 'no arn of the unverified');
}

# aborted

sub aborted {
    my ($what, $during, $code) = @_;

    my $record = left("aborted $what", $code);

    is(gate($record)->{aborted}, $during, "aborted $what: when")
        or diag explain $record;
}

my %q = signed_call(workspaces => 'DescribeAccount', '{"a":"' . 'x' x 9000
    . '"}');
my $bytes = Deskgate::Connection::request_text(%q);

aborted('while sending the body', 'request', sub {
    my $c = $t->connect(8080);

    $c->send(substr $bytes, 0, -100);
    sleep 0.1;
    $c->close;
});

$aws->behave(delay => 1);

aborted('while waiting', 'upstream', sub {
    my $c = $t->connect(8080);

    $c->send(Deskgate::Connection::request_text(
        signed_call(workspaces => 'DescribeAccount', {})));
    sleep 0.2;
    $c->close;
});

$aws->behave(chunked => 1, pieces => [('x' x 200_000) x 60]);

aborted('while receiving', 'response', sub {
    my $c = $t->connect(8080);

    $c->send(Deskgate::Connection::request_text(
        signed_call(workspaces => 'DescribeWorkspaces', {})));
    $c->fill;
    $c->close;
});

$aws->behave();

is(scalar(my @ids = do { my %s = map { $_->{eventID} => 1 } $t->records;
    keys %s }), $t->record_lines, 'every eventID is another');

$t->finish;


# Short texts only: their length is in the first byte
sub cbor_map {
    my (@pairs) = @_;

    return chr(0xa0 + @pairs / 2) . join '', map { length > 23
        ? "\x78" . chr(length) . $_ : chr(0x60 + length) . $_ } @pairs;
}


sub create_volume {
    my ($zone) = @_;

    my %request = (method => 'POST',
        target => '/service/EUCMIFrontendAPIService/operation/CreateVolume',
        body => cbor_map(AvailabilityZone => $zone),
        headers => [['Host', 'localhost'],
            ['Content-Type', 'application/cbor'],
            ['Smithy-Protocol', 'rpc-v2-cbor']]);

    return http_request(%request, headers => Deskgate::SigV4::sign(%request,
        %ALICE, region => 'us-east-1',
        service => 'workspaces-instances'));
}

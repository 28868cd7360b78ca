#!/usr/bin/perl

# Input that is newer than the model: refused, logged, or let through member by
# member; what policies and records see of it; answers are never refused for
# being newer.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();

my $HIDDEN = 'HIDDEN_DUE_TO_SECURITY_REASONS';
my $ALLOW = 'deskgate_validate on'
    . ' allow=workspaces:CreateWorkspaces/Workspaces/Zone'
    . ' allow=workspaces:CreateWorkspaces/Workspaces/WorkspaceProperties/*'
    . ' allow=workspaces:ModifyWorkspaceState/WorkspaceState'
    . ' allow=workspaces-instances:CreateVolume/*'
    . ' allow=ssm-guiconnect:*;';

Deskgate::Gateway::configure($t,
    location => $ALLOW,
    statements => [allow_all(),
        { Effect => 'Deny', Principal => '*', Action => '*', Resource => '*',
          Condition => { 'ForAnyValue:StringLike' => {
              'deskgate:UnknownMembers' => ['*Forbidden', 'VolumeType'] } } }],
    http => join '', map { server(@$_) }
        [8081, 'deskgate_validate log;'],
        [8082, 'deskgate_validate off;'],
        [8083, 'deskgate_validate log allow=workspaces:DescribeWorkspaces/*;'],
        [8084, '']);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my %WORKSPACE = (DirectoryId => 'd-926715c0de', UserName => 'alice',
    BundleId => 'wsb-0123456789');

# let through

my $answer = call(workspaces => 'CreateWorkspaces', { Workspaces => [
    { %WORKSPACE, Zone => { Name => 'a', Parts => [1, undef] } },
    { %WORKSPACE, WorkspaceProperties => { ComputeTypeName => 'HUGE',
      Turbo => JSON::PP::true } }] });

is($answer->{status}, 200, 'unknown members and an unknown value pass');
is((($aws->requests)[-1])->{verdict}, 'ok', 'signed');
like((($aws->requests)[-1])->{body}, qr/"Zone":\{.*"HUGE"/s, 'as they came');

my $record = record_of($t, $answer);
my $items = $record->{requestParameters}{workspaces};

is($items->[0]{Zone}, $HIDDEN, 'an unknown member is recorded as hidden');
is($items->[0]{userName}, 'alice', 'what is beside it is not');
is_deeply($items->[1]{workspaceProperties},
    { computeTypeName => $HIDDEN, Turbo => $HIDDEN },
    'an unknown value as well, and members inside');

passes('an enum value', workspaces => 'ModifyWorkspaceState',
    { WorkspaceId => 'ws-0123456789', WorkspaceState => 'PAUSED' });
passes('any member of an operation', 'workspaces-instances' => 'CreateVolume',
    { AvailabilityZone => 'us-east-1a', New => 1 });
passes('in CBOR, too', 'workspaces-instances' => 'CreateVolume',
    "\xa2\x70AvailabilityZone\x6aus-east-1a\x63New\x81\xf5", cbor => 1);
passes('of a service', 'ssm-guiconnect' => 'GetConnectionRecordingPreferences',
    { New => 1 });

# not let through

refused('a member of a neighbour', workspaces => 'CreateWorkspaces',
    { Workspaces => [{ %WORKSPACE, Zones => 1 }] });
refused('a value of another member', workspaces => 'ModifyWorkspaceState',
    { WorkspaceId => 'ws-0123456789', WorkspaceState => 'ADMIN_MAINTENANCE',
      New => 1 });
refused('a member of another operation', workspaces => 'DescribeWorkspaces',
    { Zone => 1 });
refused('what breaks a constraint beside', workspaces => 'CreateWorkspaces',
    { Workspaces => [{ %WORKSPACE, BundleId => 'x', Zone => 1 }] });
refused('an absent member', workspaces => 'CreateWorkspaces',
    { Workspaces => [{ UserName => 'alice', Zone => 1 }] });

# what policies see

is(error_type(call('workspaces-instances' => 'CreateVolume',
    { AvailabilityZone => 'us-east-1a', SomethingForbidden => 1 })),
    'AccessDeniedException', 'a policy denies an unknown member by its name');
is(error_type(call('workspaces-instances' => 'CreateVolume',
    { AvailabilityZone => 'us-east-1a', New => 1,
      SomethingForbidden => 1 })),
    'AccessDeniedException', 'among others');
is(error_type(call('workspaces-instances' => 'CreateVolume',
    { AvailabilityZone => 'us-east-1a', VolumeType => 'gp9' })),
    'AccessDeniedException', 'and an unknown value by its member');
is(call('workspaces-instances' => 'CreateVolume',
    { AvailabilityZone => 'us-east-1a', VolumeType => 'gp3' })->{status}, 200,
    'a known value is not unknown');

# log, off, inherited

my %new = (Limit => 99, New => 'x');

foreach ([8080, 400], [8081, 200], [8082, 200], [8083, 200], [8084, 400]) {
    my ($port, $status) = @$_;

    is(call(workspaces => 'DescribeWorkspaces', \%new, port => $port)
        ->{status}, $status, "port $port");
}

my $log = $t->read_file('error.log');

like($log, qr/let invalid input pass: 2 validation errors detected: [^\n]*'limit'/,
    'log says what it let pass');
like($log, qr/let invalid input pass: 1 validation error detected: [^\n]*'limit'/,
    'and not what is allowed anyway');
unlike($log, qr/let invalid input pass: (?!1|2)/, 'off says nothing');

# answers that are newer than the model

$aws->behave(headers => [['Content-Type', 'application/x-amz-json-1.1']],
    body => '{"FailedRequests":[],"Brand":"new","PendingRequests":['
        . '{"WorkspaceId":"ws-0123456789","State":"LEVITATING",'
        . '"Odd":{"a":[1]}}]}');

$answer = call(workspaces => 'CreateWorkspaces',
    { Workspaces => [\%WORKSPACE] });

is($answer->{status}, 200, 'an answer with members that the model lacks');
like($answer->{body}, qr/"Brand":"new".*LEVITATING.*"Odd":/s,
    'passes unchanged');

$record = record_of($t, $answer);
is($record->{responseElements}{pendingRequests}[0]{workspaceId},
    'ws-0123456789', 'what is known of it is recorded');
unlike(JSON::PP->new->encode($record->{responseElements}), qr/"new"|\[1\]/,
    'what is not is hidden');

$aws->behave(headers => [['Content-Type', 'application/x-amz-json-1.1']],
    body => '{"FailedRequests":7,"PendingRequests":"none"}');
is(call(workspaces => 'CreateWorkspaces', { Workspaces => [{ %WORKSPACE,
    UserName => 'bob' }] })->{status}, 200, 'nor is one of another structure refused');

# configurations

mistake('workspace:*', qr/allow=workspace:\*: no service .* did you mean "workspaces"\?/);
mistake('workspaces:CreateWorkspace/*', qr/did you mean "CreateWorkspaces"\?/);
mistake('workspaces:CreateWorkspaces/Workspace/Zone',
    qr/no member .* did you mean "Workspaces"\?/);
mistake('workspaces:CreateWorkspaces/Workspaces', qr{add "/\*" for what is new});
mistake('workspaces:CreateWorkspaces/Workspaces/UserName',
    qr/no list of values/);
mistake('workspaces', qr{write SERVICE:\*, SERVICE:OPERATION/\*});
wrong('deskgate_validate off allow=workspaces:*;', qr/remove "allow="/);
wrong('deskgate_validate on relax=workspaces:*;', qr/known is allow=/);
wrong('deskgate_validate on; deskgate_validate log;', qr/is duplicate/);
wrong('deskgate_validate allow=workspaces:*;',
    qr/invalid value "allow=workspaces:\*"; known are on, log and off/);

my ($fine, $says) = $t->check_config(Deskgate::Gateway::text(location =>
    'deskgate_validate on allow=workspaces:CreateWorkspaces/Workspaces/'
    . 'UserNames;'));

ok($fine, 'a new member that is much like a known one may be');
like($says, qr/\[warn\].*the model has "UserName".*check\.conf:\d+/,
    'with a warning');

$t->finish;


sub server {
    my ($port, $lines) = @_;

    return "server { listen 127.0.0.1:$port; server_name localhost; "
        . 'location / {' . gateway_location(location => $lines) . '} }';
}


sub ask {
    my ($service, $operation, $input, %opt) = @_;

    return call($service, $operation, $input, %opt) if !$opt{cbor};

    my %request = (method => 'POST', body => $input, headers => [
        ['Host', 'localhost'], ['Content-Type', 'application/cbor'],
        ['Smithy-Protocol', 'rpc-v2-cbor']], target =>
        "/service/EUCMIFrontendAPIService/operation/$operation");

    return http_request(%request, headers => Deskgate::SigV4::sign(%request,
        %ALICE, region => 'us-east-1', service => $service));
}


sub passes {
    my ($name, @call) = @_;

    is(ask(@call)->{status}, 200, "let through: $name");
}


sub refused {
    my ($name, @call) = @_;

    my $count = $aws->count;
    my $answer = ask(@call);

    is($answer->{status}, 400, "refused: $name");
    is(error_type($answer), 'ValidationException', "$name: as invalid");
    is($aws->count, $count, "$name: nothing was sent");
}


sub wrong {
    my ($line, $pattern) = @_;

    my ($passed, $said) = $t->check_config(Deskgate::Gateway::text(location =>
        $line));

    ok(!$passed, "refused by nginx -t: $line");
    like($said, $pattern, "$line: why");
    like($said, qr/check\.conf:\d+/, "$line: where");
}


sub mistake { return wrong("deskgate_validate on allow=$_[0];", $_[1]) }

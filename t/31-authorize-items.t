#!/usr/bin/perl

# Policies on the items of batch calls at the running gateway: permissions
# files, Requirements, what a call creates; a refusal names the item.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $dir = $t->testdir;
my ($next, $servers, %ports) = (8110, '');

# a server for each set of statements
location(owner => grant('dcv-session-manager:*'),
    deny('CreateSessions', StringNotEquals =>
        { 'dcv:Owner' => '${aws:username}' }));
location(sharing => grant('dcv-session-manager:*'),
    deny(['CreateSessions', 'UpdateSessionPermissions'],
        'ForAnyValue:StringEquals' =>
        { 'dcv:SharedFeatures' => ['clipboard-copy', 'printer'] }),
    deny(['CreateSessions', 'UpdateSessionPermissions'],
        Null => { 'dcv:PermissionImports' => 'false' }));
location(servers => grant('dcv-session-manager:*'),
    deny('CreateSessions', StringNotEquals =>
        { 'dcv:RequiredTag/tenant' => 'acme' }));
location(connect => grant('dcv-session-manager:GetSessionConnectionData',
    StringEquals => { 'dcv:User' => '${aws:username}' }));
location(ids => grant(['dcv-session-manager:DeleteSessions',
        'workspaces:TerminateWorkspaces'], undef,
    ['arn:aws:dcv-session-manager:*:*:session/mine-*',
     'arn:aws:workspaces:*:*:workspace/ws-aaaaaaaa*']));
location(desktops => grant('workspaces:CreateWorkspaces', undef),
    deny('workspaces:CreateWorkspaces', StringNotEquals =>
        { 'workspaces:DirectoryId' => 'd-9067012345' }));
location(nothing => grant('dcv-session-manager:*'));
location(shadow => grant('dcv-session-manager:*'));
$servers =~ s{(shadow\.json;)}{$1
    deskgate_policy_shadow next %%TESTDIR%%/sharing.json;};

Deskgate::Gateway::configure($t, http => $servers);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();


# what a call creates is what it asks for

allowed(owner => 'sessions for the caller', create({}, {}));
is(denied(owner => 'a session for another', create({}, { Owner => 'bob' })),
    'item 2', 'the item is told');
is(denied(owner => 'the first of two', create({ Owner => 'bob' }, {})),
    'item 1', 'the item is told');
is(denied(owner => 'the only one', create({ Owner => 'bob' })), undef,
    'one alone has no number');
allowed(desktops => 'desktops of the directory', workspaces =>
    'CreateWorkspaces', { Workspaces => [(desktop('d-9067012345')) x 2] });
is(denied(desktops => 'one of another', workspaces => 'CreateWorkspaces',
    { Workspaces => [desktop('d-9067012345'), desktop('d-9067099999')] }),
    'item 2', 'the item is told');


# ids

allowed(ids => 'sessions by id', delete_sessions('mine-1', 'mine-2'));
is(denied(ids => 'one of another', delete_sessions('mine-1', 'his-1')),
    'item 2', 'the item is told');
allowed(ids => 'desktops by id', terminate('ws-aaaaaaaa1', 'ws-aaaaaaaa2'));
is(denied(ids => 'one of another', terminate('ws-aaaaaaaa1', 'ws-bbbbbbbb1',
    'ws-aaaaaaaa2')), 'item 2', 'the item is told');


# permissions files

allowed(sharing => 'no file', create({}, {}));
allowed(sharing => 'a file for the owner',
    create(file("[permissions]\n%owner% allow builtin")));
allowed(sharing => 'a shared display',
    create(file("[permissions]\nbob allow display mouse")));
is(denied(sharing => 'a shared printer', create({},
    file("[permissions]\nbob allow display printer"))), 'item 2',
    'the item is told');
denied(sharing => 'everything shared', create(
    file("[permissions]\n%any% allow builtin")));
denied(sharing => 'shared by an alias', create(
    file("[aliases]\na=b\nb=clipboard-copy\n[permissions]\nbob allow a")));
denied(sharing => 'an alias that is not there', create(
    file("[permissions]\nbob allow clipboard-management")));
denied(sharing => 'an import', create(file("#import /tmp/all\n")));
denied(sharing => 'shared later', update(
    "[permissions]\nbob allow printer"));
allowed(sharing => 'less shared later', update(
    "[permissions]\nbob allow display"));
denied(sharing => 'by the name that the guide misspells', create({
    PermissionFile => encode_base64("[permissions]\nbob allow printer", '')
    }));

my $before = $broker->count;

foreach my $text ("bob allow display", "[permissions]\nbob may printer",
    "[permissions]\nbob allow Printer", "[permissions]\rbob allow printer")
{
    unreadable(sharing => qr/'PermissionsFile' of item 2 cannot be read: line /,
        create({}, file($text)));
}

unreadable(sharing => qr/'PermissionsFile' of item 1 cannot be read: not Base/,
    create({ PermissionsFile => 'W3Blcm1' }));
is($broker->count, $before, 'nothing of it is sent');
allowed(nothing => 'which nobody reads', create(file("bob allow display")));


my $secret = record_of($t, ask(sharing => create(
    file("#import /srv/hunter2\n[permissions]\nbob allow printer display"))));
my $told = JSON::PP->new->canonical->encode($secret);

like($told, qr/"dcv:SharedFeatures":\["display","printer"\]/,
    'the record has the features that a policy read');
unlike($told, qr/hunter2/, 'and nothing else of a permissions file');


# what only a shadow reads

like(shadow_of(file("[permissions]\nbob allow printer")),
    qr/explicit deny/, 'a shadow reads the file');
is(shadow_of(file("[permissions]\nbob allow display")), 'null',
    'and decides as the policies do');
like(shadow_of(file("bob allow display")), qr/unknown/,
    'what it cannot read is unknown to it, and refuses nothing');


# Requirements

allowed(servers => 'servers of the tenant', create(
    needs("tag:tenant = 'acme' and server:Host.Os.Family = 'linux'"),
    needs("(tag:tenant = 'acme')")));
is(denied(servers => 'any server', create(needs("tag:tenant = 'acme'"), {})),
    'item 2', 'the item is told');
denied(servers => 'servers of another', create(
    needs("tag:tenant = 'other'")));
denied(servers => 'one or the other', create(
    needs("tag:tenant = 'acme' or tag:tenant = 'other'")));
denied(servers => 'not the other', create(
    needs("not tag:tenant = 'other'")));


# for whom

allowed(connect => 'connects as himself', connection('s-1', 'alice'));
denied(connect => 'connects as another', connection('s-1', 'bob'));
denied(connect => 'a name that begins like his', connection('s-1', 'alicex'));


# facts of resources are not what the caller writes

foreach my $key ('dcv:Owner', 'dcv:SessionType', 'dcv:ServerTag/tenant') {
    mistake(grant('dcv-session-manager:DeleteSessions',
        StringEquals => { $key => 'alice' }), qr/fact of the resource/);
}

mistake(grant('workspaces:RebootWorkspaces',
    StringEquals => { 'aws:ResourceTag/team' => 'blue' }),
    qr/fact of the resource/);
mistake(grant('dcv-session-manager:*',
    StringEquals => { 'dcv:Owner' => 'alice' }), qr/fact of the resource/);
mistake(grant('dcv-session-manager:CreateSessions',
    StringEquals => { 'dcv:ServerTag/a' => 'b' }), qr/never be present/);
mistake(grant('dcv-session-manager:DescribeServers',
    'ForAnyValue:StringEquals' => { 'dcv:SharedFeatures' => 'printer' }),
    qr/never be present/);

# what is wrong with a policy, strictly and not

my @three = (grant('workspaces:DescribeWorkspace'),
    grant('workspaces:DescribeWorkspaces', undef,
        ['arn:aws:workspaces:*:*:chair/*']),
    grant('workspaces:DescribeWorkspaces',
        StringEquals => { 'aws:RequestTag/a' => 'a' }));

foreach my $statement (@three) {
    mistake($statement, qr/bad\.json:\d+:\d+: /);
    is(mistakes($statement, 'deskgate_policy_strict off;')->[0], 1,
        'not with deskgate_policy_strict off');
}

foreach my $statement (@three) {
    my $shadow = "deskgate_policy_shadow next $dir/bad.json;";

    ok(!mistakes($statement, $shadow, allow_all())->[0],
        'a policy that is only tried is read as strictly');

    my ($fine, $text) = @{mistakes($statement,
        "deskgate_policy_strict off; $shadow", allow_all())};

    is($fine, 1, 'and with deskgate_policy_strict off as leniently');
    like($text, qr/\[warn\].*bad\.json:\d+:\d+: /, 'with a warning');
}

like(mistakes($three[0], 'deskgate_policy_strict off;')->[1],
    qr/\[warn\].*unknown action.*did you mean "workspaces:DescribeWorkspaces"/,
    'which warns');
is(mistakes(grant('workspaces:DescribeWorkspaces', StringEquals =>
    { 'aws:usernam' => 'a' }), 'deskgate_policy_strict off;')->[0], '',
    'an unknown key stays an error');
mistake(grant('workspaces:DescribeWorkspaces', StringEquals =>
    { 'aws:username' => '${aws:usernam}' }),
    qr/unknown variable "aws:usernam", did you mean "aws:username"/);
like(mistakes($three[0], 'deskgate_policy %%TESTDIR%%/policy.json;'
    . ' deskgate_policy_strict off;')->[1],
    qr/must stand before the first policy/, 'too late');
is(scalar(() = mistakes(statement('Allow', ['ec2:RunInstances',
    'ec2:RunInstances', 'workspaces:DescribeWorkspaces']), '')->[1]
    =~ /no model of the service/g), 1, 'another service is told of once');

$t->finish;


sub location {
    my ($name, @statements) = @_;

    $ports{$name} = $next++;
    $t->write_file("$name.json", Deskgate::Gateway::policy_text(@statements));
    $servers .= "server { listen 127.0.0.1:$ports{$name};"
        . ' server_name localhost; location = /_token { internal;'
        . ' proxy_pass http://broker/oauth2/token; } location / {'
        . gateway_location(location => 'deskgate_replay off;',
            policy => "deskgate_policy %%TESTDIR%%/$name.json;")
        . "} }\n";
}


sub statement {
    my ($effect, $actions, $condition, $resource) = @_;

    return { Effect => $effect, Principal => '*', Resource => $resource || '*',
        Action => [map { /:/ ? $_ : "dcv-session-manager:$_" }
            ref $actions ? @$actions : $actions],
        $condition ? (Condition => $condition) : () };
}


sub grant {
    my ($actions, @condition) = @_;
    my $resource = ref $condition[-1] eq 'ARRAY' ? pop @condition : undef;

    return statement('Allow', $actions,
        defined $condition[0] ? {@condition} : undef, $resource);
}


sub deny { my $actions = shift; return statement('Deny', $actions, {@_}) }


sub create {
    return ('dcv-session-manager' => 'CreateSessions', [map { {
        Name => 'a', Owner => 'alice', Type => 'VIRTUAL', %$_ } } @_]);
}


sub file { return { PermissionsFile => encode_base64($_[0], '') } }

sub needs { return { Requirements => $_[0] } }


sub update {
    return ('dcv-session-manager' => 'UpdateSessionPermissions', [
        { SessionId => 's-1', Owner => 'alice', %{file(@_)} }],
        method => 'PUT', target => '/sessionPermissions');
}


sub delete_sessions {
    return ('dcv-session-manager' => 'DeleteSessions', [map { {
        SessionId => $_, Owner => 'alice' } } @_]);
}


sub terminate {
    return (workspaces => 'TerminateWorkspaces', {
        TerminateWorkspaceRequests => [map { { WorkspaceId => $_ } } @_] });
}


sub desktop {
    return { DirectoryId => $_[0], UserName => 'ann', BundleId =>
        'wsb-12345678' };
}


sub connection {
    my ($session, $user) = @_;

    return ('dcv-session-manager' => 'GetSessionConnectionData', '',
        method => 'GET', target => "/sessionConnectionData/$session/$user");
}


sub ask {
    my ($place, @call) = @_;

    return call(@call, port => $ports{$place});
}


sub allowed {
    my ($place, $name, @call) = @_;

    my $answer = ask($place, @call);

    is(refusal_of($t, $answer), 'allowed', "$name: allowed")
        or diag($answer->{body});
}


# The item that the message names
sub denied {
    my ($place, $name, @call) = @_;

    my $answer = ask($place, @call);

    like(refusal_of($t, $answer), qr/^denied_/, "$name: denied")
        or diag($answer->{body});

    return $answer->{body} =~ /on resource: \S+ \((item \d+)\)/ ? $1 : undef;
}


# What the record of an allowed call has of the shadow
sub shadow_of {
    my $answer = ask(shadow => create(@_));

    is(refusal_of($t, $answer), 'allowed', 'a shadow decides nothing');

    return JSON::PP->new->canonical->allow_nonref->encode(
        record_of($t, $answer)->{additionalEventData}{deskgate}{shadow});
}


sub unreadable {
    my ($place, $says, @call) = @_;

    my $answer = ask($place, @call);

    is(refusal_of($t, $answer), 'input_unreadable', 'unreadable');
    is($answer->{status}, 400, 'status');
    like($answer->{body}, $says, 'says where');
}


# [is it accepted, what is said]
sub mistakes {
    my ($statement, $http, $real) = @_;

    $t->write_file('bad.json', Deskgate::Gateway::policy_text($statement));
    $t->write_file('real.json', Deskgate::Gateway::policy_text($real))
        if $real;

    my $file = $real ? 'real' : 'bad';
    my ($fine, $text) = $t->check_config(Deskgate::Gateway::text(
        http => $http, policy => "deskgate_policy %%TESTDIR%%/$file.json;"));

    return [$fine, $text];
}


sub mistake {
    my ($statement, $says) = @_;

    my ($fine, $text) = @{mistakes($statement, '')};

    ok(!$fine, 'a policy is refused');
    like($text, $says, 'and says why');
}

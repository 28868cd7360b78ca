#!/usr/bin/perl

# Policies at the running gateway: whom they speak to, layers, items of batch
# calls, condition keys, and what a refused caller is told.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use POSIX qw/strftime/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new()->need('curl', 'openssl');
my $dir = $t->testdir;
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my $USER = "arn:aws:iam::${ACCOUNT}:user";
my $SPACE = "arn:aws:workspaces:us-east-1:${ACCOUNT}:workspace";
my %DAVE = (access_key => 'AKIDDAVE', secret_key => 'secret-of-dave-00007');

mkdir "$dir/policies", 0700;

foreach my $issuer ('corp', 'second') {
    my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'es256', $issuer,
        "$dir/$issuer.pem", "$dir/$issuer.jwks");

    die $out if $status;
}

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    . " -days 2 -subj /CN=localhost -keyout '$dir/tls.key'"
    . " -out '$dir/tls.crt' >/dev/null 2>&1") == 0 or die 'openssl';

my $next = 8110;
my (%ports, $servers);

# a server for each set of policies
location(principal => [grant('workspaces:Describe*',
    Principal => { AWS => "$USER/alice" })]);
location(account => [grant('*', Principal => { AWS => $ACCOUNT })],
    attached => [[identity('workspaces:*'), "for=$USER/alice"]]);
location(other_account => [grant('*', Principal => { AWS => '999988887777' })]);
location(everybody => [grant('workspaces:DescribeWorkspaces')]);
location(pattern => [grant('workspaces-instances:*')],
    attached => [[identity('workspaces:Describe*'),
        'for=arn:aws:iam::*:user/al*']]);
location(group => [grant('workspaces-instances:*')],
    authenticate => 'bearer=corp,second',
    attached => [[identity('workspaces:Describe*'),
        'for=group:corp/admins']]);
location(own => [grant('workspaces-instances:*')]);
location(boundary => [grant('*')],
    boundary => [[identity('workspaces:Describe*')]]);
location(some_boundary => [grant('*')],
    boundary => [[identity('workspaces:Describe*'), "for=$USER/alice"]]);
location(deny => [grant('*'), deny('workspaces:CreateTags')]);
location(deny_one => [grant('*'),
    deny('*', Principal => { AWS => "$USER/alice" })]);
location(not_action => [grant(undef, NotAction =>
    ['workspaces:Terminate*', 'workspaces:CreateTags'])]);
location(not_resource => [grant('*'), deny('workspaces:TerminateWorkspaces',
    Resource => undef, NotResource => "$SPACE/ws-aaaaaaaa1")]);
location(items => [grant('*', Resource => ["$SPACE/ws-aaaaaaaa*"]),
    { %{deny('*', Resource => "$SPACE/ws-aaaaaaaa9")}, Sid => 'NotNine' }]);

my %conditions = (
    source_ip   => { IpAddress => { 'aws:SourceIp' => '127.0.0.0/8' } },
    other_ip    => { IpAddress => { 'aws:SourceIp' => '10.0.0.0/8' } },
    secure      => { Bool => { 'aws:SecureTransport' => 'true' } },
    past        => { DateGreaterThan => { 'aws:CurrentTime' =>
                     stamp(time - 3600) } },
    future      => { DateGreaterThan => { 'aws:CurrentTime' =>
                     stamp(time + 3600) } },
    agent       => { StringLike => { 'aws:UserAgent' => 'desk-tool/*' } },
    tag         => { StringEquals => { 'aws:PrincipalTag/team' => 'blue' } },
    request_tag => { StringEquals => { 'aws:RequestTag/cost' => '17' } },
    tag_keys    => { 'ForAllValues:StringEquals' => { 'aws:TagKeys' =>
                     ['cost', 'owner'] } },
    member      => { StringEquals => { 'deskgate:Request/ResourceId' =>
                     'ws-12345678' } },
    own_member  => { StringEquals => { 'deskgate:Request/ResourceId' =>
                     'ws-${aws:username}' } },
    level       => { StringEquals => { 'deskgate:AccessLevel' =>
                     ['read', 'list'] } },
    item_count  => { NumericLessThanEquals => { 'deskgate:ItemCount' => 2 } },
    region      => { StringEquals => { 'aws:RequestedRegion' =>
                     'us-east-1' } },
    username    => { StringEquals => { 'aws:username' => 'alice' } },
);

my %actions = (request_tag => 'workspaces:CreateTags',
    tag_keys => 'workspaces:CreateTags', member => 'workspaces:CreateTags',
    own_member => 'workspaces:CreateTags');

foreach my $name (sort keys %conditions) {
    location($name => [grant($actions{$name} || 'workspaces:*',
        Condition => $conditions{$name})], secure => $name eq 'secure');
}

location(claim => [grant('*', Condition => {
    StringEquals => { 'corp:department' => 'desks' } })],
    authenticate => 'bearer=corp,second');
location("detail_$_" => [grant('workspaces-instances:*'),
    { %{deny('workspaces:CreateTags')}, Sid => 'NoTags' }],
    more => "deskgate_denial_detail $_;") foreach qw/off reason statement/;

$t->write_file('policies/dave.json', Deskgate::Gateway::policy_text(
    identity('workspaces:DescribeWorkspaces')));

Deskgate::Gateway::configure($t,
    keys => [
        key(\%ALICE, 'alice', tags => { team => 'blue' }),
        key(\%BOB, 'bob', tags => { team => 'red' }),
        key(\%DAVE, 'dave', policies => ['policies/dave.json'])],
    http => join('', map {
        my $url = $_ eq 'corp' ? $URL : 'https://second.example';

        "deskgate_issuer $_ { issuer $url; audience deskgate;"
            . " jwks %%TESTDIR%%/$_.jwks; algorithms ES256;"
            . " account $ACCOUNT; groups groups; }\n"
    } 'corp', 'second') . $servers);

$t->secret($DAVE{secret_key});

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my @describe = (workspaces => 'DescribeWorkspaces', {});
my @tags = (workspaces => 'CreateTags', { ResourceId => 'ws-12345678',
    Tags => [{ Key => 'cost', Value => '17' }] });
my @other_tags = (workspaces => 'CreateTags', { ResourceId => 'ws-00000000',
    Tags => [{ Key => 'cost', Value => '18' }, { Key => 'x', Value => '' }] });


# whom a policy speaks to

allowed(principal => 'its Principal', @describe);
denied(principal => 'implicit', 'another principal', @describe, as => \%BOB);
denied(principal => 'implicit', 'another action', @tags);
denied(account => 'implicit', 'an account as Principal grants nothing itself',
    @tags, as => \%BOB);
allowed(account => 'and lets what its callers are given', @tags);
denied(other_account => 'implicit', 'another account', @describe);
allowed(everybody => 'Principal *', @describe, as => \%BOB);
denied(everybody => 'implicit', 'and nothing else', @tags);
allowed(pattern => 'for=PATTERN', @describe);
denied(pattern => 'implicit', 'for=PATTERN, another caller', @describe,
    as => \%BOB);
allowed(own => 'a policy that the key names', @describe, as => \%DAVE);
denied(own => 'implicit', 'and nothing beyond it', @tags, as => \%DAVE);
denied(own => 'implicit', 'for keys that name none', @describe);

token_allowed(group => 'a group', corp => groups => ['users', 'admins']);
token_allowed(group => 'a single group', corp => groups => 'admins');
token_denied(group => 'no group', 'corp');
token_denied(group => 'another group', corp => groups => ['admin', 'admins2']);
token_denied(group => 'the same group of another issuer', second =>
    groups => ['admins']);
token_denied(group => 'a group with the issuer in its name', second =>
    groups => ['corp/admins', 'group:corp/admins']);


# layers

allowed(boundary => 'within the boundary', @describe);
denied(boundary => 'implicit', 'beyond the boundary', @tags);
denied(some_boundary => 'implicit', 'beyond the boundary of one', @tags);
allowed(some_boundary => 'who has none', @tags, as => \%BOB);
allowed(deny => 'beside a deny', @describe);
denied(deny => 'explicit', 'deny goes before allow', @tags);
denied(deny_one => 'explicit', 'a deny for one', @describe);
allowed(deny_one => 'is not one for others', @describe, as => \%BOB);
allowed(not_action => 'NotAction', @describe);
denied(not_action => 'implicit', 'NotAction, named', @tags);
denied(not_action => 'implicit', 'NotAction, named with *',
    terminate('ws-aaaaaaaa1'));
allowed(not_resource => 'NotResource', terminate('ws-aaaaaaaa1'));
denied(not_resource => 'explicit', 'NotResource, another',
    terminate('ws-aaaaaaaa2'));


# items of one call

my $before = $aws->count;
my $message;

allowed(items => 'every item', terminate('ws-aaaaaaaa1', 'ws-aaaaaaaa2'));
is($aws->count - $before, 1, 'is forwarded');
$message = denied(items => 'explicit', 'a forbidden one among many',
    terminate('ws-aaaaaaaa1', 'ws-aaaaaaaa9', 'ws-aaaaaaaa2'));
like($message, qr{on resource: \Q$SPACE\E/ws-aaaaaaaa9 }, 'its name is told');
$message = denied(items => 'implicit', 'one that nothing allows',
    terminate('ws-aaaaaaaa1', 'ws-bbbbbbbb1'));
like($message, qr{on resource: \Q$SPACE\E/ws-bbbbbbbb1 }, 'its name is told');
denied(items => 'explicit', 'first', terminate('ws-aaaaaaaa9', 'ws-aaaaaaaa1'));
denied(items => 'explicit', 'last', terminate('ws-aaaaaaaa1', 'ws-aaaaaaaa9'));
is($aws->count - $before, 1, 'none of these is forwarded');


# condition keys

allowed(source_ip => 'aws:SourceIp', @describe);
denied(other_ip => 'implicit', 'aws:SourceIp, another', @describe);
denied(other_ip => 'implicit', 'X-Forwarded-For is not believed', @describe,
    headers => [['X-Forwarded-For', '10.1.1.1'], ['X-Real-IP', '10.1.1.1']]);
is(secure_call()->{status}, 200, 'aws:SecureTransport');
denied(secure => 'implicit', 'aws:SecureTransport, plain', @describe);
denied(secure => 'implicit', 'X-Forwarded-Proto is not believed', @describe,
    headers => [['X-Forwarded-Proto', 'https']]);
allowed(past => 'aws:CurrentTime', @describe);
denied(future => 'implicit', 'aws:CurrentTime, later', @describe);
allowed(agent => 'aws:UserAgent', @describe,
    headers => [['User-Agent', 'desk-tool/1.2']]);
denied(agent => 'implicit', 'aws:UserAgent, another', @describe,
    headers => [['User-Agent', 'xdesk-tool/1.2']]);
denied(agent => 'implicit', 'aws:UserAgent, none', @describe);
allowed(tag => 'aws:PrincipalTag', @describe);
denied(tag => 'implicit', 'aws:PrincipalTag, another', @describe,
    as => \%BOB);
allowed(request_tag => 'aws:RequestTag', @tags);
denied(request_tag => 'implicit', 'aws:RequestTag, another', @other_tags);
allowed(tag_keys => 'aws:TagKeys', @tags);
denied(tag_keys => 'implicit', 'aws:TagKeys, one more', @other_tags);
allowed(member => 'deskgate:Request', @tags);
denied(member => 'implicit', 'deskgate:Request, another', @other_tags);
denied(own_member => 'implicit', 'a variable', @tags);
allowed(level => 'deskgate:AccessLevel', @describe);
denied(level => 'implicit', 'deskgate:AccessLevel, another', @tags);
allowed(item_count => 'deskgate:ItemCount',
    terminate('ws-aaaaaaaa1', 'ws-aaaaaaaa2'));
denied(item_count => 'implicit', 'deskgate:ItemCount, more',
    terminate('ws-aaaaaaaa1', 'ws-aaaaaaaa2', 'ws-aaaaaaaa3'));
allowed(region => 'aws:RequestedRegion', @describe);
allowed(username => 'aws:username', @describe);
denied(username => 'implicit', 'aws:username, another', @describe,
    as => \%BOB);
token_allowed(claim => "an issuer's claim", corp => department => 'desks');
token_denied(claim => 'another value', corp => department => 'desk');
token_denied(claim => 'no such claim', 'corp');
token_denied(claim => 'the claim of another issuer', second =>
    department => 'desks');


# what is told

my $user = "User: $USER/alice is not authorized to perform: workspaces:";

told(detail_off => 'explicit', 'off: nothing more', \@tags,
    "${user}CreateTags on resource: *");
told(detail_reason => 'explicit', 'reason', \@tags,
    "${user}CreateTags on resource: *"
    . ' with an explicit deny in a resource-based policy');
told(detail_reason => 'implicit', 'reason, no allow', \@describe,
    "${user}DescribeWorkspaces on resource: *"
    . ' because no resource-based policy allows the'
    . ' workspaces:DescribeWorkspaces action');
told(detail_statement => 'explicit', 'statement', \@tags,
    "${user}CreateTags on resource: *"
    . ' with an explicit deny in a resource-based policy (statement NoTags of '
    . "$dir/detail_statement.json)");

my $record = record_of($t, ask(detail_off => @tags));

is($record->{errorCode}, 'AccessDeniedException', 'the record has its code');
like($JSON->encode($record), qr/"NoTags"/, 'the record names the statement');


# mistakes

my %mistakes = (
    'an unknown element'  => [{ %{grant('*')}, Efect => 'Allow' },
        qr/Efect/],
    'an unknown effect'   => [{ %{grant('*')}, Effect => 'allow' },
        qr/"Allow" or "Deny"/],
    'an unknown operator' => [grant('*', Condition => {
        StringEqual => { 'aws:username' => 'a' } }), qr/StringEquals/],
    'an unknown action'   => [grant('workspaces:DescribeWorkspace'),
        qr/workspaces:DescribeWorkspaces/],
    'an unknown key'      => [grant('*', Condition => {
        StringEquals => { 'aws:usernam' => 'a' } }), qr/aws:username/],
    'a key never there'   => [grant('workspaces:DescribeWorkspaces',
        Condition => { StringEquals => { 'aws:RequestTag/a' => 'a' } }),
        qr/aws:RequestTag/],
    'no Principal'        => [identity('*'), qr/Principal/],
    'a list key alone'    => [grant('workspaces:CreateTags', Condition => {
        StringEquals => { 'aws:TagKeys' => 'a' } }), qr/ForA(ll|ny)Value/],
);

foreach my $name (sort keys %mistakes) {
    my ($statement, $pattern) = @{$mistakes{$name}};

    $t->write_file('bad.json', Deskgate::Gateway::policy_text($statement));
    mistake($name, 'deskgate_policy %%TESTDIR%%/bad.json;', $pattern);
}

$t->write_file('bad.json', Deskgate::Gateway::policy_text(grant('*')));
mistake('a Principal in an identity policy',
    'deskgate_policy %%TESTDIR%%/bad.json for=*;', qr/Principal/);
$t->write_file('bad.json', "{\n  \"Version\": \"2012-10-17\",\n  oops\n}\n");
mistake('no JSON', 'deskgate_policy %%TESTDIR%%/bad.json;', qr/:3:/);

my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
    policy => 'deskgate_policy %%TESTDIR%%/nothing.json;'));

ok(!$passed, 'a policy that is not there');
like($says, qr{nothing\.json" .*\(2: .*check\.conf:\d+}, 'says so');

($passed, $says) = $t->check_config(Deskgate::Gateway::text(policy => ''));
ok(!$passed, 'no policy at all');
like($says, qr/nothing is allowed: add "deskgate_policy/, 'says so');

$t->finish;


sub location {
    my ($name, $statements, %opt) = @_;

    $ports{$name} = $next++;
    $t->write_file("$name.json",
        Deskgate::Gateway::policy_text(@$statements));

    my $policy = "deskgate_policy %%TESTDIR%%/$name.json;\n";
    my $n = 0;

    foreach my $kind ('attached', 'boundary') {
        foreach my $row (@{$opt{$kind} || []}) {
            my $file = "$name-" . ++$n . '.json';

            $t->write_file($file,
                Deskgate::Gateway::policy_text($row->[0]));
            $policy .= ($kind eq 'boundary' ? 'deskgate_boundary'
                : 'deskgate_policy') . " %%TESTDIR%%/$file "
                . ($row->[1] || '') . ";\n";
        }
    }

    my $tls = $opt{secure} ? 'listen 127.0.0.1:8199 ssl;'
        . ' ssl_certificate %%TESTDIR%%/tls.crt;'
        . ' ssl_certificate_key %%TESTDIR%%/tls.key;' : '';

    $servers .= "server { listen 127.0.0.1:$ports{$name}; $tls"
        . ' server_name localhost; location / {'
        . gateway_location(policy => $policy, services => ['workspaces',
            'workspaces-instances'],
            $opt{authenticate} ? (authenticate => $opt{authenticate}) : (),
            location => 'deskgate_replay off;' . ($opt{more} || ''))
        . "} }\n";
}


sub statement {
    my ($effect, $action, %more) = @_;

    my %all = (Effect => $effect, Resource => '*',
        defined $action ? (Action => $action) : (), %more);

    delete @all{grep { !defined $all{$_} } keys %all};

    return \%all;
}


sub grant { return statement('Allow', shift, Principal => '*', @_) }

sub deny { return statement('Deny', shift, Principal => '*', @_) }

sub identity { return statement('Allow', @_) }

sub stamp { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }


sub key {
    my ($who, $user, %more) = @_;

    return Deskgate::Gateway::key($who, principal => "$USER/$user", %more);
}


sub terminate {
    return (workspaces => 'TerminateWorkspaces', {
        TerminateWorkspaceRequests => [map { { WorkspaceId => $_ } } @_] });
}


sub ask {
    my ($name, @call) = @_;

    return call(@call, port => $ports{$name});
}


sub allowed {
    my ($place, $name, @call) = @_;

    my $answer = ask($place, @call);

    is($answer->{status}, 200, "$name: allowed")
        or diag($answer->{body});
}


# the sentence, and behind it the id under which the record is found
sub told {
    my ($place, $how, $name, $call, $sentence) = @_;

    my $answer = ask($place, @$call);
    my $id = Deskgate::header($answer, 'x-amzn-requestid');

    is(judged_denied($how, $name, $answer), "$sentence (Request ID: $id)",
        "$name: the message");
}


sub denied {
    my ($place, $how, $name, @call) = @_;

    return judged_denied($how, $name, ask($place, @call));
}


sub judged_denied {
    my ($how, $name, $answer) = @_;

    is(refusal_of($t, $answer), "denied_$how", "$name: denied")
        or diag($answer->{body});
    is(error_type($answer), 'AccessDeniedException', "$name: exception");

    my $body = json_of($answer) || {};

    return $body->{message} || $body->{Message};
}


sub bearer {
    my ($place, $issuer, %claims) = @_;

    $t->write_file('claims', $JSON->encode({ aud => 'deskgate', sub => 'alice',
        iss => $issuer eq 'corp' ? $URL : 'https://second.example',
        %claims }));

    my ($status, $token) = $t->tool('deskgate-token', 'sign',
        '--lifetime=600', 'es256', $issuer, "$dir/$issuer.pem",
        "\@$dir/claims");

    chomp $token;

    return http_request(Deskgate::Gateway::operation_request(@describe,
        headers => [['Authorization', "Bearer $token"]]),
        port => $ports{$place});
}


sub token_allowed {
    my ($place, $name, @claims) = @_;

    is(bearer($place, @claims)->{status}, 200, "$name: allowed");
}


sub token_denied {
    my ($place, $name, @claims) = @_;

    judged_denied('implicit', $name, bearer($place, @claims));
}


sub secure_call {
    return $t->curl('-k', '--user', "$ALICE{access_key}:$ALICE{secret_key}",
        '--aws-sigv4', 'aws:amz:us-east-1:workspaces', '-H', 'Host: localhost',
        '-H', 'Content-Type: application/x-amz-json-1.1',
        '-H', 'X-Amz-Target: WorkspacesService.DescribeWorkspaces',
        '-d', '{}', 'https://127.0.0.1:' . port(8199) . '/');
}


sub mistake {
    my ($name, $policy, $pattern) = @_;

    my ($fine, $text) = $t->check_config(Deskgate::Gateway::text(
        policy => $policy));

    ok(!$fine, "$name is refused");
    like($text, qr{\Q$dir\E/bad\.json:\d+:\d+: }, "$name: file, line, column");
    like($text, $pattern, "$name: and what is meant");
}

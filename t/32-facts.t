#!/usr/bin/perl

# Facts of resources: looked up by the gateway itself, kept, shared, forgotten
# when a call changes the resource; a lookup that fails, lies or is too much
# refuses.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Time::HiRes qw/sleep time/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Upstream;

my $t = Deskgate->new();
my $dir = $t->testdir;
my $json = JSON::PP->new->canonical;
my $n = 0;

my $mine = { StringEquals => { 'dcv:Owner' => '${aws:username}' } };

my @statements = (
    allow([map { "dcv-session-manager:$_" } qw/DeleteSessions DescribeSessions
        GetSessionScreenshots GetSessionConnectionData
        UpdateSessionPermissions/], $mine),
    allow(['dcv-session-manager:CreateSessions', 'workspaces:CreateTags']),
    allow(['workspaces:RebootWorkspaces'], { StringEquals =>
        { 'workspaces:DirectoryId' => 'd-9067012345' } }),
    allow(['workspaces:StopWorkspaces'], { StringEquals =>
        { 'workspaces:UserName' => '${aws:username}',
          'aws:ResourceTag/team' => 'blue' } }),
    allow(['workspaces-instances:GetWorkspaceInstance'], { StringEquals =>
        { 'aws:ResourceTag/team' => 'blue' } }),
);

my $lookups = <<'EOF_CONF';
            deskgate_facts  dcv-session-manager   /_broker_facts/  ttl=2s;
            deskgate_facts  workspaces            /_facts/;
            deskgate_facts  workspaces-instances  /_instance_facts/
                            credentials=egress;
EOF_CONF

my $internal = <<'EOF_CONF';
        location /_broker_facts/ {
            internal;
            proxy_read_timeout  1s;
            proxy_pass          http://127.0.0.1:8103/;
        }

        location /_instance_facts/ {
            internal;
            proxy_set_header    Host workspaces-instances.us-east-1.api.aws;
            proxy_pass          http://127.0.0.1:8104/;
        }

        location /_facts/ {
            internal;
            proxy_set_header    Host workspaces.us-east-1.amazonaws.com;
            proxy_pass          http://127.0.0.1:8104/;
        }
EOF_CONF

# where no policy reads a fact
my $plain = 'server { listen 127.0.0.1:8081; server_name localhost;'
    . ' location = /_token { internal;'
    . ' proxy_pass http://broker/oauth2/token; } location / {'
    . gateway_location(location => 'deskgate_replay off;',
        policy => 'deskgate_policy %%TESTDIR%%/plain.json;') . '} }';

$t->write_file('plain.json', Deskgate::Gateway::policy_text(allow_all()));

Deskgate::Gateway::configure($t, workers => 2, statements => \@statements,
    location => "deskgate_replay off;\n$lookups", locations => $internal,
    http => $plain);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

my $sessions = Deskgate::Upstream->start($t, port => 8103,
    name => 'sessions', answer => \&sessions);
my $desktops = Deskgate::Upstream->start($t, port => 8104,
    name => 'desktops', answer => \&desktops,
    secrets => { AKIDEGRESS => 'secret-of-egress-03' });

$t->run();


# whose it is

allowed('own session', remove('alice-1'));
denied('of another', remove('bob-1'));
denied('none', remove('none-1'));
is(message(remove('bob-2')), message(remove('none-2')),
    'not yours and not there are told alike');
allowed('the other caller', remove('bob-3', { Owner => 'bob' }),
    as => \%BOB);
allowed('a path', get('alice-2'));
denied('a path to that of another', get('bob-4'));
is((denied('an owner that he claims', remove('bob-5', { Owner => 'alice' }))),
    undef, 'proves nothing');
refused('an owner that it has not', 'resource_differs',
    remove('alice-3', { Owner => 'bob' }));
denied('who may not see it is not told so',
    remove('bob-6', { Owner => 'carol' }));
denied('what names no session', 'dcv-session-manager' => 'DescribeSessions',
    {});
denied('a star', remove('*'));

my ($request) = $sessions->requests;

is("$request->{method} $request->{target}", 'POST /describeSessions',
    'the lookup');
is($request->{body}, '{"SessionIds":["alice-1"]}', 'of that session');
like(Deskgate::SigV4::value($request->{headers}, 'authorization'),
    qr/^Bearer gateway-token-/, 'with the broker\'s token');
is(scalar(grep { /alice|AKID/i && !/host/i } map { "@$_" }
    @{$request->{headers}}), 0, 'and nothing of the caller');


# desktops

allowed('of the directory', reboot('ws-aaaaaaaa1'));
denied('of another', reboot('ws-bbbbbbbb1'));
denied('none', reboot('ws-cccccccc1'));
allowed('by user and tag', stop('ws-aaaaaaaa2'));
denied('by another tag', stop('ws-aaaaaaaa0'));
allowed('an instance by its tag', instance('wsinst-aaaaaaaa1'));
denied('an instance of others', instance('wsinst-bbbbbbbb1'));

my @lookups = $desktops->requests;

is(scalar(grep { $_->{verdict} ne 'ok' } @lookups), 0, 'lookups are signed')
    or diag(join ' ', map { $_->{verdict} } @lookups);
is(scalar(grep { target($_) =~ /DescribeTags/ } @lookups), 2,
    'tags are looked up only where they are read');


# one lookup

$sessions->clear;

my $record = record_of($t, ask(remove('alice-10')));
is($record->{additionalEventData}{deskgate}{facts}, 'looked_up', 'looked up');
is($sessions->count, 1, 'once');

allowed('a batch', remove('alice-11', 'alice-12', 'alice-11', 'alice-13'));
is($sessions->count, 2, 'is looked up at once');

denied('one of another', remove('alice-14', 'bob-14'));
is($sessions->count, 3, 'likewise');

$sessions->clear;
allowed('seen again', look('alice-20')) for 1 .. 5;
is($sessions->count, 1, 'it is known');
$record = record_of($t, ask(look('alice-20')));
is($record->{additionalEventData}{deskgate}{facts}, 'cached', 'and told so');

allowed('some are known', look('alice-20', 'alice-21'));
is(($sessions->requests)[-1]{body}, '{"SessionIds":["alice-21"]}',
    'the others are looked up');

$sessions->clear;
allowed('no policy reads any', remove('bob-22'), port => 8081);
is($sessions->count, 0, 'none is looked up');


# concurrent

$sessions->behave(delay => 0.5, headers => [['Content-Type',
    'application/json']], body => answer_of('alice-30'));
$sessions->clear;

my @pids = map { in_child(sub {
    return ask(look('alice-30'))->{status} == 200 }) } 1 .. 8;

is(scalar(grep { waitpid($_, 0); $? == 0 } @pids), 8, 'all are answered');
is($sessions->count, 1, 'by one lookup');
$sessions->behave();


# forgotten

$t->write_file('owners.json', '{"moved-1":"alice","moved-2":"alice"}');
allowed('his at first', look('moved-1'));
$t->write_file('owners.json', '{"moved-1":"bob","moved-2":"bob"}');
allowed('what was not changed here is known', look('moved-1'));
$sessions->clear;
sleep 2.2;
denied('for its time', look('moved-1'));
is($sessions->count, 1, 'and is looked up then');

$t->write_file('owners.json', '{"moved-2":"alice"}');
allowed('his at first', look('moved-2'));
$t->write_file('owners.json', '{"moved-2":"bob"}');
is(ask(remove('moved-2'), port => 8081)->{status}, 200,
    'changed at another location');
denied('is forgotten here', look('moved-2'));

allowed('by its tag', stop('ws-aaaaaaaa4'));
$desktops->clear;
is(ask(workspaces => 'CreateTags', { ResourceId => 'ws-aaaaaaaa4',
    Tags => [{ Key => 'team', Value => 'red' }] })->{status}, 200,
    'its tags are changed');
allowed('looked up', stop('ws-aaaaaaaa4'));
is($desktops->count, 2, 'anew');


# lookups that are none

my @wrong = (
    ['fails', status => 500, body => '{}'],
    ['is refused', status => 403, body => '{"__type":"AccessDenied"}'],
    ['is no JSON', body => 'sessions'],
    ['is cut', body => answer_of('%s'), cut => 20],
    ['is huge', body => '{"Sessions":[],"x":"' . 'x' x 1100000 . '"}'],
    ['takes too long', hang => 1],
    ['drops', drop => 1],
    ['lies', body => answer_of('alice-99')],
    ['is about more', body => answer_of('%s', 'alice-99')],
    ['says it twice', body => answer_of('%s', '%s')],
    ['has no list', body => '{}'],
    ['has an owner that is none',
        body => '{"Sessions":[{"Id":"%s","Owner":["alice"]}]}'],
    ['has further pages', body => '{"Sessions":[],"NextToken":"n"}'],
);

$t->allow(qr/deskgate: lookup by|upstream (timed out|prematurely closed)/);

foreach my $case (@wrong) {
    my ($name, %answer) = @$case;
    my $id = 'alice-wrong-' . ++$n;
    my $before = $broker->api_calls;

    $answer{body} =~ s/%s/$id/g if $answer{body};
    $sessions->behave(headers => [['Content-Type', 'application/json']],
        %answer);
    refused("a lookup that $name", 'facts_unavailable', remove($id));
    is($broker->api_calls, $before, 'nothing is sent');
}

$sessions->behave();
allowed('another is looked up', remove('alice-40'));

# an id that the service does not take, beside one that it takes

denied('a wrong id is asked for alone', remove('alice-50', 'bad-50'), want =>
    'facts_unavailable');
allowed('and harms none', look('alice-50'));

# a token that the broker takes no more

$sessions->behave(status => 401, body => '{}', times => 1);
allowed('another token is fetched', look('alice-60'));

refused('too many', 'facts_unavailable', look(map { "alice-m$_" } 1 .. 501));


# mistakes

mistake('no lookup', '', qr/reads "dcv:Owner" for \w+, a fact of the resource/);
mistake('no lookup', '', qr/: add "deskgate_facts dcv-session-manager/);
mistake('no slash', 'deskgate_facts workspaces /_facts;',
    qr/ends with a slash/);
mistake('no service', 'deskgate_facts sessions /_facts/;', qr/has no model/);
mistake('twice', $lookups . 'deskgate_facts workspaces /_x/;',
    qr/duplicate for that service/);
mistake('ttl', 'deskgate_facts workspaces /_facts/ ttl=0;', qr/1s to 1h/);
mistake('credentials', 'deskgate_facts workspaces /_facts/ credentials=x;',
    qr/not defined above/);
mistake('another word', 'deskgate_facts workspaces /_facts/ x=1;',
    qr/takes ttl=TIME/);

$t->finish;


sub allow {
    my ($actions, $condition) = @_;

    return { Effect => 'Allow', Principal => '*', Action => $actions,
        Resource => '*', $condition ? (Condition => $condition) : () };
}


sub sessions {
    my ($request) = @_;

    my $ids = $json->decode($request->{body})->{SessionIds};
    my %moved;

    if (open my $in, '<', "$dir/owners.json") {
        %moved = %{$json->decode(join '', <$in>)};
    }

    return { status => 400, headers => [['Content-Type', 'application/json']],
             body => '{"message":"no such id"}' }
        if grep { /^bad/ } @$ids;

    return { headers => [['Content-Type', 'application/json']],
             body => answer_of(map { $moved{$_}
                ? { Id => $_, Owner => $moved{$_} } : $_ }
                grep { !/^none/ } @$ids) };
}


sub answer_of {
    return $json->encode({ Sessions => [map { ref $_ ? $_
        : { Id => $_, Owner => /^bob/ ? 'bob' : 'alice', Type => 'VIRTUAL',
            Name => 'desk', Server => { Tags => [] } } } @_] });
}


sub desktops {
    my ($request) = @_;

    my $input = $json->decode($request->{body});
    my $operation = target($request);
    my $id = $input->{ResourceId} || $input->{WorkspaceInstanceId};
    my $tags = [{ Key => 'team', Value => $id && $id =~ /[1-9]$/
        && $id !~ /bbb/ ? 'blue' : 'red' }];
    my $body = $operation =~ /DescribeTags$/ ? { TagList => $tags }
        : $operation =~ /ListTagsForResource$/ ? { Tags => $tags }
        : { Workspaces => [map { { WorkspaceId => $_, UserName => 'alice',
            DirectoryId => /^ws-a/ ? 'd-9067012345' : 'd-9067099999' } }
            grep { !/^ws-c/ } @{$input->{WorkspaceIds}}] };

    return { headers => [['Content-Type', 'application/x-amz-json-1.1']],
             body => $json->encode($body) };
}


sub target {
    return Deskgate::SigV4::value($_[0]{headers}, 'x-amz-target') || '';
}


sub remove {
    my %more = ref $_[-1] ? %{pop()} : ();

    return ('dcv-session-manager' => 'DeleteSessions',
        [map { { SessionId => $_, Owner => 'alice', %more } } @_]);
}


sub look {
    return ('dcv-session-manager' => 'GetSessionScreenshots',
        [map { { SessionId => $_ } } @_]);
}


sub get {
    return ('dcv-session-manager' => 'GetSessionConnectionData', '',
        method => 'GET', target => "/sessionConnectionData/$_[0]/alice");
}


sub reboot {
    return (workspaces => 'RebootWorkspaces', { RebootWorkspaceRequests =>
        [map { { WorkspaceId => $_ } } @_] });
}


sub stop {
    return (workspaces => 'StopWorkspaces', { StopWorkspaceRequests =>
        [map { { WorkspaceId => $_ } } @_] });
}


sub instance {
    return ('workspaces-instances' => 'GetWorkspaceInstance',
        { WorkspaceInstanceId => $_[0] });
}


sub ask { return call(@_) }


sub allowed {
    my ($name, @call) = @_;

    refused($name, 'allowed', @call);
}


sub refused {
    my ($name, $wanted, @call) = @_;

    my $answer = ask(@call);

    is(refusal_of($t, $answer), $wanted, "$name: $wanted")
        or diag($answer->{body});
}


sub denied {
    my ($name, $service, $operation, $input, %more) = @_;

    refused($name, delete $more{want} || 'denied_implicit', $service,
        $operation, $input, %more);

    return undef;
}


sub message {
    my $text = ask(@_)->{body};

    $text =~ s/(bob|none)-\d/ID/g;
    $text =~ s/[0-9a-f-]{36}/UUID/g;

    return $text;
}


sub in_child {
    my ($do) = @_;

    my $pid = fork;

    die "fork: $!" if !defined $pid;
    return $pid if $pid;

    POSIX::_exit(eval { $do->() } ? 0 : 1);
}


sub mistake {
    my ($name, $lines, $says) = @_;

    my ($fine, $text) = $t->check_config(Deskgate::Gateway::text(
        location => $lines));

    ok(!$fine, "$name: refused");
    like($text, $says, 'and why');
}

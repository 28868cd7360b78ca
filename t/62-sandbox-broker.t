#!/usr/bin/perl

# The stand-in for a DCV Session Manager broker: tokens, sessions that are
# placed on servers, servers that are full or closed.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64;
use Test::More;

use Deskgate;

my $t = Deskgate->new();

$t->{modules} = ['ngx_http_deskgate_sandbox_module.so'];

my $secret = $t->secret('cG9zc2libGUgc2VjcmV0');

$t->write_file('client', "$secret\n");

$t->write_file_expand('nginx.conf', <<'EOF_CONF');

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    deskgate_sandbox_zone    sandbox:8m;
    deskgate_sandbox_models  %%ROOT%%/src/models;
    deskgate_sandbox_client  gateway client;

    server {
        listen  127.0.0.1:8080;

        location / {
            deskgate_sandbox  dcv-session-manager;
        }
    }

    server {
        listen  127.0.0.1:8081;
        deskgate_sandbox_token_lifetime  1s;

        location / {
            deskgate_sandbox  dcv-session-manager;
        }
    }
}

EOF_CONF

$t->run();

my $json = JSON::PP->new->utf8->canonical;
my $linux = 'ip-10-0-0-11-us-east-1-linux';
my $small = 'ip-10-0-0-12-us-east-1-linux';
my $token;

tokens();
sessions();
placing();
servers();
paging();

$t->finish();


sub basic {
    return ['Authorization', 'Basic ' . encode_base64(join(':', @_), '')];
}


sub grant {
    my (%q) = @_;

    return http_request(method => 'POST', body => '', target =>
        '/oauth2/token?grant_type=client_credentials',
        headers => [basic('gateway', $secret)], %q);
}


sub ask {
    my ($path, $input, %q) = @_;

    return http_request(method => 'POST', target => "/$path",
        body => ref $input ? $json->encode($input) : $input,
        headers => [['Authorization', "Bearer $token"],
            ['Content-Type', 'application/json']], %q);
}


sub call {
    my ($path, $input, %q) = @_;

    my $answer = ask($path, $input, %q);

    is($answer->{status}, 200, "$path answers")
        or diag($answer->{body});

    return json_of($answer);
}


sub session {
    my ($name, %more) = @_;

    return { Name => $name, Owner => 'ada', Type => 'VIRTUAL', %more };
}


# creates one, returns it; undef and the reason when it fails
sub create {
    my $made = call('createSessions', [session(@_)]);

    return ($made->{SuccessfulList}[0],
        $made->{UnsuccessfulList}[0]{FailureReason});
}


sub drop {
    my ($id, %more) = @_;

    return call('deleteSessions', [{ SessionId => $id, Owner => 'ada',
        %more }]);
}


sub sessions_of {
    return call('describeSessions', @_ ? $_[0] : {})->{Sessions};
}


sub server {
    return call('describeServers', { ServerIds => [$_[0]] })->{Servers}[0];
}


sub tokens {
    my $answer = grant();
    my $got = json_of($answer);

    is($answer->{status}, 200, 'a client gets a token');
    is(header($answer, 'Cache-Control'), 'no-store', 'that is not stored');
    is("$got->{token_type} $got->{expires_in}", 'Bearer 3600',
        'its type and lifetime');

    $token = $t->secret($got->{access_token});

    my $form = grant(target => '/oauth2/token', headers =>
        [['Content-Type', 'application/x-www-form-urlencoded']],
        body => 'grant_type=client_credentials&client_id=gateway&'
            . "client_secret=$secret");

    is($form->{status}, 200, 'also when all is in the body');
    isnt(json_of($form)->{access_token}, $token, 'each time another one');

    is(grant(headers => [basic('gateway', 'something else')])->{status}, 401,
        'not with another secret');
    is(grant(headers => [basic('other', $secret)])->{status}, 401,
        'not for another client');
    is(grant(headers => [])->{status}, 401, 'not without credentials');
    is(json_of(grant(target => '/oauth2/token?grant_type=password'))->{error},
        'unsupported_grant_type', 'no other grant');
    is(grant(target => '/oauth2/token')->{status}, 400, 'not without grant');
    is(grant(method => 'GET')->{status}, 405, 'by POST only');

    my $none = ask('describeSessions', {}, headers => []);

    is($none->{status}, 401, 'no call without a token');
    is(json_of($none)->{error}, 'No authorization header', 'and says so');

    is(ask('describeSessions', {}, headers =>
        [['Authorization', 'Bearer of.another.kind']])->{status}, 401,
        'a foreign token is refused');

    my $short = json_of(grant(port => 8081));

    is($short->{expires_in}, 1, 'a short life');

    my %bearer = (port => 8081, headers => [['Authorization',
        "Bearer $short->{access_token}"]]);

    ok($t->wait_for(sub {
        ask('describeSessions', {}, %bearer)->{status} == 401 }),
        'that ends');
}


sub sessions {
    my ($made) = create('first', MaxConcurrentClients => 2,
        StorageRoot => '/home');

    is("$made->{State} $made->{Substate}", 'CREATING SESSION_PLACING',
        'a session begins');
    is($made->{Server}{Id}, $linux, 'on a server');

    my $id = $made->{Id};
    my $found = sessions_of({ SessionIds => [$id] })->[0];

    is($found->{State}, 'READY', 'and is ready');
    ok(!exists $found->{Substate}, 'placed');
    is("$found->{MaxConcurrentClients} $found->{StorageRoot}", '2 /home',
        'as asked for');
    like($found->{CreationTime}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
        'times are texts with milliseconds');

    is(@{sessions_of({ Filters => [{ Key => 'owner', Value => 'ada' }] })},
        1, 'found by its owner');
    is(@{sessions_of({ Filters => [{ Key => 'owner', Value => 'bob' }] })},
        0, 'not by another');
    is(@{sessions_of({ Filters => [{ Key => 'tag:team',
        Value => 'design' }] })}, 1, 'found by a tag of its server');
    is(@{sessions_of({ Filters => [{ Key => 'tag:team',
        Value => 'office' }] })}, 0, 'not by another value');

    my $answer = ask("sessionConnectionData/$id/DOMAIN%5Cada%20b", '',
        method => 'GET');
    my $data = json_of($answer);

    is($answer->{status}, 200, 'connection data');
    is(header($answer, 'Cache-Control'), 'no-store', 'are not stored');
    is($data->{Session}{Server}{Endpoints}[0]{Port}, 8443,
        'they name the server');

    my ($head, $claims, $signature) = map { tr{-_}{+/}r }
        split /\./, $t->secret($data->{ConnectionToken});

    is($json->decode(decode_base64($head))->{alg}, 'RS256',
        'a token as the broker makes them');

    $claims = $json->decode(decode_base64($claims));

    is("$claims->{dcvSessionUser} $claims->{dcvSessionOwner}",
        'DOMAIN\ada b ada', 'for that user');
    is($claims->{dcvSessionId}, $id, 'and session');
    ok($claims->{exp} - $claims->{iat} == 3600, 'for an hour');

    my $none = ask('sessionConnectionData/nothing/ada', '', method => 'GET');

    is($none->{status}, 404, 'none for what is not there');
    is(header($none, 'X-Amzn-Errortype'), 'ResourceNotFoundException',
        'with a name');
    is(json_of($none)->{error}, 'The requested dcvSession does not exist',
        'and a text');

    my $shots = call('getSessionScreenshots',
        [{ SessionId => $id }, { SessionId => 'nothing' }]);

    is($shots->{SuccessfulList}[0]{SessionScreenshot}{Images}[0]{Format},
        'png', 'a picture');
    is($shots->{UnsuccessfulList}[0]{GetSessionScreenshotRequestData}
        {SessionId}, 'nothing', 'failures echo the request');

    my $changed = call('sessionPermissions', [
        { SessionId => $id, Owner => 'ada', PermissionsFile => 'YQ==' },
        { SessionId => $id, Owner => 'bob', PermissionsFile => 'YQ==' }],
        method => 'PUT');

    is_deeply($changed->{SuccessfulList}, [{ SessionId => $id }],
        'the owner changes permissions');
    is($changed->{UnsuccessfulList}[0]{FailureReason},
        'The requested dcvSession does not exist', 'nobody else does');

    is(call('deleteSessions', [{ SessionId => $id, Owner => 'bob' }])
        ->{UnsuccessfulList}[0]{SessionId}, $id, 'nor deletes');
    is(drop($id)->{SuccessfulList}[0]{State}, 'DELETING', 'deleting');
    is(sessions_of({ SessionIds => [$id] })->[0]{State}, 'DELETED',
        'deleted sessions can still be seen');
    is(drop($id)->{UnsuccessfulList}[0]{SessionId}, $id,
        'but not deleted again');

    is(ask('createSessions', { Sessions => [session('a')] })->{status}, 400,
        'a broker takes bare arrays only');
    is(ask('createSessions', [{ Owner => 'ada', Type => 'VIRTUAL' }])
        ->{status}, 400, 'names are required');
    is(ask('nothing', {})->{status}, 404, 'what is not an operation');

    my $api = ask('dcv-session-manager-api.yaml', '', method => 'GET');

    is($api->{status}, 200, 'the description of the API');
    is(header($api, 'Content-Type'), 'application/yaml', 'as YAML');
    like($api->{body}, qr/^openapi: 3/m, 'of OpenAPI');
    is(ask('dcv-session-manager-api.yaml', '', method => 'GET',
        headers => [])->{status}, 401, 'not without a token');
}


sub placing {
    my ($made) = create('tagged', Requirements =>
        "tag:team = 'office' and server:Host.Memory.TotalBytes > 1e9");

    is($made->{Server}{Id}, $small, 'Requirements choose the server');

    is(server($small)->{UnavailabilityReason}, 'SERVER_FULL',
        'which is full then');

    my ($none, $reason) = create('second', Requirements =>
        "tag:team = 'office'");

    ok(!$none && $reason, 'a second one finds no place');

    my ($queued) = create('waits', EnqueueRequest => JSON::PP::true,
        Requirements => "tag:team = 'office'");

    is($queued->{State}, 'CREATING', 'unless it waits');
    is(sessions_of({ SessionIds => [$queued->{Id}] })->[0]{State},
        'CREATING', 'and it does');

    drop($made->{Id});

    my $placed = sessions_of({ SessionIds => [$queued->{Id}] })->[0];

    is("$placed->{State} $placed->{Server}{Id}", "READY $small",
        'until there is place');
    drop($placed->{Id});

    my ($windows) = create('console', Type => 'CONSOLE', Requirements =>
        "server:Host.Os.Family = 'windows'");

    is($windows->{Server}{Host}{Os}{Family}, 'windows',
        'console sessions on Windows');
    ok(!(create('virtual', Requirements =>
        "server:Host.Os.Family = 'windows'"))[0],
        'virtual sessions are not for Windows');

    my $wrong = ask('createSessions', [session('x', Requirements =>
        "tag:team == 'office'")]);

    like($wrong->{body}, qr/position 11/, 'a mistake in Requirements is told')
        or diag($wrong->{body});

    drop($windows->{Id});
}


sub servers {
    my ($made) = create('here', Requirements => "tag:team = 'design'");

    is(server($linux)->{VirtualSessionCount}, 1, 'a server counts sessions');

    my $closed = call('closeServers', [{ ServerId => $linux },
        { ServerId => 'nothing' }]);

    is_deeply([map { $_->{FailureCode} } @{$closed->{UnsuccessfulList}}],
        [undef, 'DCV_SERVER_NOT_FOUND'],
        'one with sessions is not closed, one that is not there neither');

    call('closeServers', [{ ServerId => $linux, Force => JSON::PP::true }]);
    is(server($linux)->{UnavailabilityReason}, 'SERVER_CLOSED',
        'unless forced');
    is(sessions_of({ SessionIds => [$made->{Id}] })->[0]{State}, 'READY',
        'its sessions run on');
    ok(!(create('no', Requirements => "tag:team = 'design'"))[0],
        'a closed one takes no session');

    call('openServers', [{ ServerId => $linux }]);
    is(server($linux)->{Availability}, 'AVAILABLE', 'opened');
    ok(!exists server($linux)->{UnavailabilityReason}, 'without reason');

    drop($made->{Id}, Force => JSON::PP::true);
    is(server($linux)->{VirtualSessionCount}, 0, 'none is left');
}


sub paging {
    my (@seen, $next);

    do {
        my $page = call('describeServers', { MaxResults => 3,
            defined $next ? (NextToken => $next) : () });

        push @seen, map { $_->{Id} } @{$page->{Servers}};
        $next = $page->{NextToken};

    } while (defined $next);

    is(scalar @seen, 4, 'servers page by page');
    is(ask('describeServers', { NextToken => 'foreign' })->{status}, 400,
        'a foreign token is refused');
}

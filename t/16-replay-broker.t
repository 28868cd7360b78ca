#!/usr/bin/perl

# A broker's 401 is no answer yet: the token is renewed, once for everybody,
# and the call sent once more.  What comes then is the answer; without another
# token it is the 401.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new()->need('curl');
my $g = Deskgate::Send->new($t);
my $lab = $g->broker;
my $down = $g->broker(inject => 'down');

my $token_location = '
        location = /_deskgate/token {
            internal;
            proxy_pass  http://127.0.0.1:8084/oauth2/token;
        }';

my $server = sub {
    my ($listen, $more, $pass) = @_;

    $pass ||= 'http://127.0.0.1:8084';

    return "
    server {
        listen  127.0.0.1:$listen;

        location / {
            $lab
            $more
            proxy_pass  $pass;
        }
$token_location
    }";
};

my @servers = (
    $server->('8080', ''),
    $server->('8090', 'proxy_buffering off;'),
    $server->('8091', '', 'http://kept'),
    $server->('8092 http2', ''),
    $server->('8093', 'deskgate_throttle rate=1r/h burst=3;'),
    $server->('8094', 'client_body_in_file_only on;'),
    $server->('8096', 'proxy_buffering off;', 'http://kept'),
);

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

worker_processes  2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}

    deskgate_broker down {
        token               /_deskgate/down;
        client_id           gateway;
        client_secret_file  broker.secret;
    }

    upstream kept {
        server     127.0.0.1:8084;
        keepalive  4;
    }

@servers

    server {
        listen  127.0.0.1:8095;
        listen  127.0.0.1:8098 http2;

        location / {
            $down
            proxy_pass  http://127.0.0.1:8083;
        }

        location = /_deskgate/down {
            internal;
            proxy_pass  http://127.0.0.1:8085;
        }
    }

    # nobody listens at the first
    server {
        listen  127.0.0.1:8099;

        location / {
            $lab
            proxy_pass  http://127.0.0.1:8086;
            error_page  502 = \@second;
        }

        location \@second {
            proxy_set_header  Host \$deskgate_host;
            proxy_pass        http://127.0.0.1:8084;
            error_page        502 = \@third;
        }

        location \@third {
            proxy_set_header  Host \$deskgate_host;
            proxy_pass        http://127.0.0.1:8084;
        }
$token_location
    }

    server {
        listen  127.0.0.1:8097;

        location = /status {
            deskgate_status;
        }
    }
}

EOF_CONF

# what a call with a good token gets: the user says what
my %answers = (
    again  => { status => 401, body => '{"error":"again"}' },
    drop   => { drop => 1 },
    broken => { status => 503, body => '{"error":"broken"}' },
    large  => { body => '[' . '0,' x 150_000 . '1]' },
);

my $broker = Deskgate::Broker->start($t, port => 8084, name => 'lab',
    client_id => 'gateway', client_secret => $Deskgate::Send::BROKER_SECRET,
    answer => sub {
        my ($request, $n) = @_;
        my ($user) = $request->{target} =~ m{/(\w+)$};
        my $answer = $answers{$user} || { body => '{"Made":true}' };

        return { %$answer, headers => [
            ['Content-Type', 'application/json'],
            ['x-amzn-RequestId', "second-$n"] ] };
    });

my $api = Deskgate::Upstream->start($t, port => 8083, name => 'api');

my $idp = Deskgate::Upstream->start($t, port => 8085, name => 'idp',
    answer => sub {
        return { headers => [['Content-Type', 'application/json']],
            body => '{"access_token":"token-of-idp","token_type":"Bearer",'
                . '"expires_in":3600}' };
    });

$t->secret('gateway-token-', except => [qr/^lab\.requests/]);
$t->secret('token-of-idp', except => [qr/^(api|idp)\.requests/]);

$t->run();

my ($calls, $k) = (0, 0);


sub call {
    my ($method, $target, %q) = @_;

    $calls++;

    return $g->broker_call($method, $target, %q);
}


sub describe {
    my (%q) = @_;

    return call('POST', '/describeSessions',
        body => '{"SessionIds":["s' . ++$k . '"]}', %q);
}


sub connection {
    my ($user, %q) = @_;

    return call('GET', '/sessionConnectionData/s' . ++$k . "/$user", %q);
}


# The requests to the API since the last time
sub sent {
    my @requests = grep { $_->{target} !~ m{^/oauth2} } $broker->requests;

    $broker->clear;

    return @requests;
}


sub token_of {
    my ($request) = @_;

    return Deskgate::SigV4::value($request->{headers}, 'authorization');
}


# Both requests are the same, but for the token
sub twice {
    my ($name, $body, $tokens) = @_;

    my $fetches = $broker->token_calls;
    my @sent = sent();

    is(scalar @sent, 2, "$name: sent twice") or return;
    is($fetches, $tokens || 1, "$name: one new token");
    isnt(token_of($sent[0]), token_of($sent[1]), "$name: by another token");

    foreach my $request (@sent) {
        ok($request->{body} eq $body, "$name: the body") if defined $body;
        $request->{raw} =~ s/(Authorization: Bearer ).*/$1/i;
        $request->{raw} = join "\r\n", sort split /\r\n/, $request->{raw};
    }

    is($sent[0]{raw}, $sent[1]{raw}, "$name: the same request")
        if length($sent[0]{raw}) < 5000;
}


# a revoked token

is(describe()->{status}, 200, 'a call');
is($broker->token_calls, 1, 'fetches a token');
is(scalar sent(), 1, 'and is sent');

my $long = join ',', map {
    qq({"Name":"desk $_","Owner":"alice","Type":"VIRTUAL"}) } 1 .. 900;
my $permissions = '[{"SessionId":"s","Owner":"alice",'
    . '"PermissionsFile":"%s"}]';

foreach my $port (8080, 8090, 8091, 8094, 8096) {
    my ($answer, $body);

    $broker->revoke;
    $answer = describe(port => $port);
    is($answer->{status}, 200, "POST, $port") or diag($answer->{body});
    is($answer->{body}, '{"Made":true}', "POST, $port: the second's body");
    like(join(',', header($answer, 'x-amzn-requestid')), qr/^second-\d+$/,
        "POST, $port: its request id alone");
    is(join(',', header($answer, 'content-type')), 'application/json',
        "POST, $port: its type alone");
    twice("POST, $port");

    $broker->revoke;
    $answer = connection('alice', port => $port);
    is($answer->{status}, 200, "GET, $port");
    is(join(',', header($answer, 'cache-control')), 'no-store',
        "GET, $port: not to be kept");
    twice("GET, $port", '');

    $body = sprintf $permissions, 'cA==' x ++$k;
    $broker->revoke;
    is(call('PUT', '/sessionPermissions', body => $body,
        port => $port)->{status}, 200, "PUT, $port");
    twice("PUT, $port", $body);

    # longer than what is kept in memory
    $body = "[$long," . qq({"Name":"$port","Owner":"o","Type":"CONSOLE"}]);
    $broker->revoke;
    is(call('POST', '/createSessions', body => $body,
        port => $port)->{status}, 200, "a long POST, $port");
    twice("a long POST, $port", $body);

    # the array of the SDKs' form
    $broker->revoke;
    is(call('POST', '/createSessions', body => qq({"Sessions" : $body }),
        port => $port)->{status}, 200, "an array from within, $port");
    twice("an array from within, $port", $body);

    # an answer longer than what is held
    $broker->revoke;
    $answer = connection('large', port => $port);
    ok($answer->{body} eq $answers{large}{body}, "a large answer, $port");
    twice("a large answer, $port");
}


# the connection of the client lives on

{
    my $c = $t->connect(8080);
    my @statuses;

    foreach (1 .. 6) {
        $broker->revoke if $_ % 2;
        $calls++;

        my $answer = $c->request(%{$g->broker_request('POST',
            '/describeSessions', body => '{"SessionIds":["p' . ++$k
            . '"]}')});

        push @statuses, $answer->{status};
    }

    is(join(',', @statuses), join(',', (200) x 6), 'one connection');
    is(scalar sent(), 9, 'every other call twice');

    my @texts = map { Deskgate::Connection::request_text(
        %{$g->broker_request('POST', '/describeSessions',
        body => '{"SessionIds":["q' . ++$k . '"]}')}) } 1 .. 5;

    $broker->revoke;
    $c->send(join '', @texts);
    $calls += @texts;
    @statuses = map { $c->answer('POST')->{status} } @texts;
    is(join(',', @statuses), join(',', (200) x 5), 'pipelined');
    is(scalar sent(), 6, 'the first of them twice');
}


# HTTP/2

foreach my $n (1 .. 3) {
    my $q = $g->broker_request('POST', '/describeSessions',
        body => '{"SessionIds":["h' . ++$k . '"]}');

    $broker->revoke;
    $calls++;

    my $answer = $t->curl('--http2-prior-knowledge',
        (map { ('-H', "$_->[0]: $_->[1]") } @{$q->{headers}}),
        '--data-binary', $q->{body},
        'http://127.0.0.1:' . port(8092) . '/describeSessions');

    is($answer->{status}, 200, "HTTP/2, $n");
    is($answer->{body}, '{"Made":true}', "HTTP/2, $n: the second's body");
    twice("HTTP/2, $n");
}


# many at once

foreach my $port (8080, 8091) {
    my @clients = map { $t->connect($port) } 1 .. 20;
    my %statuses;

    $broker->revoke;

    foreach my $c (@clients) {
        $calls++;
        $c->send(Deskgate::Connection::request_text(%{$g->broker_request(
            'POST', '/describeSessions',
            body => '{"SessionIds":["m' . ++$k . '"]}')}));
    }

    $statuses{$_->answer('POST')->{status}}++ foreach @clients;

    is_deeply(\%statuses, { 200 => 20 }, "20 calls at once, $port");
    is($broker->token_calls, 1, "20 calls at once, $port: one new token");

    my %seen;

    $seen{$_->{body}}++ foreach sent();

    is(scalar keys %seen, 20, "20 calls at once, $port: all were sent");
    is(scalar(grep { $_ > 2 } values %seen), 0,
        "20 calls at once, $port: none of them three times");
}


# what the second answer may be

{
    my $answer;

    $broker->revoke;
    $answer = connection('again');
    is($answer->{status}, 401, 'a second 401');
    is($answer->{body}, '{"error":"again"}', 'passes');
    twice('a second 401');

    $answer = connection('again');
    is($answer->{status}, 401, 'a 401 to every token');
    twice('a 401 to every token', '', 2);
    describe();
    sent();

    $broker->revoke;
    $answer = connection('broken');
    is($answer->{status}, 503, 'another error');
    is($answer->{body}, '{"error":"broken"}', 'passes as it is');
    twice('another error');

    $broker->revoke;
    $answer = connection('drop');
    is($answer->{status}, 502, 'no answer');
    like(header($answer, 'content-type'), qr/json/,
        'is said in the form of the service');
    is(scalar sent(), 2, 'the call is not sent a third time');

    $broker->revoke;
    is(describe(port => 8099)->{status}, 200, 'a location after a failure');
    twice('a location after a failure');

    $broker->revoke;
    isnt(connection('drop', port => 8099)->{status}, 200,
        'no answer, and a location after it');
    is(scalar sent(), 2, 'the call is not sent a third time by that');
}


# a 401 that is large, in pieces or empty

sub first {
    my ($name, $status, $count, %answer) = @_;

    $broker->behave(status => 401, times => 1, %answer);

    my $answer = describe();

    is($answer->{status}, $status, "$name: status");
    is(scalar sent(), $count, "$name: sent $count times");
    $broker->behave;

    return $answer;
}

describe();
sent();

my $most = 'x' x 65536;

first('an empty 401', 200, 2, body => '');
first('a chunked 401', 200, 2, chunked => 1, pieces => ['{"a":', '1}']);
first('the largest 401', 200, 2, body => $most);

{
    my $answer = first('a larger 401', 401, 1, body => $most . 'y');

    ok($answer->{body} eq $most . 'y', 'a larger 401: whole');
    is(header($answer, 'content-length'), 65537, 'a larger 401: its length');

    my @pieces = map { $_ x 1000 } 'a' .. 'z';

    $answer = first('a larger 401 in pieces', 401, 1, chunked => 1,
        pieces => [@pieces, @pieces, @pieces]);
    ok($answer->{body} eq join('', @pieces, @pieces, @pieces),
        'a larger 401 in pieces: whole');

    $answer = first('a 401 that breaks off', 401, 1, body => $most,
        cut => 1000);
    ok($answer->{cut}, 'a 401 that breaks off: so it does here');
}


# no other token

{
    my %one = (headers => [['Content-Type', 'application/json'],
                           ['x-amzn-RequestId', 'the-401']]);
    my $answer;

    is(describe(port => 8095)->{status}, 200, 'a call to another broker');
    is($api->count, 1, 'is sent');
    $api->clear;

    $idp->behave(status => 500, body => '{}');
    $api->behave(%one, status => 401, body => '{"error":"the 401"}');
    $answer = describe(port => 8095);
    is($answer->{status}, 401, 'no new token');
    is($answer->{body}, '{"error":"the 401"}', 'the 401 goes out');
    is(join(',', header($answer, 'x-amzn-requestid')), 'the-401',
        'with its headers');
    is(header($answer, 'content-length'), 19, 'and its length');
    is($api->count, 1, 'the call was sent once');

    # over now, and so is the failure that is shared for a second
    $api->behave;
    $idp->behave;
    sleep 1.6;
    is(describe(port => 8095)->{status}, 200, 'later there is a token');
    $api->clear;

    # clients that do not wait for it
    foreach my $port (8095, 8098) {
        my $q = $g->broker_request('POST', '/describeSessions',
            body => qq({"SessionIds":["gone $port"]}));

        $api->behave(%one, status => 401, times => 1, body => '{}');
        $idp->clear;
        $idp->behave(times => 1, delay => 0.6, body =>
            '{"access_token":"token-of-idp","token_type":"Bearer",'
            . '"expires_in":3600}');
        $calls++;

        if ($port == 8095) {
            my $c = $t->connect($port);

            $c->send(Deskgate::Connection::request_text(%$q));
            $idp->wait_requests(1);
            $c->close;

        } else {
            $t->curl('--http2-prior-knowledge', '--max-time', '0.3',
                (map { ('-H', "$_->[0]: $_->[1]") } @{$q->{headers}}),
                '--data-binary', $q->{body},
                'http://127.0.0.1:' . port($port) . '/describeSessions');
        }

        ok($t->wait_for(sub { $t->record_lines >= $calls }),
            "a client that went away, $port: recorded");
        is(describe(port => 8095)->{status}, 200,
            "a client that went away, $port: the next is served");
        is($idp->count, 1,
            "a client that went away, $port: by the token that it fetched");
        $api->clear;
    }

    # a token endpoint that fails meanwhile
    $api->behave(%one, status => 401, times => 1, body => '{}');
    $idp->behave(delay => 0.3, status => 503, body => '{}');

    my $c = $t->connect(8095);

    $calls++;
    $c->send(Deskgate::Connection::request_text(%{$g->broker_request('POST',
        '/describeSessions', body => '{"SessionIds":["gone"]}')}));
    $api->wait_requests(1);
    sleep 0.1;
    $c->close;
    $t->wait_for(sub { $t->record_lines >= $calls });
    is($api->count, 1, 'gone, and no token: nothing is sent again');
}


# throttles, records and counters

sent();

foreach (1 .. 3) {
    $broker->revoke;
    is(describe(port => 8093)->{status}, 200, "call $_ of 3 that are allowed");
}

is(scalar sent(), 6, 'which were sent twice');
is(describe(port => 8093)->{status}, 429, 'and charged once');

my @records = $t->wait_records($calls);

is(scalar @records, $calls, 'one record for each call');

sub attempts {
    my ($record) = @_;

    return JSON::PP->new->canonical->encode($record) =~ /"attempts":(\d+)/
        ? $1 : 0;
}

my ($first) = grep { ($_->{eventName} || '') eq 'UpdateSessionPermissions' }
    @records;

is(attempts($first), 2, 'the record says that it was sent twice');

($first) = grep { JSON::PP->new->encode($_) =~ /"s1"/ } @records;

is(attempts($first), 1, 'or once');
is(join(',', map { $_->{errorCode} || () }
    grep { ($_->{eventName} || '') eq 'UpdateSessionPermissions' } @records),
    '', 'and nothing of the 401');

my $status = json_of(http_get('/status', port => 8097));
my $twice = grep { attempts($_) >= 2 } @records;

is($status->{services}{'dcv-session-manager'}{replayed}, $twice,
    'and so does the counter')
    or diag(explain($status->{services}));

$t->finish;

#!/usr/bin/perl

# The way into a session: the server's address in the answer is replaced by
# the Connection Gateway's, an answer in which that cannot be done is not
# passed on, and the record has who was let in until when, but no token.

use warnings;
use strict;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Encode ();
use MIME::Base64;
use Test::More;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Send;

my $t = Deskgate->new()->need('curl');
my $g = Deskgate::Send->new($t);
my $json = JSON::PP->new->canonical;

my $policy = 'deskgate_policy broker.json;';

# port => [broker, lines of the location, of listen]
my %servers = (
    8080 => ['lab', ''],
    8081 => ['gated', ''],
    8082 => ['gated', 'proxy_buffering off;'],
    8083 => ['gated', '', ' http2'],
    8084 => ['gated', 'gzip on; gzip_types *; gzip_min_length 1;'],
    8085 => ['gated', 'proxy_force_ranges on;'],
    8086 => ['gated', 'deskgate_mode observe;'],
    8087 => ['gated6', ''],
    8088 => ['gated', 'proxy_buffer_size 4k; proxy_buffers 8 4k; '
                     . 'proxy_busy_buffers_size 8k;'],
);

my $server_text = join '', map {
    my ($broker, $lines, $listen) = (@{$servers{$_}}, '');
    my $location = $g->broker(inject => $broker);

    "
    server {
        listen  127.0.0.1:$_$listen;

        location / {
            $location
            $lines
            proxy_pass  http://127.0.0.1:8090;
        }

        location = /_deskgate/token {
            internal;
            proxy_pass  http://127.0.0.1:8090/oauth2/token;
        }
    }"
} sort keys %servers;

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}

    deskgate_broker gated {
        token               /_deskgate/token;
        client_id           gateway;
        client_secret_file  broker.secret;
        connect             dcv.example.com:8443;
    }

    deskgate_broker gated6 {
        token               /_deskgate/token;
        client_id           gateway;
        client_secret_file  broker.secret;
        connect             [2001:db8::7]:443;
    }
$server_text
}

EOF_CONF

my $END = 1_900_000_000;
my $JTI = '0a3c5f0e-1111-4222-8333-444455556666';


sub part { return encode_base64($_[0], '') =~ tr{+/}{-_}r =~ s/=+$//r }


# A token as brokers make them, for a user
sub connection_token {
    my ($user) = @_;

    return join '.', part('{"typ":"JWT","alg":"RS256","kid":"k"}'),
        part($json->utf8->encode({ iat => $END - 3600, exp => $END,
            jti => $JTI, dcvSessionId => 's1', dcvSessionOwner => 'alice',
            dcvSessionUser => $user })),
        part('signature-of-the-connection-token');
}


sub endpoint {
    my ($address, $port, $protocol) = @_;

    return { IpAddress => $address, Port => $port, WebUrlPath => '/',
        Protocol => $protocol };
}


sub session {
    my (%server) = @_;

    return { Id => 's1', Name => 'desk', Owner => 'alice', Server => {
        Id => 'server-1', Hostname => 'ip-10-0-0-1', Ip => '10.0.0.1',
        Port => '8443', WebUrlPath => '/', Endpoints => [
            endpoint('10.0.0.1', 8443, 'HTTP'),
            endpoint('10.0.0.1', 8443, 'QUIC'),
            endpoint('10.0.0.2', 8444, 'HTTP')],
        Tags => [{ Key => 'a', Value => "\x{e4}\x{2028}" }], %server } };
}


sub data {
    my ($user, %server) = @_;

    return JSON::PP->new->canonical->utf8->pretty->encode({
        Session => session(%server),
        ConnectionToken => connection_token($user) });
}

my $large = data('bob', Large => 'x' x 70_000);

# by the user's name in the path
my %answers = (
    opaque  => { body => '{"ConnectionToken":"opaque-connection-token",'
                         . '"Session":{"Server":{"Ip":"10.0.0.1"}}}' },
    large   => { body => $large },
    flood   => { body => $large x 20 },
    pieces  => { chunked => 1, pieces => [unpack '(a200)*', data('bob')] },
    endless => { chunked => 1, pieces => [('10.0.0.1' x 8000) x 4] },
    cut     => { body => data('bob'), cut => 300 },
    cutlate => { chunked => 1, cut => 1, pieces => [data('bob')] },
    html    => { body => '<html>10.0.0.1</html>' },
    array   => { body => '["10.0.0.1"]' },
    odd     => { body => '{"Session":{"Server":"10.0.0.1"}}' },
    twice   => { body => '{"Session":{},"Session":{"Server":'
                         . '{"Ip":"10.0.0.1"}}}' },
    gzip    => { body => "\x1f\x8b\x08\x00" . '10.0.0.1',
                 headers => [['Content-Encoding', 'gzip'],
                             ['Set-Cookie', 'a=10.0.0.1']] },
    empty   => { body => '' },
    none    => { body => '{"RequestId":"r"}' },
    fails   => { status => 400, body => '{"error":"not at 10.0.0.1"}' },
    moved   => { status => 302, headers => [['Location', 'http://x/']],
                 body => '' },
    tagged  => { body => data('bob'), headers => [['ETag', '"1"'],
                 ['Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
                 ['Accept-Ranges', 'bytes']] },
    revoked => { status => 401, body => '{"error":"token"}' },
    full    => { body => data('bob', Full => 'x' x (65_536
                     - length data('bob', Full => ''))) },
);

my %batches = (
    deleteSessions => '{"RequestId":"r","SuccessfulList":[{"SessionId":"a",'
        . '"State":"DELETING"}],"UnsuccessfulList":[{"SessionId":"b",'
        . '"FailureReason":"not there"},{"SessionId":"c","FailureReason":'
        . '"not there"}]}',
    createSessions => '{"RequestId":"r","SuccessfulList":[],'
        . '"UnsuccessfulList":[{"CreateSessionRequestData":{"Name":"n",'
        . '"Owner":"o","Type":"VIRTUAL"},"FailureReason":"no server"}]}',
    sessionPermissions => '{"RequestId":"r","SuccessfulList":[{"SessionId":'
        . '"a"}],"UnsuccessfulList":[]}',
    openServers => '{"RequestId":"r","SuccessfulList":[],"UnsuccessfulList":'
        . '[{"OpenServerRequestData":{"ServerId":"x"},"FailureCode":'
        . '"DCV_SERVER_NOT_FOUND","FailureReason":"unknown"}]}',
    describeSessions => '{"RequestId":"r","Sessions":[]}',
    'dcv-session-manager-api.yaml' => '{"description":"of the broker"}',
);

my $lab = Deskgate::Broker->start($t, port => 8090, name => 'lab',
    client_id => 'gateway', client_secret => $Deskgate::Send::BROKER_SECRET,
    answer => sub {
        my ($request) = @_;
        my ($first, @labels) = grep { length } split m{/}, $request->{target};
        my @type = (['Content-Type', 'application/json'],
            ['x-amzn-RequestId', 'broker-id-' . $request->{n}]);

        return { headers => \@type, body => $batches{$first} }
            if $batches{$first};

        my $user = $labels[1];
        my $answer = $answers{$user}
            || { body => data(Encode::decode('UTF-8',
                     Deskgate::SigV4::decode($user))) };

        return { %$answer, headers => [@type, @{$answer->{headers} || []}] };
    });

$t->secret('gateway-token-', except => [qr/^lab\.requests/]);
$t->secret('signature-of-the-connection-token');
$t->secret(part('signature-of-the-connection-token'));
$t->secret('opaque-connection-token');

$t->run();

my ($calls, $k) = (0, 0);

replaced();
ways();
refused();
passed();
observed();
paths();
partial();
configurations();

$t->finish;


# A session of its own for each, or it would be the same signature again
sub target {
    my ($user) = @_;

    return '/sessionConnectionData/s' . ++$k . "/$user";
}


sub ask {
    my ($user, $port, %q) = @_;

    $calls++;

    return $g->broker_call('GET', target($user), port => $port, %q);
}


# The same by curl, with a token
sub bearer {
    my ($user, $port, @options) = @_;

    $calls++;

    return $t->curl(@options, '-H', 'Authorization: Bearer ' . $t->secret(
        $g->token, except => [qr/requests/]), 'http://localhost:'
        . Deskgate::port($port) . target($user));
}


sub last_record { return ($t->wait_records($calls))[-1] }


sub extra { return last_record()->{additionalEventData}{deskgate} }


sub addresses {
    my ($answer) = @_;

    my $server = json_of($answer)->{Session}{Server};

    return join ' ', @$server{qw/Ip Port/}, map {
        "$_->{Protocol}:$_->{IpAddress}:$_->{Port}$_->{WebUrlPath}"
    } @{$server->{Endpoints}};
}


sub replaced {
    my $plain = ask('bob', 8080);

    is(addresses($plain), '10.0.0.1 8443 HTTP:10.0.0.1:8443/ '
        . 'QUIC:10.0.0.1:8443/ HTTP:10.0.0.2:8444/',
        'without connect the answer says where the server is');
    is($plain->{body}, data('bob'), 'and is as it came, byte for byte');

    my $token = extra()->{connectionToken};

    is_deeply($token, { jti => $JTI, user => 'bob', verified =>
        JSON::PP::false, expiration => '2030-03-17T17:46:40Z' },
        'the record has the id, user and end of the token, not verified');
    ok(!defined last_record()->{responseElements}, 'and nothing of the answer');

    my $answer = ask('bob', 8081);
    my $got = json_of($answer);

    is($answer->{status}, 200, 'with connect');
    is(addresses($answer), 'dcv.example.com 8443 '
        . 'HTTP:dcv.example.com:8443/ QUIC:dcv.example.com:8443/',
        'all addresses are the gateway\'s, each endpoint once');
    is(header($answer, 'content-length'), length $answer->{body},
        'the length is the new one');
    is(scalar(my @lengths = header($answer, 'content-length')), 1,
        'said once');
    is(header($answer, 'cache-control'), 'no-store', 'not to be stored');
    like(header($answer, 'x-amzn-requestid'), qr/^broker-id-/,
        'the broker\'s request id');
    is($got->{ConnectionToken}, connection_token('bob'), 'the token is whole');
    is($got->{Session}{Server}{Hostname}, 'ip-10-0-0-1',
        'what is no address stays');
    is($got->{Session}{Server}{Tags}[0]{Value}, "\x{e4}\x{2028}",
        'whatever its letters are');
    is(extra()->{connectionToken}{jti}, $JTI, 'recorded all the same');

    is(addresses(ask('bob', 8087)), '2001:db8::7 443 '
        . 'HTTP:2001:db8::7:443/ QUIC:2001:db8::7:443/', 'an IPv6 address');

    $answer = ask('opaque', 8081);
    is(json_of($answer)->{ConnectionToken}, 'opaque-connection-token',
        'an opaque token');
    is(json_of($answer)->{Session}{Server}{Port}, '8443',
        'a port that was not said');
    ok(!exists extra()->{connectionToken}, 'is not in the record');
}


sub ways {
    my $gateway = 'dcv.example.com 8443 HTTP:dcv.example.com:8443/ '
        . 'QUIC:dcv.example.com:8443/';

    is(addresses(ask('bob', 8082)), $gateway, 'unbuffered');
    is(addresses(ask('pieces', 8081)), $gateway, 'in chunks');
    is(addresses(ask('pieces', 8082)), $gateway, 'in chunks, unbuffered');
    is(addresses(ask('full', 8081)), $gateway, 'nearly too large');
    is(addresses(ask('full', 8088)), $gateway, 'in many small buffers');
    is(addresses(ask('full', 8082)), $gateway, 'unbuffered');

    my $zipped = bearer('bob', 8084, '--compressed');

    is(addresses($zipped), $gateway, 'compressed by nginx itself')
        or diag(join ' ', map { @$_ } @{$zipped->{headers}});

    my $ranged = ask('tagged', 8085, headers => [['Range', 'bytes=0-9']]);

    is($ranged->{status}, 200, 'a range of what is changed is all of it');
    is(addresses($ranged), $gateway, 'and changed');
    ok(!defined header($ranged, $_), "$_ of another text is not passed on")
        foreach 'etag', 'last-modified', 'accept-ranges';

    my $two = bearer('bob', 8083, '--http2-prior-knowledge');

    is($two->{status}, 200, 'HTTP/2');
    is(addresses($two), $gateway, 'HTTP/2: replaced');

    is(bearer($_, 8083, '--http2-prior-knowledge')->{status}, 502,
        "HTTP/2: $_ is not passed on") foreach 'large', 'cut', 'html';

    # one connection for many
    my $c = $t->connect(8081);

    foreach my $user ('bob', 'pieces', 'html', 'bob', 'large', 'bob') {
        my $answer = $c->request(%{$g->broker_request('GET',
            target($user))});

        $calls++;

        is($answer->{status}, $user =~ /html|large/ ? 502 : 200,
            "$user on a connection that is kept");
    }
}


# A caller that has the broker's token still: nothing is changed for it
sub observed {
    my $token = json_of(http_request(port => 8090, method => 'POST', body => '',
        target => '/oauth2/token?grant_type=client_credentials',
        headers => [['Authorization', 'Basic ' . encode_base64(
            "gateway:$Deskgate::Send::BROKER_SECRET", '')]]))->{access_token};

    my %bearer = (port => 8086, headers => [['Host', 'localhost'],
        ['Authorization', "Bearer $token"]]);

    is(addresses(http_get(target('bob'), %bearer)),
        '10.0.0.1 8443 HTTP:10.0.0.1:8443/ QUIC:10.0.0.1:8443/ '
        . 'HTTP:10.0.0.2:8444/', 'observing changes no answer');
    is(http_get('/dcv-session-manager-api.yaml', %bearer)->{body},
        '{"description":"of the broker"}', 'and passes every call on');

    $calls += 2;
    $lab->revoke;
}


sub refused {
    my %why = (
        large => 'it is too large', flood => 'it is too large',
        endless => 'it is too large',
        html => 'it is not of the model\'s form',
        array => 'it is not of the model\'s form',
        odd => 'it is not of the model\'s form',
        twice => 'it is not of the model\'s form',
        gzip => 'it is not of the model\'s form',
        empty => 'it is not of the model\'s form',
        cut => 'it was cut short', cutlate => 'it was cut short',
    );

    foreach my $port (8081, 8082) {
        foreach my $user (sort keys %why) {
            my $answer = ask($user, $port);
            my $told = json_of($answer) || {};

            is($answer->{status}, 502, "$user, $port: not passed on");
            is($told->{code}, 'ServiceUnavailableException',
                "$user, $port: as an error of the service");
            is(header($answer, 'content-length'), length $answer->{body},
                "$user, $port: its length");
            unlike(join("\n", $answer->{body},
                map { @$_ } @{$answer->{headers}}), qr/10\.0\.0\.1|gzip/,
                "$user, $port: nothing of it is told");

            my $record = last_record();

            is($record->{additionalEventData}{deskgate}{refusal},
                'answer_unreadable', "$user, $port: recorded");
            is($record->{requestID}, header($answer, 'x-amzn-requestid'),
                "$user, $port: under the request id that was told");
            is($record->{additionalEventData}{deskgate}{upstream}{status},
                200, "$user, $port: with the broker's status");
            ok($t->wait_log(qr/refused:[ ]answer_unreadable,[ ][^\n]*
                $record->{requestID}:[ ]\Q$why{$user}\E/x),
                "$user, $port: and logged with the reason");
        }
    }

    is(addresses(ask('bob', 8082)), 'dcv.example.com 8443 '
        . 'HTTP:dcv.example.com:8443/ QUIC:dcv.example.com:8443/',
        'the next one is fine');
    is(ask('large', 8080)->{body}, $large,
        'without connect a large answer passes');
    ok(!exists extra()->{connectionToken}, 'though its token is not read');
}


sub passed {
    is(ask('none', 8081)->{body}, '{"RequestId":"r"}',
        'an answer without a session');
    is(ask('fails', 8081)->{body}, '{"error":"not at 10.0.0.1"}',
        'an error is the broker\'s own');
    is(last_record()->{errorMessage}, 'not at 10.0.0.1', 'and recorded')
        or diag($json->encode(last_record()));
    is(ask('moved', 8081)->{status}, 302, 'neither is another status');
    is(ask('revoked', 8081)->{status}, 401, 'a 401 is held, then passed on');

    my $answer = $g->broker_call('POST', '/describeSessions', port => 8081,
        body => '{}');

    $calls++;
    is($answer->{body}, $batches{describeSessions},
        'other operations are not touched');
}


# Names of users: the bytes that came are the bytes that leave
sub paths {
    my %names = (
        'DOMAIN%5Cuser' => 'DOMAIN\user', 'user%40domain' => 'user@domain',
        'user@domain' => 'user@domain', 'first%20last' => 'first last',
        'J%C3%B6rg' => "J\x{f6}rg", '%e5%b1%b1' => "\x{5c71}",
        '50%25' => '50%', 'a+b' => 'a+b', '%61lice' => 'alice',
        '.hidden' => '.hidden', 'a..b' => 'a..b', '%25%2' . '5x' => '%%x',
    );

    foreach my $name (sort keys %names) {
        my $answer = ask($name, 8081);

        is($answer->{status}, 200, "$name passes")
            or diag($answer->{body});

        my ($request) = reverse grep { $_->{target} !~ m{^/oauth2} }
            $lab->requests;

        is($request->{target}, "/sessionConnectionData/s$k/$name",
            "$name goes on as it came");

        my $record = last_record();

        is($record->{requestParameters}{user}, $names{$name},
            "$name is recorded decoded");
        is($record->{additionalEventData}{deskgate}{connectionToken}{user},
            $names{$name}, "$name: so is the token's");
    }

    my $before = $lab->api_calls;

    foreach my $name ('a%2Fb', '%2F', 'a%00', '%00', '%2E', '%2e%2E', '.',
        '..', 'a%252Fb', '%252e%252e', '%2500', 'DOMAIN%255Cuser', '%2541',
        '%c3%a9%25c3')
    {
        my $answer = ask($name, 8081);

        like($answer->{status}, qr/^40[04]$/, "$name is refused");
        $answer = $g->broker_call('GET', "/sessionConnectionData/$name/bob"
            . ++$k, port => 8081);
        $calls++;
        like($answer->{status}, qr/^40[04]$/, "$name is refused as a session");
    }

    is($lab->api_calls, $before, 'none of them was sent');
}


sub batch {
    my ($method, $path, $body) = @_;

    my $answer = $g->broker_call($method, "/$path", body => $body);

    $calls++;
    is($answer->{body}, $batches{$path}, "$path: the answer is the broker's");

    return last_record();
}


sub partial {
    my $record = batch('POST', 'deleteSessions', '[{"SessionId":"a","Owner":'
        . '"o"},{"SessionId":"b","Owner":"o"},{"SessionId":"c","Owner":"o"}]');

    is($record->{additionalEventData}{deskgate}{failedItems}, 2,
        'how many items failed');
    is($record->{responseElements}{unsuccessfulList}[1]{failureReason},
        'not there', 'and why');
    ok(!defined $record->{errorCode}, 'a part is no error of the call');
    is($record->{additionalEventData}{deskgate}{status}, 200, 'which is 200');

    $record = batch('POST', 'createSessions',
        '[{"Name":"n","Owner":"o","Type":"VIRTUAL"}]');
    is($record->{additionalEventData}{deskgate}{failedItems}, 1,
        'CreateSessions');

    $record = batch('POST', 'openServers', '[{"ServerId":"x"}]');
    is($record->{additionalEventData}{deskgate}{failedItems}, 1,
        'OpenServers');
    is($record->{responseElements}{unsuccessfulList}[0]{failureCode},
        'DCV_SERVER_NOT_FOUND', 'with the code');

    $record = batch('PUT', 'sessionPermissions', '[{"SessionId":"a","Owner":'
        . '"o","PermissionsFile":"YQ=="}]');
    ok(!exists $record->{additionalEventData}{deskgate}{failedItems},
        'nothing is said where nothing failed');
}


sub configurations {
    my $conf = $t->read_file('nginx.conf');

    foreach my $wrong ('dcv.example.com', 'dcv.example.com:0', ':8443',
        'https://dcv.example.com:8443', '2001:db8::7:443')
    {
        my $text = $conf;

        $text =~ s/connect\s+dcv\.example\.com:8443;/connect $wrong;/;

        $t->write_file('wrong.conf', $text);

        my ($good, $out) = $t->check('wrong.conf');

        ok(!$good, "connect $wrong is refused");
        like($out, qr/HOST:PORT/, 'with what it takes');
    }
}

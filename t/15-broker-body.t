#!/usr/bin/perl

# What the broker is sent, byte for byte: the array that it wants, whichever
# way the client said it; and its answers with a connection token.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new();
my $g = Deskgate::Send->new($t);
my $broker = $g->broker;

my $token_location = <<'EOF_TOKEN';
        location = /_deskgate/token {
            internal;
            proxy_pass  http://127.0.0.1:8083/oauth2/token;
        }
EOF_TOKEN

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}

    server {
        listen  127.0.0.1:8080;

        location / {
            $broker
            proxy_pass  http://127.0.0.1:8083;
        }

$token_location
    }

    # several buffers and a temporary file
    server {
        listen  127.0.0.1:8082;

        client_header_buffer_size  1k;
        client_body_buffer_size    1k;

        location / {
            $broker
            proxy_pass  http://127.0.0.1:8083;
        }

$token_location
    }
}

EOF_CONF

my $connection_token = $t->secret('connection-token-of-the-session');
my $lab = Deskgate::Broker->start($t, port => 8083, client_id => 'gateway',
    client_secret => $Deskgate::Send::BROKER_SECRET,
    answer => sub {
        my ($request) = @_;

        return { headers => [['Content-Type', 'application/json']],
                 body => '{}' }
            if $request->{target} !~ /^\/sessionConnectionData/;

        return { headers => [['Content-Type', 'application/json'],
                             ['Cache-Control', 'public, max-age=60']],
                 body => '{"Session":{"Id":"s1","Owner":"alice"},'
                         . qq("ConnectionToken":"$connection_token"}) };
    });

$t->secret('gateway-token-', except => [qr/^broker-.*\.requests/]);

$t->run();

my $calls = 0;
my $k = 0;


# The newest call that is not for a token
sub newest {
    my ($request) = grep { $_->{target} !~ m{^/oauth2} } reverse
        $lab->requests;

    $lab->clear;

    return $request || { body => 'nothing was sent', headers => [] };
}


sub sent {
    my ($name, $port, $method, $target, $body, $wanted, %more) = @_;

    my $answer = $g->broker_call($method, $target, port => $port,
        body => $body, %more);

    $calls++;
    is($answer->{status}, 200, "$name, $port") or diag($answer->{body});

    my $request = newest();

    ok($request->{body} eq $wanted, "$name, $port: the array's bytes")
        or diag(substr $request->{body}, 0, 200);
    is(Deskgate::SigV4::value($request->{headers}, 'content-length'),
        length $wanted, "$name, $port: their length");
    is("$request->{method} $request->{target}", "$method $target",
        "$name, $port: method and target");
    like(Deskgate::SigV4::value($request->{headers}, 'authorization'),
        qr/^Bearer gateway-token-/, "$name, $port: the broker's token");

    return $request;
}


sub session {
    return '{"Name" :"desk ' . ++$k . '","Owner":"a\u006cice", "Type":'
        . "\t\"VIRTUAL\",\n\"MaxConcurrentClients\":1e0}";
}

# where the array's bytes are in the body: at once, behind blanks, in pieces
my @arrays = (
    ['one', '[' . session() . ']'],
    ['blanks', "[ \n" . session() . ' , ' . session() . "\r\n ]"],
    ['long', '[' . join(',', map { session() } 1 .. 30) . ']'],
);

foreach my $port (8080, 8082) {
    foreach my $case (@arrays) {
        my ($name, $array) = @$case;

        # a signature is accepted once, so that each body is another
        my ($object, $bare, $behind) = map {
            my $copy = $array; $copy =~ s/desk/desk $port $_/; $copy
        } 1 .. 3;

        sent("SDK form, $name", $port, 'POST', '/createSessions',
            qq({"Sessions":$object}), $object);
        sent("SDK form with blanks, $name", $port, 'POST', '/createSessions',
            qq(  { "Sessions" :  $behind\n }\n), $behind);
        sent("bare array, $name", $port, 'POST', '/createSessions',
            $bare, $bare);
    }

    my $array = qq([{"SessionId":"s$port", "Owner":"alice"}]);
    my $text = qq({"Sessions":$array});

    sent('delete', $port, 'POST', '/deleteSessions', $text, $array);

    $array = qq([{"SessionId":"s$port","Owner":"alice",)
        . '"PermissionsFile":"cA=="}]';
    sent('permissions', $port, 'PUT', '/sessionPermissions',
        qq({"Sessions":$array}), $array);

    # chunked, the pieces cut names and values
    $array = '[' . join(',', map { session() } 1 .. 9) . ']';

    my $q = $g->broker_request('POST', '/createSessions',
        body => qq({"Sessions":$array}));
    my @pieces = $q->{body} =~ /(.{1,97})/gs;

    delete $q->{body};

    is(http_request(%$q, port => $port, chunked => \@pieces)->{status}, 200,
        "SDK form in chunks, $port");
    $calls++;

    my $request = newest();

    ok($request->{body} eq $array, "SDK form in chunks, $port: the bytes");
    is(Deskgate::SigV4::value($request->{headers}, 'transfer-encoding'),
        undef, 'with their length');

    # an operation without an array
    sent('no array', $port, 'POST', '/describeSessions',
        '{"SessionIds":[ "s1" ]}', '{"SessionIds":[ "s1" ]}');
}

{
    my $answer = $g->broker_call('POST', '/createSessions',
        body => '{"Sessions":[' . session() . '],"Sessions":[]}');

    $calls++;
    is($answer->{status}, 400, 'two arrays are refused');
    is(newest()->{body}, 'nothing was sent', 'and nothing is sent');
}


# connection token

{
    my $answer = $g->broker_call('GET', '/sessionConnectionData/s1/alice');

    $calls++;
    is($answer->{status}, 200, 'connection data');
    is((json_of($answer) || {})->{ConnectionToken}, $connection_token,
        'the client has the connection token');
    is_deeply([header($answer, 'cache-control')], ['no-store'],
        'which nobody may keep');

    my $request = newest();

    is($request->{target}, '/sessionConnectionData/s1/alice',
        'the target as it came');
    is($request->{body}, '', 'and no body');
}

my @records = $t->wait_records($calls);

is(scalar @records, $calls, 'one record for each call');

my ($record) = grep { $_->{eventName} eq 'GetSessionConnectionData' }
    @records;

is(JSON::PP->new->canonical->encode($record->{responseElements} || {}) =~
    /connection-token/ ? 1 : 0, 0, 'no record has the connection token');

$t->finish;

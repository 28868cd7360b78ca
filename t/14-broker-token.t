#!/usr/bin/perl

# The broker's token: fetched once for everybody, ahead of its end, and what
# becomes of a call when it cannot be.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw/sleep time/;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new()->need('curl', 'openssl');
my $g = Deskgate::Send->new($t);

# [name, part of the reason that is logged]
my @faults = (
    ['unauthorized', qr/it refused our client_id and secret/],
    ['broken', qr/it did not answer 200/],
    ['moved', qr/it did not answer 200/],
    ['created', qr/it did not answer 200/],
    ['slow', qr/it did not answer 200/],
    ['dropped', qr/it did not answer 200/],
    ['absent', qr/it did not answer 200/],
    ['cut', qr/its answer was cut short/],
    ['cut_chunks', qr/its answer was cut short/],
    ['large', qr/its answer is too large/],
    ['endless', qr/its answer is too large/],
    ['garbage', qr/its answer is malformed/],
    ['empty', qr/its answer is malformed/],
    ['no_token', qr/its answer is malformed/],
    ['line_break', qr/its answer is malformed/],
    ['other_type', qr/its answer is malformed/],
    ['no_life', qr/its answer is malformed/],
    ['too_long', qr/its token is too large/],
    ['no_location', qr/no location of its own/],
);

my @brokers = ('once', 'short', 'revoked', 'leader', 'waiter', 'piped',
    'late', 'h2', 'streams', 'crowd', 'refresh_fails', 'killed', 'long',
    'shared', 'second_try', 'in_body', map { $_->[0] } @faults);

my ($objects, $servers, %port) = ('', '');
my $number = 8100;

foreach my $name (@brokers) {
    my $api = $name eq 'revoked' ? 8082 : 8083;
    my $token = $name eq 'revoked' ? '8082/oauth2/token'
        : $name eq 'absent' ? '8086/' : "8084/$name";
    my $location = $g->broker(inject => $name);
    my $http2 = $name eq 'h2' ? 'http2' : $name eq 'streams'
        ? "ssl http2;\nssl_certificate gateway.pem;\n"
          . 'ssl_certificate_key gateway.key' : '';
    my $grant = $name eq 'in_body' ? 'grant body;' : '';

    $port{$name} = $number++;
    $objects .= <<"EOF_OBJECT";
    deskgate_broker $name {
        token               /_deskgate/$name;
        client_id           gateway;
        client_secret_file  broker.secret;
        $grant
    }
EOF_OBJECT

    $servers .= <<"EOF_SERVER";
    server {
        listen  127.0.0.1:$port{$name} $http2;

        location / {
            $location
            proxy_pass  http://127.0.0.1:$api;
        }
EOF_SERVER

    $servers .= <<"EOF_SERVER" if $name ne 'no_location';

        location = /_deskgate/$name {
            internal;
            proxy_read_timeout  1s;
            proxy_pass          http://127.0.0.1:$token;
        }
EOF_SERVER

    $servers .= "    }\n";
}

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

worker_processes  2;

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}
$objects
$servers
}

EOF_CONF

my $long = 'x' x 60_000;

sub token_answer {
    my ($token, %more) = @_;

    return { headers => [['Content-Type', 'application/json']],
        body => JSON::PP->new->canonical->encode({ token_type => 'Bearer',
            expires_in => 3600, access_token => $token, %more }) };
}

my %answers = (
    once        => { %{token_answer('token-of-once')}, delay => 0.5 },
    short       => sub { token_answer("token-of-short-$_[0]",
                                      expires_in => 5) },
    leader      => { %{token_answer('token-of-leader')}, delay => 0.7 },
    waiter      => { %{token_answer('token-of-waiter')}, delay => 0.7 },
    piped       => { %{token_answer('token-of-piped')}, delay => 0.5 },
    late        => { %{token_answer('token-of-late')}, delay => 0.8 },
    h2          => { %{token_answer('token-of-h2')}, delay => 0.8 },
    streams     => { %{token_answer('token-of-streams')}, delay => 0.6 },
    crowd       => sub { my $answer = token_answer("token-of-crowd-$_[0]",
                             expires_in => 5);
                         $answer->{delay} = 0.5 if $_[0] > 1;
                         $answer },
    refresh_fails => sub { $_[0] > 1 ? { status => 500, body => '{}' }
                             : token_answer('token-of-refresh-fails',
                                   expires_in => 5) },
    killed      => sub { $_[0] > 1 ? token_answer('token-of-killed')
                                   : { hang => 1 } },
    long        => token_answer('token-of-' . 'l' x 8000),
    too_long    => token_answer('token-of-' . 'l' x 20_000),
    shared      => { status => 500, body => 'no', delay => 0.5 },
    second_try  => sub { $_[0] > 1 ? token_answer('token-of-second-try')
                                   : { status => 503, body => '{}' } },
    in_body     => token_answer('token-of-in-body'),

    unauthorized => { status => 401, body => '{"error":"invalid_client"}' },
    broken      => { status => 500, body => 'a page' },
    moved       => { status => 302, headers => [['Location', '/other']] },
    created     => { %{token_answer('token-of-created')}, status => 201 },
    slow        => { hang => 1 },
    dropped     => { drop => 1 },
    cut         => { %{token_answer('token-of-cut')}, cut => 40 },
    cut_chunks  => { %{token_answer('token-of-cut-chunks')}, chunked => 1,
                     cut => 1 },
    large       => token_answer('token-of-large', more => $long x 4),
    endless     => { chunked => 1, pieces => [('x' x 30_000) x 8] },
    garbage     => { body => '<html>token-of-garbage</html>' },
    empty       => { body => '' },
    no_token    => { body => '{"token_type":"Bearer","expires_in":60}' },
    line_break  => token_answer("token-of-line\r\nX-Evil: 1"),
    other_type  => token_answer('token-of-other', token_type => 'mac'),
    no_life     => token_answer('token-of-no-life', expires_in => -5),
);

my %asked;
my $idp = Deskgate::Upstream->start($t, port => 8084, name => 'idp',
    answer => sub {
        my ($request) = @_;
        my ($name) = $request->{target} =~ m{^/(\w+)};
        my $answer = $answers{$name};

        $asked{$name}++;

        return ref $answer eq 'CODE' ? $answer->($asked{$name}) : $answer;
    });

my $api = Deskgate::Upstream->start($t, port => 8083, name => 'api',
    answer => sub {
        return { headers => [['Content-Type', 'application/json']],
                 body => '{"Sessions":[]}' };
    });

my $lab = Deskgate::Broker->start($t, port => 8082, name => 'lab',
    client_id => 'gateway',
    client_secret => $Deskgate::Send::BROKER_SECRET);

# no token in a log, a record or an answer
$t->secret($_, except => [qr/^(api|lab)\.requests/])
    foreach 'token-of-', 'gateway-token-';

system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
    . ' -days 2 -subj /CN=localhost -keyout ' . $t->testdir . '/gateway.key'
    . ' -out ' . $t->testdir . '/gateway.pem 2>/dev/null') and die 'openssl';

$t->run();

my $calls = 0;


sub describe {
    my ($name) = @_;

    return (%{$g->broker_request('POST', '/describeSessions',
        body => '{}')}, port => $port{$name});
}


sub call {
    my ($name) = @_;

    $calls++;

    return http_request(describe($name));
}


sub fetches {
    my ($name) = @_;

    return scalar grep { $_->{target} =~ m{^/$name\b} } $idp->requests;
}


# Token values that the API received since the last time
sub tokens {
    my @requests = $api->requests;

    $api->clear;

    return map { Deskgate::SigV4::value($_->{headers}, 'authorization') }
        @requests;
}


# once for all

sub connected {
    my ($name, $count) = @_;

    return map { $t->connect($port{$name}) } 1 .. $count;
}

{
    my @clients = connected('once', 24);

    $_->send(Deskgate::Connection::request_text(describe('once')))
        foreach @clients;
    $calls += @clients;

    my %statuses;

    $statuses{$_->answer('POST')->{status}}++ foreach @clients;

    is_deeply(\%statuses, { 200 => 24 }, '24 calls at once');
    is(fetches('once'), 1, 'fetched one token');
    is_deeply([tokens()], [('Bearer token-of-once') x 24],
        'which all of them used');
    is(call('once')->{status}, 200, 'a call later');
    is(fetches('once'), 1, 'has it still');
    tokens();

    my ($fetch) = grep { $_->{target} =~ m{^/once} } $idp->requests;

    is("$fetch->{method} $fetch->{target}",
        'POST /once?grant_type=client_credentials', 'the grant');
    like(Deskgate::SigV4::value($fetch->{headers}, 'authorization'),
        qr/^Basic /, 'with id and secret');
    is($fetch->{body}, '', 'and no body');
}

{
    is(call('in_body')->{status}, 200, 'grant body');

    my ($fetch) = grep { $_->{target} =~ m{^/in_body} } $idp->requests;

    is($fetch->{body}, 'grant_type=client_credentials',
        'the grant is the body');
    is($fetch->{target}, '/in_body', 'and nothing else has it');
    is_deeply([tokens()], ['Bearer token-of-in-body'], 'the token is used');
}


# ahead of its end

{
    my $start = time;

    is(call('short')->{status}, 200, 'a token of 5 seconds');
    is(call('short')->{status}, 200, 'is used');
    is(fetches('short'), 1, 'and kept');
    sleep 3 - (time - $start);
    call('short');
    is(fetches('short'), 1, 'for 3 seconds');
    sleep 4.3 - (time - $start);
    is(call('short')->{status}, 200, 'after 4 seconds');
    is(fetches('short'), 2, 'it is fetched anew');
    is((tokens())[-1], 'Bearer token-of-short-2', 'and the new one used');
}


{
    my $start = time;

    is(call('crowd')->{status}, 200, 'another token of 5 seconds');
    is(call('refresh_fails')->{status}, 200, 'and a third');
    tokens();
    sleep 4.2 - (time - $start);

    my @clients = connected('crowd', 6);

    $_->send(Deskgate::Connection::request_text(describe('crowd')))
        foreach @clients;
    $calls += @clients;

    is($_->answer('POST')->{status}, 200, 'near its end, many calls')
        foreach @clients;
    is(fetches('crowd'), 2, 'fetch one');

    my %used;

    $used{$_}++ foreach tokens();

    is_deeply(\%used, { 'Bearer token-of-crowd-1' => 5,
        'Bearer token-of-crowd-2' => 1 }, 'and the others do not wait');

    is(call('refresh_fails')->{status}, 200, 'no new one can be had');
    is((tokens())[0], 'Bearer token-of-refresh-fails',
        'the old one is used while it is valid');
    ok($t->wait_log(qr/"refresh_fails" could not be refreshed/),
        'which is said');
    sleep 5.1 - (time - $start);
    is(call('refresh_fails')->{status}, 503, 'and not any longer');
    is(scalar(tokens()), 0, 'nothing is sent then');
}

{
    is(call('long')->{status}, 200, 'a token of 8000 bytes');
    is((tokens())[0], 'Bearer token-of-' . 'l' x 8000, 'is sent whole');
}


# failures

foreach my $fault (@faults) {
    my ($name, $reason) = @$fault;
    my $c = $t->connect($port{$name});
    my $answer = $c->request(describe($name));

    $calls += 2;
    is($answer->{status}, 503, "$name: refused") or next;
    unlike($answer->{body}, qr/token-of|client_id|html/,
        "$name: says nothing of it");
    like(header($answer, 'retry-after') || '', qr/^\d+$/,
        "$name: says when again");

    my ($line) = reverse grep {
        /refused: broker_token_unavailable/ } split /\n/, $t->log;

    like($line, $reason, "$name: the reason is logged");

    $answer = $c->request(describe($name));
    is($answer->{status}, 503, "$name: the connection lives");
    is(fetches($name), 1, "$name: the failure is shared for a while")
        if $name !~ /^(absent|no_location)$/;
    ok($t->wait_log(qr/the token endpoint failed shortly before/),
        "$name: which is said");
    is($api->count, 0, "$name: nothing is sent without a token");
}

{
    my @clients = connected('shared', 12);

    $_->send(Deskgate::Connection::request_text(describe('shared')))
        foreach @clients;
    $calls += @clients;

    my %statuses;

    $statuses{$_->answer('POST')->{status}}++ foreach @clients;

    is_deeply(\%statuses, { 503 => 12 }, 'a failure is shared');
    is(fetches('shared'), 1, 'by all who waited for it');
    is($api->count, 0, 'and nothing is sent');
}

{
    is(call('second_try')->{status}, 503, 'a failure');
    is(call('second_try')->{status}, 503, 'is shared');
    is(fetches('second_try'), 1, 'without another fetch');
    sleep 1.6;
    is(call('second_try')->{status}, 200, 'until it is tried again');
    is(fetches('second_try'), 2, 'once');
    tokens();
}


# clients that go away

{
    my ($leader, $waiter) = connected('leader', 2);

    $leader->send(Deskgate::Connection::request_text(describe('leader')));
    $idp->wait_requests($idp->count);
    $t->wait_for(sub { fetches('leader') });
    $waiter->send(Deskgate::Connection::request_text(describe('leader')));
    sleep 0.2;
    $leader->close;
    $calls += 2;

    is($waiter->answer('POST')->{status}, 200,
        'who fetches goes away: who waits is served');
    is(fetches('leader'), 1, 'by the same fetch');
    $t->wait_for(sub { $t->record_lines >= $calls });
    is(scalar(tokens()), 1, 'the call of who is gone is not sent');
}

{
    my ($leader, $gone, $waiter) = connected('waiter', 3);

    $leader->send(Deskgate::Connection::request_text(describe('waiter')));
    $t->wait_for(sub { fetches('waiter') });
    $_->send(Deskgate::Connection::request_text(describe('waiter')))
        foreach $gone, $waiter;
    sleep 0.2;
    $gone->close;
    $calls += 3;

    is($leader->answer('POST')->{status}, 200, 'who waits goes away');
    is($waiter->answer('POST')->{status}, 200, 'the others are served');
    is(fetches('waiter'), 1, 'by one fetch');
    $t->wait_for(sub { $t->record_lines >= $calls });
    is(scalar(tokens()), 2, 'the call of who is gone is not sent');
}

# reset instead of closed
{
    my ($leader, $waiter) = connected('late', 2);

    $leader->send(Deskgate::Connection::request_text(describe('late')));
    $t->wait_for(sub { fetches('late') });
    $waiter->send(Deskgate::Connection::request_text(describe('late')));
    sleep 0.1;

    foreach ($leader, $waiter) {
        setsockopt $_->{socket}, Socket::SOL_SOCKET, Socket::SO_LINGER,
            pack 'll', 1, 0;
        $_->close;
    }

    $calls += 2;
    sleep 0.9;
    is(call('late')->{status}, 200, 'all go away: the next is served');
    is(fetches('late'), 1, 'by what they fetched');
    is(scalar(tokens()), 1, 'the calls of who is gone are not sent');
}


# the same over HTTP/2
{
    my $q = $g->broker_request('POST', '/describeSessions', body => '{}');
    my @curl = ('--http2-prior-knowledge',
        (map { ('-H', "$_->[0]: $_->[1]") } @{$q->{headers}}),
        '--data-binary', '{}',
        'http://127.0.0.1:' . port($port{h2}) . '/describeSessions');

    $calls += 2;
    is($t->curl(@curl, '--max-time', '0.3')->{exit}, 28,
        'a client of HTTP/2 goes away');
    is($t->curl(@curl)->{status}, 200, 'the next is served');
    is(fetches('h2'), 1, 'by what it fetched');
    $t->wait_for(sub { $t->record_lines >= $calls });
    is(scalar(tokens()), 1, 'the call of who is gone is not sent');
}


{
    my $q = $g->broker_request('POST', '/describeSessions', body => '{}');
    my $url = 'https://127.0.0.1:' . port($port{streams})
        . '/describeSessions';

    $calls += 5;
    is($t->curl('--http2', '--insecure', '--parallel',
        (map { ('-H', "$_->[0]: $_->[1]") } @{$q->{headers}}),
        '--data-binary', '{}', '--fail', $url,
        map { ('-o', '/dev/null', $url) } 1 .. 4)->{exit}, 0,
        'streams of one connection wait together');
    is(fetches('streams'), 1, 'for one fetch');
    is(scalar(tokens()), 5, 'and all are sent');
}


# a worker that dies
{
    my $c = $t->connect($port{killed});

    # what a worker has not written yet dies with it
    $t->wait_for(sub { $t->record_lines >= $calls });

    $c->send(Deskgate::Connection::request_text(describe('killed')));
    $t->wait_for(sub { fetches('killed') });

    my @old = $t->workers;

    kill 'KILL', @old;
    $t->wait_for(sub { my @new = $t->workers;
                       @new == @old && !grep { kill 0, $_ } @old });
    is(call('killed')->{status}, 200,
        'who fetches is killed: the next call takes over');
    is(fetches('killed'), 2, 'at once');
    tokens();
}


# events that mean nothing

{
    my $c = $t->connect($port{piped});
    my $text = Deskgate::Connection::request_text(describe('piped'));

    $c->send($text);
    $t->wait_for(sub { fetches('piped') });

    foreach my $piece (substr($text, 0, 30), substr($text, 30), $text) {
        sleep 0.05;
        $c->send($piece);
    }

    $calls += 3;

    is($c->answer('POST')->{status}, 200, "pipelined behind a fetch, $_")
        foreach 1 .. 3;
    is(fetches('piped'), 1, 'one fetch');
    is(scalar(tokens()), 3, 'each call was sent once');
}


# 401 of the broker

{
    is(call('revoked')->{status}, 200, 'a token');
    $lab->revoke;
    is(call('revoked')->{status}, 200, 'that is revoked is renewed');
    is($lab->token_calls, 2, 'by one fetch');
    is(call('revoked')->{status}, 200, 'for the next call as well');
    is($lab->token_calls, 2, 'which has that one');
}

is(scalar $t->wait_records($calls), $calls, 'one record for each call');

$t->allow(qr/\[alert\] .* exited on signal 9/);
$t->finish;

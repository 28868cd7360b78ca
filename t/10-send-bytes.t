#!/usr/bin/perl

# What is sent is what was signed: the upstream checks every signature with
# code of its own, over the bytes that it received.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new()->need('curl');
my $g = Deskgate::Send->new($t);
my ($aws, $session, $named, $bare) = ($g->aws,
    $g->aws(sign => 'egress_session'), $g->aws(host => 'desks.example:8443'),
    $g->aws(bare => 1));

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
    deskgate_validate  off;
@{[$g->objects]}

    upstream kept {
        server     127.0.0.1:8081;
        keepalive  4;
    }

    # in memory
    server {
        listen       127.0.0.1:8080;
        listen       127.0.0.1:8090 http2;

        client_body_buffer_size  64k;

        location / {
            $aws
            proxy_pass  http://kept;
        }
    }

    # several buffers, then a temporary file
    server {
        listen       127.0.0.1:8082;
        listen       127.0.0.1:8092 http2;

        client_header_buffer_size  1k;
        client_body_buffer_size    1k;

        location / {
            $aws
            proxy_pass  http://kept;
        }
    }

    # always a temporary file
    server {
        listen       127.0.0.1:8083;

        client_body_in_file_only  clean;

        location / {
            $session
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # unbuffered, HTTP/1.0 upstream, an own Host
    server {
        listen       127.0.0.1:8084;

        location / {
            $bare
            proxy_set_header         Host \$deskgate_host;
            proxy_request_buffering  off;
            proxy_pass               http://127.0.0.1:8081;
        }
    }

    server {
        listen       127.0.0.1:8085;

        location / {
            $named
            proxy_pass  http://kept;
        }
    }
}

EOF_CONF

my $up = $g->upstream;

$t->run();

my ($calls, $last) = (0);


# The answer is 200 and the newest request of the upstream verified
sub sent_ok {
    my ($name, $answer, $body) = @_;

    $calls++;
    is($answer ? $answer->{status} : 'none', 200, $name)
        or diag($answer ? $answer->{body} : 'no answer');

    my @requests = $up->requests;

    $up->clear;
    is(scalar @requests, 1, "$name: sent once");
    $last = $requests[-1];
    unlike($last->{raw}, qr/AKIDCLIENT|ASIDCLIENT|localhost/,
        "$name: nothing of the client's signature");
    is($last->{verdict}, 'ok', "$name: the signature is right");
    ok($last->{body} eq $body, "$name: the body's bytes") if defined $body;
}


# bodies

sent_ok('empty object', $g->call('DescribeWorkspaces'), '{}');
is($last->{access_key}, 'AKIDEGRESS', 'signed with the gateway\'s key');
is(Deskgate::SigV4::value($last->{headers}, 'host'),
    'workspaces.us-east-1.amazonaws.com', 'the host is the service\'s own');
like(join(';', '', @{$last->{signed}}, ''), qr/;$_;/, "$_ is signed")
    foreach 'content-type', 'x-amz-target', 'host', 'x-amz-date';
is(Deskgate::SigV4::value($last->{headers}, 'x-amz-target'),
    'WorkspacesService.DescribeWorkspaces', 'and the target is the client\'s');

sent_ok('no body at all', $g->call('DescribeWorkspaces', body => ''), '');

foreach my $length (300, 900, 1100, 5000, 60_000, 200_000) {
    foreach my $port (8080, 8082, 8083, 8084) {
        my $body = '{"NextToken":"' . 'x' x ($length - 16) . '"}';

        sent_ok("$length bytes, port $port",
            $g->call('DescribeWorkspaces', port => $port, body => $body),
            $body);
    }
}

my @pieces = map { '"x' . $_ x 700 . '",' } 'a' .. 'e';
my $list = '{"WorkspaceIds":[' . join('', @pieces) . '"ws"]}';

foreach my $port (8080, 8082, 8083, 8084) {
    my $q = $g->aws_request('DescribeWorkspaces', body => $list);

    delete $q->{body};
    $q->{chunked} = ['{"WorkspaceIds":[', @pieces, '"ws"]}'];

    sent_ok("chunked, port $port", http_request(%$q, port => $port), $list);
    is(Deskgate::SigV4::value($last->{headers}, 'transfer-encoding'), undef,
        "chunked, port $port: sent with its length");
}

foreach my $port (8080, 8082, 8083) {
    my $text = Deskgate::Connection::request_text(
        %{$g->aws_request('DescribeWorkspaces', body => $list)});
    my $at = index($text, "\r\n\r\n") + 4;
    my $c = $t->connect($port);

    $c->send(substr($text, 0, 40), substr($text, 40, $at - 40),
        substr($text, $at, 3), substr($text, $at + 3, 1500),
        substr($text, $at + 1503));
    sent_ok("in slow pieces, port $port", $c->answer('POST'), $list);
}


# versions

{
    my $q = $g->aws_request('DescribeWorkspaces', body => $list);

    sent_ok('HTTP/1.0', http_request(%$q, version => '1.0'), $list);
    sent_ok('HTTP/1.0, file', http_request(%$q, version => '1.0',
        port => 8082), $list);
}

foreach my $port (8090, 8092) {
    foreach my $body ('{}', $list) {
        my $q = $g->aws_request('DescribeWorkspaces', body => $body);
        my $answer = $t->curl('--http2-prior-knowledge',
            (map { ('-H', "$_->[0]: $_->[1]") } @{$q->{headers}}),
            '--data-binary', $body,
            'http://127.0.0.1:' . port($port) . '/');

        sent_ok("HTTP/2, port $port", $answer, $body);
        like($answer->{version}, qr{^HTTP/2}, 'and it was');

        # without a content-length
        $answer = $t->curl('--http2-prior-knowledge',
            (map { ('-H', "$_->[0]: $_->[1]") } @{$q->{headers}}),
            '-H', 'Transfer-Encoding: chunked', '--data-binary', $body,
            'http://127.0.0.1:' . port($port) . '/');
        sent_ok("HTTP/2, length unknown, port $port", $answer, $body);
        is(Deskgate::SigV4::value($last->{headers}, 'content-length'),
            length $body, 'sent with its length');
    }
}

sent_ok('HTTP/1.0 to the upstream', $g->call('DescribeWorkspaces',
    port => 8084));
is($last->{version}, 'HTTP/1.0', 'and it was');
sent_ok('HTTP/1.1 to the upstream', $g->call('DescribeWorkspaces'));
is($last->{version}, 'HTTP/1.1', 'and it was');


# connections

{
    my $c = $t->connect(8080);

    foreach my $i (1 .. 4) {
        my $body = qq({"Limit": $i});

        sent_ok("keepalive, call $i",
            $c->request(%{$g->aws_request('DescribeWorkspaces',
                body => $body)}), $body);
    }

    my @bodies = map { qq({"NextToken":"pipelined $_"}) } 1 .. 4;

    $c->send(join '', map { Deskgate::Connection::request_text(
        %{$g->aws_request('DescribeWorkspaces', body => $_)}) } @bodies);

    is($c->answer('POST')->{status}, 200, "pipelined, $_") foreach @bodies;

    my @requests = $up->requests;

    is_deeply([map { $_->{body} } @requests], \@bodies,
        'pipelined: each with its own body');
    is_deeply([map { $_->{verdict} } @requests], [('ok') x @bodies],
        'pipelined: each signature is right');
    $calls += @bodies;
    $up->clear;
}

foreach my $port (8080, 8082) {
    my $q = $g->aws_request('DescribeWorkspaces', body => $list);
    my $text = Deskgate::Connection::request_text(%$q,
        headers => [@{$q->{headers}}, ['Expect', '100-continue']]);
    my $at = index($text, "\r\n\r\n") + 4;
    my $c = $t->connect($port);

    $c->send(substr $text, 0, $at);
    $c->fill;
    is($c->{buffer}, "HTTP/1.1 100 Continue\r\n\r\n",
        "Expect is answered, port $port");
    $c->send(substr $text, $at);
    sent_ok("Expect, port $port", $c->answer('POST'), $list);
    is(Deskgate::SigV4::value($last->{headers}, 'expect'), undef,
        "Expect stays here, port $port");
}


# hosts and credentials

sent_ok('host=', $g->call('DescribeWorkspaces', port => 8085));
is(Deskgate::SigV4::value($last->{headers}, 'host'), 'desks.example:8443',
    'the configured host is signed and sent');

sent_ok('credentials with a session token',
    $g->call('DescribeWorkspaces', port => 8083));
is($last->{access_key}, 'ASIDEGRESS', 'which were used');
is(Deskgate::SigV4::value($last->{headers}, 'x-amz-security-token'),
    $Deskgate::Send::EGRESS_SESSION{session_token}, 'the token is sent');
like(join(';', @{$last->{signed}}), qr/x-amz-security-token/, 'and signed');

{
    my $q = $g->aws_request('DescribeWorkspaces',
        as => \%Deskgate::Send::SESSION);

    sent_ok('a client with a session token', http_request(%$q));
    is(Deskgate::SigV4::value($last->{headers}, 'x-amz-security-token'),
        undef, 'which stays here');
}


# targets

sub presigned {
    my ($target, %opt) = @_;

    my @headers = (['Host', 'localhost'],
        $g->operation('DescribeWorkspaces'));

    return (method => 'POST', body => '{}', headers => \@headers,
        target => Deskgate::SigV4::presign(method => 'POST', body => '{}',
            target => $target, headers => \@headers, region => 'us-east-1',
            service => 'workspaces', %Deskgate::Send::CLIENT, %opt));
}

sent_ok('presigned', http_request(presigned('/')), '{}');
is($last->{target}, '/', 'its parameters stay here');
unlike($last->{raw}, qr/AKIDCLIENT|X-Amz-Signature/i, 'anywhere');

sent_ok('presigned, other parameters', http_request(presigned(
    '/?b=%2f&a=1&c&%7Ed=~e')));
is($last->{target}, '/?b=%2f&a=1&c&%7Ed=~e', 'which are sent as they came');

sent_ok('a query', $g->call('DescribeWorkspaces', target => '/?z=1&a=%20b'));
is($last->{target}, '/?z=1&a=%20b', 'is sent as it came');
sent_ok('an empty query', $g->call('DescribeWorkspaces', target => '/?'));
is($last->{target}, '/?', 'is sent as it came');

is(scalar $t->wait_records($calls), $calls, 'one record for each call');

$t->finish;

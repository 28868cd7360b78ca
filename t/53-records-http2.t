#!/usr/bin/perl

# HTTP/2 and error pages: still one record a call, and no answer that only
# HTTP/1.1 would get.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new()->need('curl');

Deskgate::Gateway::configure($t, server => <<'EOF_CONF');
        listen  127.0.0.1:8083 http2;
        client_body_timeout  700ms;
        error_page  403 404 502 504 @page;
        recursive_error_pages  on;

        location @page {
            return 200 "a page";
        }
EOF_CONF

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

sub gate { return ($_[0] || {})->{additionalEventData}{deskgate} || {} }

# Runs code and returns the records that it left
sub left {
    my ($what, $count, $code) = @_;

    my $before = $t->record_lines;

    $code->();
    $t->wait_for(sub { $t->record_lines >= $before + $count }, 8);
    sleep 0.1;

    my @records = $t->records;
    my @new = @records[$before .. $#records];

    is(scalar @new, $count, "$what: $count records");

    return @new;
}

my $url = 'http://127.0.0.1:' . port(8083) . '/';

# a client that goes away while it waits

$aws->behave(delay => 2);

my ($r) = left('gone while waiting', 1, sub {
    my %w = signed_call(workspaces => 'DescribeAccount', {});

    $t->curl('--http2-prior-knowledge', '--max-time', '0.5',
        (map { ('-H', "$_->[0]: $_->[1]") } @{$w{headers}}),
        '-d', $w{body}, $url);
});

is(gate($r)->{aborted}, 'upstream', 'gone while waiting: it says when');
$aws->behave();

# a body that never ends

($r) = left('a late body', 1, sub {
    my %w = signed_call(workspaces => 'DescribeIpGroups', '{"a":1}');
    my $fifo = $t->testdir . '/late';

    POSIX::mkfifo($fifo, 0600);

    my $pid = fork;

    if ($pid == 0) {
        open my $out, '>', $fifo;
        syswrite $out, '{"a"';
        sleep 3;
        POSIX::_exit(0);
    }

    my $answer = $t->curl('--http2-prior-knowledge', '-X', 'POST', '-T', $fifo,
        '--request-target', '/',
        (map { ('-H', "$_->[0]: $_->[1]") } @{$w{headers}}), $url);

    waitpid $pid, 0;
    is($answer->{status}, 408, 'a late body: 408') if !$answer->{exit};
});

is(gate($r)->{refusal}, 'request_timeout', 'a late body: recorded as such');

# error pages: one authentication, one charge, one record

($r) = left('a page for a broken upstream', 1, sub {
    $aws->behave(drop => 1);

    my $answer = call(workspaces => 'DescribeWorkspaces', { Limit => 1 });

    is($answer->{status}, 502, 'a broken upstream is a 502');
    unlike($answer->{body}, qr/a page/, 'no page takes its place');
    $aws->behave();
});

is(gate($r)->{refusal}, 'bad_gateway', 'the record says so');
is($r->{userIdentity}{userName}, 'alice', 'and who asked');
is(gate($r)->{upstream}{attempts}, 1, 'and that it was sent once');

($r) = left('a page for a refusal', 1, sub {
    my $answer = call(workspaces => 'DescribeNothing', {});

    is($answer->{status}, 404, 'an unknown operation is a 404');
    unlike($answer->{body}, qr/a page/, 'no page takes a refusal');
});

# a connection that says nothing is no call, one that breaks off is none allowed

left('silence', 0, sub {
    $t->connect(8080)->close;
    sleep 0.2;
});

foreach my $begun ("POST / HT", "POST / HTTP/1.1\r\nHost: local") {
    ($r) = left('a broken head', 1, sub {
        my $c = $t->connect(8080);

        $c->send($begun);
        $c->close;
    });

    is(gate($r)->{decision}, 'refused', 'a broken head: not allowed');
    is(gate($r)->{refusal}, 'bad_request', 'a broken head: its name');
    is(gate($r)->{aborted}, 'request', 'a broken head: when');
    is($r->{errorCode}, 'MalformedHttpRequestException',
        'a broken head: its error');
}

($r) = left('a broken body', 1, sub {
    my $c = $t->connect(8080);
    my $text = Deskgate::Connection::request_text(
        signed_call(workspaces => 'DescribeAccount', '{"a":1}'));

    $c->send(substr $text, 0, -3);
    sleep 0.1;
    $c->close;
});

is(gate($r)->{decision}, 'refused', 'a broken body: not allowed');
is(gate($r)->{aborted}, 'request', 'a broken body: when');
is($r->{userIdentity}{type}, 'Unknown', 'a broken body: of nobody');

# what is not HTTP is one, of nobody

($r) = left('noise', 1, sub {
    my $c = $t->connect(8080);

    $c->send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
    $c->rest;
});

is(gate($r)->{refusal}, 'bad_request', 'noise: it is no request');
is($r->{userIdentity}{type}, 'Unknown', 'noise: of nobody');

$t->finish;

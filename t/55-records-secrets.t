#!/usr/bin/perl

# Secrets in answers and in requests that never come to a location: in no
# record and in no line of the error log.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new();

# nginx itself prints request lines that it cannot read at level info
Deskgate::Gateway::configure($t, http => 'access_log off;'
    . 'error_log %%TESTDIR%%/requests.log warn;');

my $text = $t->read_file('nginx.conf');

$text =~ s/^\s+access_log \S+access\.log;$//m;
$t->write_file('nginx.conf', $text);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my @except = (except => [qr/^(aws|broker).*(requests|behaviour)/]);

sub planted { return $t->secret("planted-$_[0]-secret", @except) }

# a connection token in the answer

my $token = planted('connection-token');

$broker->behave(headers => [['Content-Type', 'application/json']],
    body => JSON::PP->new->canonical->encode({ ConnectionToken => $token,
        Session => { Id => 'one' }, WebUrlPath => '/' }));

my %get = (method => 'GET', target => '/sessionConnectionData/one/alice',
    headers => [['Host', 'localhost']], body => '');

$get{headers} = Deskgate::SigV4::sign(%get, %ALICE, region => 'us-east-1',
    service => 'dcv-session-manager');

my $answer = http_request(%get);

is($answer->{status}, 200, 'connection data are given');
is(json_of($answer)->{ConnectionToken}, $token, 'with the token');
is(header($answer, 'Cache-Control'), 'no-store', 'which nobody may keep');

my $id = header($answer, 'x-amzn-RequestId');
my ($record) = records_of_id($t, $id);

ok($record, 'a record is left');
is($record->{eventName}, 'GetSessionConnectionData', 'of the operation');
unlike(JSON::PP->new->encode($record), qr/\Q$token\E/, 'without the token');

# members of an answer that a record has

$broker->behave(headers => [['Content-Type', 'application/json']],
    body => JSON::PP->new->canonical->encode({ RequestId => 'r-1',
        SuccessfulList => [{ Id => 'two', Name => 'n', Owner => 'alice',
            NewMember => planted('unknown-member') }],
        UnsuccessfulList => [] }));

$answer = call('dcv-session-manager' => 'CreateSessions',
    [{ Name => 'n', Owner => 'alice', Type => 'VIRTUAL' }]);
is($answer->{status}, 200, 'a session is created');
($record) = records_of_id($t, header($answer, 'x-amzn-RequestId'));
is($record->{responseElements}{successfulList}[0]{id}, 'two',
    'the record has what the model knows');
$broker->behave();

# presigned calls, with and without a location

my $session = planted('session-token');
my $signature = planted('0123456789abcdef-signature');
my $query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Security-Token=$session"
    . "&X-Amz-Signature=$signature&access_token=" . planted('access-token');

my %early = (
    'without Host'      => "GET /?$query HTTP/1.1\r\n\r\n",
    'with a bad Host'   => "GET /?$query HTTP/1.1\r\nHost: a/b\r\n\r\n",
    'with a bad length' => "POST /?$query HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Length: x\r\n\r\n",
    'that is refused'   => "GET /?$query HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\n\r\n",
);

foreach my $what (sort keys %early) {
    my $before = () = $t->read_file('requests.log') =~ /deskgate refused/g;
    my $lines = $t->record_lines;

    like(http($early{$what}), qr{^HTTP/1\.1 4}, "a presigned call $what");
    ok($t->wait_for(sub { $t->record_lines > $lines }), "$what: recorded");

    my $after = () = $t->read_file('requests.log') =~ /deskgate refused/g;

    is($after, $before + 1, "$what: said once in the error log");

    my $said = join "\n", $t->read_file('requests.log'),
        map { $t->read_file($_) } $t->files('trail');

    foreach my $secret ($session, $signature) {
        ok(index($said, $secret) < 0, "$what: without its secrets");
    }
}

# what a client sends as its credentials

my $bearer = planted('bearer-token');

$answer = http_request(form_request('aws-json-1.1', unsigned => 1, headers => [
    ['Authorization', "Bearer $bearer"],
    ['X-Amz-Security-Token', planted('header-token')],
    ['Cookie', planted('cookie')]]));
is($answer->{status}, 403, 'odd credentials are refused');
ok($t->wait_for(sub { records_of_id($t,
    header($answer, 'x-amzn-RequestId')) }), 'and recorded');

$t->finish;

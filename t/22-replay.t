#!/usr/bin/perl

# A signature passes once: across workers and reloads, for the calls that
# deskgate_replay says, and only when the call was forwarded.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();

my %ports = (8081 => 'deskgate_replay all;', 8082 => 'deskgate_replay off;',
    8083 => 'deskgate_throttle rate=1r/m burst=1 key=operation;');

Deskgate::Gateway::configure($t, workers => 2,
    statements => [Deskgate::Gateway::allow_all(),
        { Effect => 'Deny', Principal => '*', Resource => '*',
          Action => 'workspaces:RebuildWorkspaces' }],
    http => join('', map { '
    server {
        listen       127.0.0.1:' . $_ . ';
        server_name  localhost;

        location / {
            ' . gateway_location(location => $ports{$_}) . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }
' } sort keys %ports));

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my $n = 0;


# a write once, a read as often as one likes

my %write = write_call();

is(send_call(%write)->{status}, 200, 'a write');

my $answer = send_call(%write);

is(refusal_of($t, $answer), 'signature_replayed', 'not twice');
is($answer->{status}, 400, 'status');
is(error_type($answer), 'InvalidSignatureException', 'exception');
is(send_call(write_call())->{status}, 200, 'another write');

my %read = signed_call(workspaces => 'DescribeWorkspaces', {});

is(send_call(%read)->{status}, 200, "a read, $_") foreach 'once', 'twice';

my %query = write_call(form => 'query');

is(send_call(%query)->{status}, 200, 'a presigned write');
is(refusal_of($t, send_call(%query)), 'signature_replayed', 'not twice');

my %broker = signed_call('dcv-session-manager' => 'DeleteSessions',
    '[{"SessionId":"a","Owner":"b"}]');

send_call(%broker);
is(refusal_of($t, send_call(%broker)), 'signature_replayed',
    'of a broker neither');

%read = signed_call(workspaces => 'DescribeTags',
    { ResourceId => 'ws-12345678' });
is(send_call(%read, port => 8081)->{status}, 200, 'all: a read');
is(refusal_of($t, send_call(%read, port => 8081)), 'signature_replayed',
    'all: not twice');

%write = write_call();
is(send_call(%write, port => 8082)->{status}, 200, "off: a write, $_")
    foreach 'once', 'twice';


# a changed signature is another one and wrong; the same one in other words is
# the same

%write = write_call();
send_call(%write);
change(\%write, sub { $_[0] =~ s/, /,/gr });
is(refusal_of($t, send_call(%write)), 'signature_replayed',
    'in another spelling of Authorization');

%write = write_call();
send_call(%write);
push @{$write{headers}}, ['X-Unsigned', 'x'];
is(refusal_of($t, send_call(%write)), 'signature_replayed',
    'with a header added');


# at once, by many, to two workers

is(scalar($t->workers), 2, 'two workers');

for my $round (1 .. 5) {
    my $before = $aws->count;

    %write = write_call();

    my @clients = map { $t->connect(8080) } 1 .. 16;

    $_->send(call_text(%write)) foreach @clients;

    my @statuses = sort map { $_->answer->{status} } @clients;

    is("@statuses", join(' ', 200, (400) x 15), "one of sixteen, $round");
    is($aws->count - $before, 1, "was forwarded, $round");
}


# what was refused may come again

%write = write_call(port => 8083);

is(send_call(write_call(), port => 8083)->{status}, 200,
    'the bucket is empty now');
is(refusal_of($t, send_call(%write, port => 8083)), 'throttled', 'throttled');
is(send_call(%write)->{status}, 200, 'and then let through');
is(refusal_of($t, send_call(%write)), 'signature_replayed', 'once');

%write = signed_call(workspaces => 'RebuildWorkspaces',
    { RebuildWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] });

is(refusal_of($t, send_call(%write)), 'denied_explicit', "denied, $_")
    foreach 'once', 'twice';


# what the upstream did not execute

foreach my $status (429, 503) {
    $aws->behave(status => $status, times => 1, body => '{}');
    %write = write_call();

    is(send_call(%write)->{status}, $status, "the upstream says $status");
    is(send_call(%write)->{status}, 200, "the same call again after $status");
    is(refusal_of($t, send_call(%write)), 'signature_replayed',
        "and no more after $status");
}

foreach my $status (400, 500, 502, 504) {
    $aws->behave(status => $status, times => 1, body => '{}');
    %write = write_call();
    send_call(%write);
    is(refusal_of($t, send_call(%write)), 'signature_replayed',
        "$status may have been executed");
    $aws->behave();
}

$aws->behave(drop => 1);
%write = write_call();
is(send_call(%write)->{status}, 502, 'no answer');
$aws->behave();
is(refusal_of($t, send_call(%write)), 'signature_replayed',
    'may have been executed');


# reload

%write = write_call();
is(send_call(%write)->{status}, 200, 'before a reload');
ok($t->reload, 'reload');
is(refusal_of($t, send_call(%write)), 'signature_replayed',
    'is remembered after it');

$t->finish;


sub write_call {
    my (%opt) = @_;

    return signed_call(workspaces => 'CreateTags', {
        ResourceId => 'ws-12345678',
        Tags       => [{ Key => 'n', Value => '' . ++$n }] }, %opt);
}


sub send_call {
    my (%request) = @_;

    return http_request(%request);
}


sub change {
    my ($request, $code) = @_;

    $request->{headers} = [map {
        $_->[0] eq 'Authorization' ? [$_->[0], $code->($_->[1])] : $_
    } @{$request->{headers}}];
}

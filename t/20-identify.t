#!/usr/bin/perl

# Which operation a request is, and which requests are none: targets, paths,
# broker routes, CBOR paths, hosts, and whatever could be read in two ways.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new()->need('curl');

Deskgate::Gateway::configure($t, server => 'merge_slashes on;', http => '
    server {
        listen       127.0.0.1:8081;
        server_name  named.example www.named.example;

        location / {
            ' . gateway_location(hosts => '') . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }

    server {
        listen       127.0.0.1:8083 http2;
        server_name  localhost;

        location / {
            ' . gateway_location() . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }

    server {
        listen       127.0.0.1:8082;
        server_name  localhost;

        location / {
            ' . gateway_location(services => ['workspaces']) . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }
');

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my $calls = 0;
my $INSTANCES = 'EUCMIFrontendAPIService';


# four services in one location

named(call(workspaces => 'DescribeWorkspaces', {}),
    'workspaces', 'DescribeWorkspaces', 'X-Amz-Target');
named(call('workspaces-instances' => 'ListRegions', {}),
    'workspaces-instances', 'ListRegions', 'X-Amz-Target of another service');
named(call('ssm-guiconnect' => 'GetConnectionRecordingPreferences', {}),
    'ssm-guiconnect', 'GetConnectionRecordingPreferences', 'REST path');
named(call('dcv-session-manager' => 'DescribeSessions', {}),
    'dcv-session-manager', 'DescribeSessions', 'broker route');
named(call('dcv-session-manager' => 'x', '', method => 'GET',
        target => '/sessionConnectionData/session-1/alice'),
    'dcv-session-manager', 'GetSessionConnectionData',
    'broker route with labels');
named(cbor("/service/$INSTANCES/operation/ListRegions"),
    'workspaces-instances', 'ListRegions', 'rpc-v2-cbor path');
named(cbor('/service/WorkspacesService/operation/DescribeWorkspaces',
        service => 'workspaces'),
    'workspaces', 'DescribeWorkspaces', 'rpc-v2-cbor path of another service');
named(cbor("/a/b/service/$INSTANCES/operation/ListRegions"),
    'workspaces-instances', 'ListRegions', 'rpc-v2-cbor path with a prefix');

is(scalar($aws->requests), 6, 'AWS calls went to one upstream');
is($broker->api_calls, 2, 'broker calls to the other');
is(join(',', grep { $_ ne 'ok' } map { $_->{verdict} } $aws->requests), '',
    'all signed');


# none

refused(404, 'unknown_operation', 'unknown operation',
    workspaces => 'DescribeNothing', {});
refused(404, 'unknown_operation', 'operation of another service',
    workspaces => 'ListRegions', {});
refused(404, 'unknown_operation', 'operation in another case',
    workspaces => 'describeworkspaces', {});
refused(404, 'unknown_operation', 'GET with a target',
    workspaces => 'DescribeWorkspaces', '', method => 'GET');
refused(404, 'unknown_operation', 'target on another path',
    workspaces => 'DescribeWorkspaces', {}, target => '/x');
refused(404, 'unknown_operation', 'broker route, wrong method',
    'dcv-session-manager' => 'DescribeSessions', '', method => 'GET');
refused(404, 'unknown_operation', 'no such path',
    'ssm-guiconnect' => 'Nothing', {});
refused(404, 'unknown_operation', 'a service that the location does not list',
    'workspaces-instances' => 'ListRegions', {}, port => 8082);

is(error_type(call(workspaces => 'DescribeNothing', {})),
    'UnknownOperationException', 'an exception that SDKs know');


# two ways to read

my @target = ['X-Amz-Target', 'WorkspacesService.DescribeWorkspaces'];

refused(400, 'ambiguous_operation', 'two targets', workspaces =>
    'DescribeWorkspaces', {}, headers => [@target]);
refused(400, 'ambiguous_operation', 'X-Amzn-Target beside it', workspaces =>
    'DescribeWorkspaces', {}, headers => [['X-Amzn-Target', 'a.b']]);
refused(400, 'ambiguous_operation', 'target and Smithy-Protocol', workspaces =>
    'DescribeWorkspaces', {}, headers => [['Smithy-Protocol', 'rpc-v2-cbor']]);
refused(400, 'ambiguous_operation', 'target on an rpc-v2 path',
    'workspaces-instances' => 'ListRegions', {},
    target => "/service/$INSTANCES/operation/DeleteVolume");
refused_answer(400, 'ambiguous_operation', 'rpc-v2 path with no protocol',
    cbor("/service/$INSTANCES/operation/ListRegions", protocol => undef));
refused_answer(400, 'ambiguous_operation', 'another Smithy protocol',
    cbor("/service/$INSTANCES/operation/ListRegions",
        protocol => 'rpc-v2-json'));

foreach my $query ('Action=TerminateWorkspaces', 'Version=2000-01-01',
    'action=TerminateWorkspaces', 'Action=DescribeWorkspaces&Action=x',
    '%41ction=TerminateWorkspaces')
{
    refused(400, 'action_disagrees', "?$query", workspaces =>
        'DescribeWorkspaces', {}, target => "/?$query");
}

is(call(workspaces => 'DescribeWorkspaces', {},
    target => '/?Action=DescribeWorkspaces&Version=2015-04-08')->{status}, 200,
    'Action and Version that agree');


# paths: what chose the location is what is sent, or nothing is

my %paths = (
    '//describeSessions'               => 'doubled slash',
    '/./describeSessions'              => 'dot segment',
    '/x/../describeSessions'           => 'dot-dot segment',
    '/%64escribeSessions'              => 'escaped letter',
    '/describeSessions/'               => 'slash at the end',
    '/describeSessions%2F'             => 'escaped slash',
    '/%2e/describeSessions'            => 'escaped dot segment',
    '/x/%2e%2e/describeSessions'       => 'escaped dot-dot segment',
    '/describeSessions%00'             => 'NUL',
    '/describeSessions%2500'           => 'doubly escaped NUL',
    '/describe%2553essions'            => 'doubly escaped letter',
    '/sessionConnectionData/a%2Fb/c'   => 'escaped slash in a label',
    '/sessionConnectionData/a/b%2F..'  => 'escaped slash and dots in a label',
    '/sessionConnectionData/a%252Fb/c' => 'doubly escaped slash in a label',
    '/sessionConnectionData/../x/y'    => 'dot-dot before labels',
    '/sessionConnectionData//y'        => 'an empty label',
    '/sessionConnectionData/a/../b'    => 'dot-dot as a label',
    '/sessionConnectionData/a/%2E%2E'  => 'escaped dot-dot as a label',
    '/describeSessions;x=y'            => 'path parameter',
    '/describeSessions%3F'             => 'escaped question mark',
);

my $before = $broker->api_calls;

foreach my $path (sort keys %paths) {
    my $method = $path =~ /Data/ ? 'GET' : 'POST';
    my $answer = call('dcv-session-manager' => 'x',
        $method eq 'GET' ? '' : {}, method => $method, target => $path);

    like($answer->{status}, qr/^40[04]$/, "$paths{$path}: $path")
        if $path ne '/sessionConnectionData/a%252Fb/c';
}

is($broker->api_calls - $before, calls_with_label('a%252Fb'),
    'none of them was sent');

foreach my $path ('/sessionConnectionData/a%20b/corp%5Calice',
                  '/sessionConnectionData/%C3%A9/x+y')
{
    is(call('dcv-session-manager' => 'x', '', method => 'GET',
        target => $path)->{status}, 200, "plain escapes pass: $path");
    is((($broker->requests)[-1])->{target}, $path, 'and are sent as they came');
}


# hosts

refused(400, 'host_not_listed', 'another host', workspaces =>
    'DescribeWorkspaces', {}, host => 'evil.example');
is(call(workspaces => 'DescribeWorkspaces', {}, host => 'LOCALHOST')->{status},
    200, 'in any case');
is(call(workspaces => 'DescribeWorkspaces', {},
    host => 'localhost:' . port(8080))->{status}, 200, 'with a port');
refused(400, 'host_not_listed', 'a suffix of a name', workspaces =>
    'DescribeWorkspaces', {}, host => 'localhost.evil.example');
refused(400, 'host_not_listed', 'a host that only looks like one with a port',
    workspaces => 'DescribeWorkspaces', {}, host => 'evil.example:localhost');

foreach my $host ('named.example', 'www.named.example:443') {
    is(refusal_of($t, call(workspaces => 'DescribeWorkspaces', {},
        port => 8081, host => $host)), 'allowed',
        "server_name stands for deskgate_hosts: $host");
}

refused(400, 'host_not_listed', 'none of the server names', workspaces =>
    'DescribeWorkspaces', {}, host => 'localhost', port => 8081);

my %evil = signed_call(workspaces => 'DescribeWorkspaces', {},
    host => 'evil.example');

my $count = $aws->count;
my $text = call_text(%evil, target => 'http://localhost/');

$text = http($text);
unlike($text, qr{^HTTP/1\.1 200},
    'a request line with a listed host does not stand for the signed one');
is($aws->count, $count, 'and nothing was sent');

my %good = signed_call(workspaces => 'DescribeWorkspaces', {});

like(http(call_text(%good, target => 'http://localhost/')),
    qr{^HTTP/1\.1 200}, 'a host in the request line that is the signed one');

$count = $aws->count;

foreach my $order ([0, 1], [1, 0]) {
    my @hosts = (['Host', 'localhost'], ['Host', 'evil.example'])[@$order];
    my @rest = grep { $_->[0] ne 'Host' } @{$good{headers}};

    unlike(http(call_text(%good, headers => [@hosts, @rest])),
        qr{^HTTP/1\.1 200}, "two hosts, $hosts[0][1] first");

    my %both = Deskgate::Gateway::operation_request(
        workspaces => 'DescribeWorkspaces', {});
    my @signed = @{Deskgate::SigV4::sign(%both, %ALICE, region => 'us-east-1',
        service => 'workspaces', headers => [@hosts,
        grep { $_->[0] ne 'Host' } @{$both{headers}}])};

    unlike(http(call_text(%both, headers => [@signed])),
        qr{^HTTP/1\.1 200}, "both signed, $hosts[0][1] first");
}

my @hostless = grep { $_->[0] ne 'Host' } @{$good{headers}};

unlike(http("POST / HTTP/1.0\r\n" . join('', map { "$_->[0]: $_->[1]\r\n" }
    @hostless) . "Content-Length: 2\r\n\r\n{}"),
    qr{^HTTP/1\.. 200}, 'no host at all');
unlike(http("POST http://localhost/ HTTP/1.0\r\n" . join('', map {
    "$_->[0]: $_->[1]\r\n" } @hostless) . "Content-Length: 2\r\n\r\n{}"),
    qr{^HTTP/1\.. 200}, 'a host in the request line only');
is($aws->count, $count, 'nothing of these was sent');

is(call(workspaces => 'DescribeWorkspaces', {},
    target => '/?x=1', host => 'localhost')->{status}, 200, 'a query is kept');
is((($aws->requests)[-1])->{target}, '/?x=1', 'and sent');


# HTTP/2

is(two('localhost', '/describeSessions')->{status}, 200, 'HTTP/2');
is(two('LocalHost:1234', '/describeSessions')->{status}, 200,
    'HTTP/2: the authority is the host');
is(refusal_of($t, two('evil.example', '/describeSessions')),
    'host_not_listed', 'HTTP/2: another authority');
is(refusal_of($t, two('localhost', '/x/../describeSessions', '--path-as-is')),
    'unknown_operation', 'HTTP/2: dot-dot segment');
is(refusal_of($t, two('localhost', '//describeSessions')),
    'unknown_operation',
    'HTTP/2: doubled slash');
is(refusal_of($t, two('localhost', '/describeNothing')), 'unknown_operation',
    'HTTP/2: no such route');

my @heard = map { two('localhost', '/describeNothing', '-d', '{}')->{status} }
    1 .. 20;

is("@heard", join(' ', (404) x 20),
    'HTTP/2: a refusal is heard, also when the body comes after the headers');


# headers

my @many = map { ["X-Filler-$_", 'x'] } 1 .. 90;

is(call(workspaces => 'DescribeWorkspaces', {}, headers => [@many],
    signed => ['content-type', 'host', 'x-amz-date', 'x-amz-target'])
    ->{status}, 200, 'many headers');

refused(400, 'too_many_headers', 'too many', workspaces =>
    'DescribeWorkspaces', {}, headers => [@many, @many],
    signed => ['content-type', 'host', 'x-amz-date', 'x-amz-target']);

# a location whose server has no plain name

foreach my $name ('', 'server_name _;', 'server_name *.example;',
                  'server_name .example;', 'server_name "~^desk";')
{
    my ($passes, $says) = $t->check_config(Deskgate::Gateway::text(hosts => '')
        =~ s/server_name  localhost;/$name/r);

    ok(!$passes, "no host to sign for: $name");
    like($says, qr/add "server_name" or "deskgate_hosts"/, 'says what to do');
}

$t->finish;


sub cbor {
    my ($path, %opt) = @_;

    my $protocol = exists $opt{protocol} ? $opt{protocol} : 'rpc-v2-cbor';
    my %request = (method => 'POST', target => $path, body => "\xa0",
        headers => [['Host', 'localhost'],
            ['Content-Type', 'application/cbor'],
            defined $protocol ? ['Smithy-Protocol', $protocol] : ()]);

    return http_request(%request, headers => Deskgate::SigV4::sign(%request,
        %ALICE, region => 'us-east-1',
        service => $opt{service} || 'workspaces-instances'));
}


sub two {
    my ($host, $path, @more) = @_;

    return $t->curl('--http2-prior-knowledge', @more, '--user',
        "$ALICE{access_key}:$ALICE{secret_key}", '--aws-sigv4',
        'aws:amz:us-east-1:dcv-session-manager', '-H', "Host: $host",
        '-H', 'Content-Type: application/json', '-X', 'POST', '-d', '',
        'http://127.0.0.1:' . port(8083) . $path);
}


sub named {
    my ($answer, $service, $operation, $name) = @_;

    is($answer->{status}, 200, $name);

    my ($record) = grep { ($_->{eventName} || '') eq $operation }
        reverse $t->wait_records(++$calls);

    is($record->{additionalEventData}{deskgate}{service}, $service,
        "$name: service in the record");
}


sub refused {
    my ($status, $refusal, $name, @call) = @_;

    return refused_answer($status, $refusal, $name, call(@call));
}


sub refused_answer {
    my ($status, $refusal, $name, $answer) = @_;

    is($answer->{status}, $status, "$name: status");
    is(refusal_of($t, $answer), $refusal, "$name: $refusal");
}


sub calls_with_label {
    my ($label) = @_;

    return scalar grep { index($_->{target}, $label) >= 0 } $broker->requests;
}

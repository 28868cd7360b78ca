#!/usr/bin/perl

# What may not stand in a record, and what must not break one: secrets,
# control characters, long fields, big bodies, many workers.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use POSIX ();
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new();

my $HIDDEN = 'HIDDEN_DUE_TO_SECURITY_REASONS';

Deskgate::Gateway::configure($t, workers => 2,
    server => 'client_max_body_size 1m; ignore_invalid_headers off;');

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my @except = (except => [qr/^aws\.|^broker|requests/]);

sub planted { return $t->secret("planted-$_[0]-secret", @except) }

# sensitive members

my $r = record_of($t, call('workspaces-instances' => 'CreateWorkspaceInstance',
    { ClientToken => planted('client-token'), ManagedInstance => {
        ImageId => 'ami-12345678', InstanceType => 't3.medium',
        UserData => planted('user-data') } }));

ok($r, 'a call with secrets leaves a record');
is($r->{requestParameters}{managedInstance}{userData}, $HIDDEN,
    'UserData is hidden');
is($r->{requestParameters}{managedInstance}{imageId}, 'ami-12345678',
    'what is beside it is not');
is($r->{requestParameters}{clientToken}, $HIDDEN, 'ClientToken is hidden');

my $permissions = planted('permissions-file');

$r = record_of($t, call('dcv-session-manager' => 'CreateSessions',
    [{ Name => 'one', Owner => 'alice', Type => 'VIRTUAL',
       InitFile => "init.sh", PermissionsFile => $permissions }]));

ok($r, 'a broker call leaves a record');
unlike(JSON::PP->new->canonical->encode($r->{requestParameters} || {}),
    qr/planted/, 'no file content is in it');
like(JSON::PP->new->canonical->encode($r->{requestParameters} || {}),
    qr/\Q$HIDDEN\E/, 'it says that something was');
like(JSON::PP->new->canonical->encode($r->{requestParameters} || {}),
    qr/@{[sha256_hex($permissions)]}/, 'and gives its digest');

$r = record_of($t, call(workspaces => 'CreateConnectClientAddIn',
    { ResourceId => 'd-926715c0de', Name => "a \"quoted\" name",
      URL => 'https://x.example' }));

is($r->{requestParameters}{name}, 'a "quoted" name', 'quotes in a value');

# what tries to be a second line, or to end a string

my @odd = ("a\x01b", "tab\tx", 'quote"}', 'back\\slash', "bad\xff\xfeutf",
    "del\x7f", "caf\xc3\xa9", '\u0000', "trunc\xe2\x82");

foreach my $text (@odd) {
    my $shown = join '', map { sprintf '%02x', ord } split //, $text;
    my $before = $t->record_lines;

    http_request(form_request('aws-json-1.1', headers => [
        ['User-Agent', $text], ['amz-sdk-invocation-id', $text],
        ['amz-sdk-request', $text]], unsigned => 1));

    $t->wait_for(sub { $t->record_lines > $before }, 4);
    is($t->record_lines - $before, 1, "one line with $shown");

    my ($line) = reverse sort { $a->{eventTime} cmp $b->{eventTime} }
        grep { defined $_->{userAgent} } $t->records;

    ok($line, "$shown: it parses");
}

foreach my $file ($t->files('trail')) {
    unlike($t->read_file($file), qr/[\x00-\x09\x0b-\x1f\x7f]/,
        'no control character in ' . substr $file, -14);
    my $text = $t->read_file($file);
    ok(utf8::decode($text), 'valid UTF-8 in ' . substr $file, -14);
}

my $before = $t->record_lines;
http("GET /a%0d%0ab%22?x=%0a HTTP/1.1\r\nHost: localhost\r\n"
    . "User-Agent: a\r\n b: c\r\nConnection: close\r\n\r\n");
http("GET /\xff\xfe\"\\ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
$t->wait_for(sub { $t->record_lines >= $before + 2 }, 5);
is($t->record_lines - $before, 2, 'odd paths leave one line each');

my ($member) = record_of($t, call(workspaces => 'CreateConnectClientAddIn',
    '{"ResourceId":"d-926715c0de","Name":"x\n{\"eventVersion\":\"9\"}\u2028",'
    . '"URL":"https://x.example"}'));

like($member->{requestParameters}{name}, qr/^x\n\{"eventVersion":"9"\}/,
    'a line break in a member stays in it');

# long fields

$r = record_of($t, call(workspaces => 'DescribeAccount', {}, headers => [
    ['User-Agent', 'u' x 5000]]));
is(length $r->{userAgent}, 1024, 'a long User-Agent is cut at 1 KB');

# big bodies

my $big = { DirectoryId => 'd-926715c0de',
    WorkspaceIds => [map { sprintf 'ws-%08d', $_ } 1 .. 9000] };

$r = record_of($t, call(workspaces => 'DescribeWorkspaces', $big,
    headers => [['X-Big', 1]]));

ok($r, 'a big body leaves a record');
is($r->{requestParameters}, undef, 'its parameters are dropped');
ok(($r->{additionalEventData}{deskgate}{requestParametersOmitted} || 0)
    > 100_000 || $r->{additionalEventData}{deskgate}{refusal},
    'and it says so');

# many at once, from two workers

$before = $t->record_lines;

my $children = 6;
my $calls = 40;
my @pids;

foreach my $child (1 .. $children) {
    my $pid = fork;

    if ($pid == 0) {
        for (1 .. $calls) {
            call(workspaces => 'DescribeWorkspaces', { DirectoryId =>
                'd-926715c0de' }, headers => [['User-Agent', 'u' x 900]]);
        }
        POSIX::_exit(0);
    }

    push @pids, $pid;
}

waitpid $_, 0 foreach @pids;

$t->wait_for(sub { $t->record_lines >= $before + $children * $calls });
is($t->record_lines - $before, $children * $calls,
    'every call of a crowd has its record');

my %ids = map { $_->{eventID} => 1 } $t->records;  # fails on a line that is none

is(scalar keys %ids, $t->record_lines, 'each is whole and another');
ok((grep { $t->read_file($_) =~ /./ } $t->files('trail')) >= 1,
    'written by the workers');

$t->finish;

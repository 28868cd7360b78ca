#!/usr/bin/perl

# Credentials that the gateway vends: by the protocol of AWS SDKs in
# containers, good here and nowhere else, with the caller's own attributes,
# no longer than his token.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/encode_base64/;
use POSIX qw/strftime/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Token;

my $t = Deskgate->new();
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my $issuer = Deskgate::Token->issuer($t, 'corp', $URL);

$t->write_file('master.keys', "# newest first\n"
    . master('new', 'a') . master('old', 'b'));
$t->write_file('old.keys', master('old', 'b'));
$t->write_file('key_policy.json', $JSON->encode({ Version => '2012-10-17',
    Statement => [{ Effect => 'Allow', Action => '*', Resource => '*' }] }));

my $statements = [
    { Effect => 'Allow', Principal => '*', Resource => '*',
      Action => 'workspaces:Describe*',
      Condition => { StringEquals => { 'corp:dept' => 'film' } } },
    { Effect => 'Allow', Principal => '*', Resource => '*',
      Action => 'workspaces:RebootWorkspaces',
      Condition => { StringEquals => { 'aws:PrincipalTag/team' => 'blue' } } },
    { Effect => 'Allow', Principal => '*', Resource => '*',
      Action => 'dcv-session-manager:*',
      Condition => { StringLike => { 'aws:PrincipalArn' => '*jwt/corp/*' } } },
];

revoke();

my $vend = "deskgate_authenticate bearer=corp;\n"
    . 'deskgate_hosts localhost; deskgate_audit trail;';

Deskgate::Gateway::configure($t,
    authenticate => 'sigv4=desks vended=desks bearer=corp',
    statements => $statements,
    keys => [
        Deskgate::Gateway::key(\%ALICE,
            principal => "arn:aws:iam::${ACCOUNT}:user/alice",
            tags => { team => 'blue' },
            policies => ['%%TESTDIR%%/key_policy.json' =~ s/%%TESTDIR%%/
                $t->testdir/er]),
        Deskgate::Gateway::key(\%BOB,
            principal => "arn:aws:iam::${ACCOUNT}:user/bob") ],
    http => $issuer->block . "
    deskgate_revocations %%TESTDIR%%/revocations.json;
    deskgate_vended desks { keys %%TESTDIR%%/master.keys; gateway here; }
    deskgate_vended old { keys %%TESTDIR%%/old.keys; gateway here; }
    deskgate_vended elsewhere { keys %%TESTDIR%%/master.keys; gateway there; }
" . server(8081, '~ ^/(describeSessions)?$', 'vended=desks')
  . server(8082, '/', 'vended=elsewhere') . server(8083, '/', 'bearer=corp'),
    locations => "
        location = /credentials {
            deskgate_vend vended=desks region=us-east-1;
            deskgate_throttle rate=100r/s burst=200 key=caller;
            $vend
        }
        location = /short {
            deskgate_vend vended=desks region=us-east-1 lifetime=2m;
            $vend
        }
        location = /limited {
            deskgate_vend vended=desks region=us-east-1 'locations=/x,^/(describeSessions)?\$'
                services=workspaces claims=dept;
            $vend
        }
        location = /old {
            deskgate_vend vended=old region=us-east-1 forwarded=on;
            $vend
        }
        location = /keys {
            deskgate_vend vended=desks region=us-east-1;
            deskgate_authenticate sigv4=desks;
            deskgate_hosts localhost; deskgate_audit trail;
        }
        location = /keys-by-token {
            deskgate_vend vended=desks region=us-east-1;
            deskgate_authenticate bearer=corp;
            deskgate_hosts 127.0.0.1; deskgate_audit trail;
        }
        location = /throttled {
            deskgate_vend vended=desks region=us-east-1;
            deskgate_throttle rate=1r/m burst=1 key=caller;
            $vend
        }
");

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my @call = (workspaces => 'DescribeWorkspaces', {});
my %claims = (sub => 'alice', aud => 'deskgate', dept => 'film',
    jti => 'jti-27', groups => ['artists']);


# the protocol

my $token = $issuer->token(%claims, exp => time + 600);
my $answer = ask('/credentials', $token);
my $given = Deskgate::json_of($answer);

is($answer->{status}, 200, 'a token brings credentials');
is(Deskgate::header($answer, 'content-type'), 'application/json', 'as JSON');
is(Deskgate::header($answer, 'cache-control'), 'no-store',
    'that nobody keeps');
is_deeply([sort keys %$given],
    [qw/AccessKeyId Expiration SecretAccessKey Token/], 'what SDKs read');
like($given->{AccessKeyId}, qr/^DGVK[A-Z2-7]{16}$/, 'a key id of its own');
is(length $given->{SecretAccessKey}, 40, 'a secret');
like($given->{Expiration}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'a date');
cmp_ok($given->{Expiration}, 'le', stamp(time + 600),
    'the end of the token at the latest');

$t->secret($given->{SecretAccessKey});
$t->secret($given->{Token}, except => ['access.log']);

my $second = Deskgate::json_of(ask('/credentials', $token));

isnt($second->{AccessKeyId}, $given->{AccessKeyId}, 'each time another id');

my $long = Deskgate::json_of(ask('/credentials',
    $issuer->token(%claims, exp => time + 86400)));

cmp_ok($long->{Expiration}, 'le', stamp(time + 3600), 'an hour at the most');
cmp_ok($long->{Expiration}, 'gt', stamp(time + 3500), 'and not much less');

my $short = Deskgate::json_of(ask('/short', $issuer->token(%claims)));

cmp_ok($short->{Expiration}, 'le', stamp(time + 120), 'lifetime=');


# its record

my $record = record_of($t, $answer);

is($record->{eventSource}, 'deskgate', 'a record of the gateway\'s own');
is($record->{eventName}, 'VendCredentials', 'its name');
is($record->{userIdentity}{principalId} =~ s/.*\///r, 'alice', 'for whom');
is($record->{responseElements}{credentials}{accessKeyId},
    $given->{AccessKeyId}, 'which key id');
is($record->{responseElements}{credentials}{expiration},
    $given->{Expiration}, 'until when');
is($record->{requestParameters}{mode}, 'vended', 'in which mode');
unlike($JSON->encode($record), qr/\Q$given->{SecretAccessKey}\E/,
    'and no secret');


# calls with them

$answer = call_as($given, @call);
is($answer->{status}, 200, 'a call that is signed with them');
is((grep { $_->{verdict} ne 'ok' } $aws->requests), 0,
    'leaves with the gateway\'s signature');
ok(!(grep { $_->{raw} =~ /\Q$given->{Token}\E|DGVK/ } $aws->requests),
    'and nothing of theirs');

$record = record_of($t, $answer);
is($record->{userIdentity}{accessKeyId}, $given->{AccessKeyId},
    'its record has the key id');
is($record->{userIdentity}{userName}, 'alice', 'and the caller behind');
is($record->{additionalEventData}{deskgate}{caller}{kind}, 'vended',
    'how he called')
    or diag($JSON->pretty->encode($record->{additionalEventData}));

is(call_as($given, @call, form => 'query')->{status}, 200, 'presigned');
is(call_as($given, 'dcv-session-manager', 'DescribeSessions', {})->{status},
    200, 'a call to the broker');
refused('denied_implicit', 'policy still decides', call_as($given,
    workspaces => 'RebootWorkspaces', { RebootWorkspaceRequests =>
        [{ WorkspaceId => 'ws-12345678' }] }));

my $other = Deskgate::json_of(ask('/credentials',
    $issuer->token(%claims, sub => 'carol', dept => 'art')));

refused('denied_implicit', 'by the claims of the caller',
    call_as($other, @call));


# what is not theirs

refused('session_token', 'the key id of one, the token of another',
    call_as({ %$given, Token => $second->{Token} }, @call));
refused('session_token', 'with its secret as well',
    call_as({ %$second, AccessKeyId => $given->{AccessKeyId} }, @call));
refused('signature_mismatch', 'the secret of another',
    call_as({ %$given, SecretAccessKey => $second->{SecretAccessKey} },
        @call));
refused('session_token', 'no session token',
    call_as({ %$given, Token => undef }, @call));
refused('session_token', 'an altered one',
    call_as({ %$given, Token => $given->{Token} =~ s/.{4}$/AAAA/r }, @call));
refused('session_token', 'one that is no token',
    call_as({ %$given, Token => 'A' x 300 }, @call));
refused('session_token', 'a key id that nobody was given',
    call_as({ %$given, AccessKeyId => 'DGVK' . 'A' x 16 }, @call));
refused('session_token', 'a gateway of another name',
    call_as($given, @call, port => 8082));
refused('key_unknown', 'a location that takes none',
    call_as($given, @call, port => 8083));
is(call_as($given, @call)->{status}, 200, 'and they are still good');


# rotation of the keys that seal

my $old = Deskgate::json_of(ask('/old', $issuer->token(%claims)));

is(call_as($old, @call)->{status}, 200, 'sealed by the old key, opened');


# limits

my $limited = Deskgate::json_of(ask('/limited', $issuer->token(%claims)));

is(call_as($limited, @call, port => 8081)->{status}, 200,
    'the location that they are for');
refused('session_not_here', 'not another one', call_as($limited, @call));
refused('session_not_here', 'nor another service', call_as($limited,
    'dcv-session-manager', 'DescribeSessions', {}, port => 8081));


# callers with keys

my $mine = Deskgate::json_of(ask_signed('/keys', %ALICE));

like($mine->{AccessKeyId}, qr/^DGVK/, 'a caller with a key vends as well');
is(call_as($mine, workspaces => 'RebootWorkspaces',
    { RebootWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] }
    )->{status}, 200, 'his tags and policies go with him');
refused('session_not_here', 'not where his own policy is not loaded',
    call_as($mine, @call, port => 8081));

$record = record_of($t, call_as($mine, @call));
is($record->{userIdentity}{arn}, "arn:aws:iam::${ACCOUNT}:user/alice",
    'under his own name');

my $bobs = Deskgate::json_of(ask_signed('/keys', %BOB));

is(call_as($bobs, workspaces => 'RebootWorkspaces',
    { RebootWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] }
    )->{status}, 400, 'and not with another');


# who gets none, in the protocol's own form

vend_refused(401, 'MissingAuthenticationTokenException',
    'credentials_missing', 'no token', ask('/credentials', undef));
vend_refused(401, 'UnrecognizedClientException', 'token_malformed',
    'no good one', ask('/credentials', 'x'));
vend_refused(401, 'ExpiredTokenException', 'token_expired', 'an old one',
    ask('/credentials', $issuer->token(%claims, exp => time - 100)));
vend_refused(403, 'AccessDeniedException', 'host_not_listed',
    'another Host', ask('/credentials', $token, ['Host', 'evil.example']));
vend_refused(400, 'MalformedHttpRequestException', 'header_forbidden',
    'through a proxy', ask('/credentials', $token,
        ['X-Forwarded-For', '192.0.2.1']));
vend_refused(400, 'MalformedHttpRequestException', 'header_forbidden',
    'from a page', ask('/credentials', $token,
        ['Origin', 'https://evil.example']));
is(ask('/old', $token, ['X-Forwarded-For', '192.0.2.1'])->{status}, 200,
    'forwarded=on: a proxy of one\'s own');
vend_refused(405, 'MalformedHttpRequestException', 'method', 'POST',
    Deskgate::http_request(method => 'POST', target => '/credentials',
        headers => [['Host', 'localhost'], ['Content-Length', 0],
                    ['Authorization', "Bearer $token"]], body => ''));
vend_refused(403, 'AccessDeniedException', 'vend_limit', 'too many claims',
    ask('/credentials', $issuer->token(%claims, much => 'x' x 2100)));
is(ask('/limited', $issuer->token(%claims, much => 'x' x 2100))->{status},
    200, 'claims=: those that policies need');

is(ask('/throttled', $token)->{status}, 200, 'once');
vend_refused(429, 'ThrottlingException', 'throttled', 'not as often as one '
    . 'likes', ask('/throttled', $token));

vend_refused(403, 'UnrecognizedClientException', 'key_unknown',
    'for vended credentials', ask_signed('/keys',
        access_key => $given->{AccessKeyId},
        secret_key => $given->{SecretAccessKey},
        session_token => $given->{Token}));

like(Deskgate::header(ask('/credentials', undef), 'www-authenticate'),
    qr/^Bearer /, 'a challenge');


# a command for credential_process

$t->write_file('token', "$token\n");

my @tool = ('deskgate-token', 'credentials', '--url',
    'http://127.0.0.1:' . Deskgate::port(8080) . '/keys-by-token');
my ($status, $out) = $t->tool(@tool, '@' . $t->testdir . '/token');
my $printed = eval { $JSON->decode($out) } || {};

is($status, 0, 'deskgate-token credentials') or diag($out);
is($printed->{Version}, 1, 'in the form of credential_process');
is(call_as({ %$printed, Token => $printed->{SessionToken} }, @call
    )->{status}, 200, 'and they are good');
is((stat $t->testdir . '/token')[7], length("$token\n"), 'the token stays');

($status, $out) = $t->tool(@tool, 'x.y.z');
is($status, 1, 'a bad token');
like($out, qr/401: "UnrecognizedClientException"/, 'what the gateway says');

($status, $out) = $t->tool(@tool[0 .. 2], 'http://192.0.2.1/credentials', 'x');
is($status, 1, 'a token leaves the machine by TLS only');
like($out, qr/takes https/, 'and that is said');

$t->write_file('client.secret', 'secret-of-broker-04');
chmod 0600, $t->testdir . '/client.secret';

($status, $out) = $t->tool('deskgate-token', 'fetch', '--query', '--url',
    'http://127.0.0.1:' . Deskgate::port(8102) . '/oauth2/token', '--client-id',
    'gateway', $t->testdir . '/client.secret');
is($status, 0, 'deskgate-token fetch') or diag($out);
like($out, qr/^\S{10,}\n$/, 'prints a token');


# an end

my $brief = Deskgate::json_of(ask('/credentials',
    $issuer->token(%claims, exp => time + 2)));

is(call_as($brief, @call)->{status}, 200, 'while the token lives');
select undef, undef, undef, 2.2;
refused('session_expired', 'and no longer', $answer = call_as($brief, @call));
is(error_type($answer), 'ExpiredTokenException',
    'SDKs know what that means');


# revocation: nothing is stored, and it ends all the same

my $keys = Deskgate::json_of(ask_signed('/keys', %ALICE));

is(call_as($given, @call)->{status}, 200, 'good until');
is(call_as($keys, @call)->{status}, 200, 'and those of a key');

revoke({ issuer => 'corp', jti => 'jti-27' },
    { access_key_id => $ALICE{access_key} });

ok($t->wait_for(sub { refusal_of($t, call_as($given, @call))
    eq 'key_revoked' }, 6), 'the token that they were vended for is revoked');
refused('key_revoked', 'or the key', call_as($keys, @call));
refused('allowed', 'others go on', call_as(Deskgate::json_of(
    ask('/credentials', $issuer->token(%claims, jti => 'x'))), @call));
revoke();
$t->wait_for(sub { refusal_of($t, call_as($given, @call)) eq 'allowed' }, 6);


# configurations

foreach my $case (
    ['region=r', '', 'needs vended=NAME'],
    ['vended=none', '', 'names no "deskgate_vended"'],
    ['vended=desks', '', 'region'],
    ['vended=desks lifetime=2h region=r', '', 'lifetime from 1m to 1h'],
    ['vended=desks lifetime=30s region=r', '', 'lifetime from 1m to 1h'],
    ['vended=desks what=1 region=r', '', 'invalid parameter'],
    ['vended=desks region=r', 'deskgate workspaces region=r;',
        'where the gateway itself answers'],
    ['vended=desks region=r', 'deskgate_authenticate vended=desks;',
        'do not vend'],
    ['vended=desks region=r', 'deskgate_audit off;', 'leave no record'],
    )
{
    my ($args, $more, $says) = @$case;
    my $lines = $more =~ /authenticate/ ? 'deskgate_audit trail;'
        : 'deskgate_authenticate bearer=corp;';
    my $text = $t->read_file('nginx.conf');

    $lines .= 'deskgate_audit trail;' if $more !~ /audit/ && $lines !~ /audit/;
    $text =~ s{(location = /credentials \{).*?\n        \}}
              {$1 deskgate_vend $args; $lines $more \}}s;
    like(scalar $t->check_config($text), qr/\Q$says\E/,
        "nginx -t: $args $more");
}

$t->stop();
$t->allow(qr/deskgate refused/);
$t->finish();


sub master {
    my ($name, $byte) = @_;

    return "$name " . encode_base64($byte x 32, '') . "\n";
}


sub revoke {
    my $name = $t->testdir . '/revocations.json';

    $t->write_file('revocations.new', $JSON->encode({ version => 1,
        revocations => [@_] }));
    chmod 0644, $t->testdir . '/revocations.new';
    rename $t->testdir . '/revocations.new', $name or die "rename: $!";
}


sub server {
    my ($port, $location, $authenticate) = @_;

    return "
    server {
        listen       127.0.0.1:$port;
        server_name  localhost;

        location $location {
            " . gateway_location(authenticate => $authenticate) . "
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }
";
}


sub stamp { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }


# As an SDK does
sub ask {
    my ($target, $bearer, @more) = @_;

    my @host = grep { $_->[0] eq 'Host' } @more;

    return Deskgate::http_request(method => 'GET', target => $target,
        headers => [@host ? () : ['Host', 'localhost'], @more,
            ['Accept', 'application/json'],
            defined $bearer ? ['Authorization', "Bearer $bearer"] : ()]);
}


sub ask_signed {
    my ($target, %who) = @_;

    my %request = (method => 'GET', target => $target,
        headers => [['Host', 'localhost']], body => '');

    return Deskgate::http_request(%request, headers =>
        Deskgate::SigV4::sign(%request, %who, region => 'us-east-1',
            service => 'deskgate'));
}


sub call_as {
    my ($given, $service, $operation, $input, %opt) = @_;

    return call($service, $operation, $input, %opt,
        as => { access_key => $given->{AccessKeyId},
                secret_key => $given->{SecretAccessKey} },
        defined $given->{Token} ? (session_token => $given->{Token}) : ());
}


sub refused {
    my ($name, $title, $answer) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(refusal_of($t, $answer), $name, $title);
}


sub vend_refused {
    my ($status, $code, $name, $title, $answer) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $body = Deskgate::json_of($answer) || {};

    is($answer->{status}, $status, "$title: $status");
    is($body->{Code}, $code, "$title: $code");
    is($body->{code}, $code, "$title: for SDKs that read it so");
    ok(length $body->{Message}, "$title: a message");
    is(refusal_of($t, $answer), $name, "$title: $name");
}

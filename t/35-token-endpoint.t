#!/usr/bin/perl

# The gateway's token endpoint: tokens of its own for callers with a key and
# for tokens of others, its key set, and every way to be refused.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/encode_base64 encode_base64url decode_base64url/;
use POSIX qw/strftime/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Token;

my $t = Deskgate->new();
my $JSON = JSON::PP->new->canonical;
my $corp = Deskgate::Token->issuer($t, 'corp', 'https://sso.example.com');
my $EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
my $TYPES = 'urn:ietf:params:oauth:token-type';

foreach my $key (['es256', 'now'], ['rs256', 'soon']) {
    my ($status, $out) = $t->tool('deskgate-token', 'keygen', $key->[0],
        $key->[1], map { $t->testdir . "/$key->[1].$_" } qw/pem jwks/);

    die $out if $status;
}

my $soon = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time + 4);
my @set = map { @{$JSON->decode($t->read_file("$_.jwks"))->{keys}} }
    qw/now soon/;

$t->write_file('both.jwks', $JSON->encode({ keys => \@set }));
$t->write_file('master.keys', 'k ' . encode_base64('m' x 32, '') . "\n");

my $audit = 'deskgate_audit trail; deskgate_hosts localhost;';

Deskgate::Gateway::configure($t,
    authenticate => 'sigv4=desks bearer=corp,gate vended=desks',
    location => 'deskgate_resource_metadata https://gate.example/resource;',
    keys => [
        Deskgate::Gateway::key(\%ALICE, tags => { team => 'blue' },
            principal => "arn:aws:iam::${ACCOUNT}:user/alice"),
        Deskgate::Gateway::key(\%BOB, disabled => JSON::PP::true,
            principal => "arn:aws:iam::${ACCOUNT}:user/bob") ],
    statements => [
        { Effect => 'Allow', Principal => '*', Resource => '*',
          Action => 'workspaces:DescribeWorkspaces' } ],
    http => $corp->block(more => 'groups groups;') . "
    deskgate_authority gate {
        issuer          https://gate.example;
        audience        deskgate;
        key             now %%TESTDIR%%/now.pem;
        key             soon %%TESTDIR%%/soon.pem not_before=$soon;
        lifetime        5m;
        token_endpoint  https://gate.example/oauth2/token;
        jwks_uri        https://gate.example/.well-known/jwks.json;
    }
    deskgate_issuer gate {
        issuer      https://gate.example;
        audience    deskgate;
        jwks        %%TESTDIR%%/both.jwks;
        algorithms  ES256 RS256;
        account     $ACCOUNT;
        groups      groups;
        accept      rfc9068;
    }
    deskgate_vended desks { keys %%TESTDIR%%/master.keys; gateway here; }
",
    locations => "
        location = /oauth2/token {
            deskgate_token gate region=us-east-1;
            deskgate_authenticate sigv4=desks bearer=corp vended=desks;
            deskgate_throttle rate=200r/s burst=400 key=caller;
            $audit
        }
        location = /exchange {
            deskgate_token gate region=us-east-1 grants=token_exchange;
            deskgate_authenticate bearer=corp sigv4=desks;
            $audit
        }
        location = /throttled {
            deskgate_token gate region=us-east-1;
            deskgate_authenticate sigv4=desks;
            deskgate_throttle rate=1r/m burst=1 key=caller;
            $audit
        }
        location = /credentials {
            deskgate_vend vended=desks region=us-east-1;
            deskgate_authenticate bearer=corp,gate;
            $audit
        }
        location = /.well-known/jwks.json { deskgate_jwks gate; }
        location = /.well-known/oauth-authorization-server {
            deskgate_metadata gate;
        }
");

Deskgate::Gateway::upstreams($t);
$t->run();

my %claims = (sub => 'carol', groups => ['artists', 'ops'], azp => 'studio');
my @call = (workspaces => 'DescribeWorkspaces', {});


# client_credentials

my $answer = basic({ grant_type => 'client_credentials' });
my $given = Deskgate::json_of($answer);

is($answer->{status}, 200, 'Basic: key id and secret');
is(Deskgate::header($answer, 'cache-control'), 'no-store', 'not kept');
is($given->{token_type}, 'Bearer', 'a bearer token');
is($given->{expires_in}, 300, 'for as long as configured');
ok(!exists $given->{issued_token_type}, 'no exchange');

my ($header, $payload) = parts($given->{access_token});

is($header->{typ}, 'at+jwt', 'RFC 9068: typ');
is($header->{alg}, 'ES256', 'signed by the key that may');
is($header->{kid}, 'now', 'its kid');
is($payload->{iss}, 'https://gate.example', 'iss');
is($payload->{sub}, "arn:aws:iam::${ACCOUNT}:user/alice", 'sub');
is($payload->{aud}, 'deskgate', 'aud');
is($payload->{client_id}, $ALICE{access_key}, 'client_id');
is($payload->{exp} - $payload->{iat}, 300, 'iat and exp');
like($payload->{jti}, qr/^[0-9a-f-]{36}$/, 'jti');
is_deeply($payload->{tags}, { team => 'blue' }, 'tags');

$t->secret((split /\./, $given->{access_token})[2]);

my $record = record_of($t, $answer);

is($record->{eventName}, 'IssueToken', 'a record');
is($record->{userIdentity}{arn}, $payload->{sub}, 'of the caller');
is($record->{responseElements}{tokenId}, $payload->{jti}, 'which token');
is($record->{requestParameters}{grantType}, 'client_credentials', 'why');
is(bearer($given->{access_token})->{status}, 200, 'and it opens the gateway');

is(basic({}, target => '/oauth2/token?grant_type=client_credentials'
    )->{status}, 200, 'the grant in the query, as brokers\' clients do');
is(basic({ grant_type => 'client_credentials' },
    secret => $ALICE{secret_key} =~ s/-/%2D/gr)->{status}, 200,
    'Basic, encoded as the RFC has it');

$answer = signed({ grant_type => 'client_credentials' });
is($answer->{status}, 200, 'a signed request');
is((parts(Deskgate::json_of($answer)->{access_token}))[1]{sub},
    $payload->{sub}, 'of the same caller');


# token exchange

my $subject = $corp->token(%claims, exp => time + 100);

$answer = form({ exchange($subject) });
$given = Deskgate::json_of($answer);
is($answer->{status}, 200, 'exchange, without a client');
is($given->{issued_token_type}, "$TYPES:access_token", 'its type');
cmp_ok($given->{expires_in}, '<=', 100, 'never beyond its subject');
(undef, $payload) = parts($given->{access_token});
is($payload->{sub}, "arn:aws:deskgate::${ACCOUNT}:jwt/corp/carol", 'sub');
is($payload->{client_id}, 'studio', 'client_id: the subject\'s own');
is_deeply($payload->{groups}, ['artists', 'ops'], 'groups');
is(bearer($given->{access_token})->{status}, 200, 'and it opens the gateway');
is(record_of($t, $answer)->{userIdentity}{userName}, 'carol',
    'recorded as the subject');

$answer = basic({ exchange($subject) });
(undef, $payload) = parts(Deskgate::json_of($answer)->{access_token});
is($payload->{client_id}, $ALICE{access_key}, 'with a client: its id');
like($payload->{sub}, qr/carol$/, 'and the subject\'s name');

my $vended = Deskgate::json_of(get('/credentials', $subject));
my %session = (access_key => $vended->{AccessKeyId},
    secret_key => $vended->{SecretAccessKey},
    session_token => $vended->{Token});

$answer = signed({ exchange($vended->{Token},
    subject_token_type => 'urn:deskgate:token-type:vended-session') },
    %session);
is($answer->{status}, 200, 'a vended session');

my $out = Deskgate::json_of($answer)->{access_token};

cmp_ok((parts($out))[1]{exp}, '<=', time + 100, 'not beyond its end');
is(refusal_of($t, get('/credentials', $out)), 'vended_again',
    'and no way to vend again');
oauth(400, 'invalid_request', 'a session token that nobody signs with',
    form({ exchange($vended->{Token},
        subject_token_type => 'urn:deskgate:token-type:vended-session') }));


# every error of RFC 6749 section 5.2 and RFC 8693

oauth(401, 'invalid_client', 'no client',
    form({ grant_type => 'client_credentials' }), challenge => 1);
oauth(401, 'invalid_client', 'a wrong secret', basic({ grant_type =>
    'client_credentials' }, secret => 'x' x 20), challenge => 1);
oauth(401, 'invalid_client', 'an unknown client', basic({ grant_type =>
    'client_credentials' }, id => 'AKIDNOBODY'));
oauth(401, 'invalid_client', 'a disabled key', basic({ grant_type =>
    'client_credentials' }, id => $BOB{access_key},
    secret => $BOB{secret_key}));
oauth(401, 'invalid_client', 'a bad signature', signed({ grant_type =>
    'client_credentials' }, %ALICE, secret_key => 'x' x 20));
oauth(401, 'invalid_client', 'a presigned query and Basic', basic({
    grant_type => 'client_credentials' }, target => Deskgate::SigV4::presign(
        request(''), %ALICE, region => 'us-east-1', service => 'deskgate')));
oauth(401, 'invalid_client', 'a bearer token is no client',
    form({ grant_type => 'client_credentials' }, headers =>
        [['Authorization', "Bearer $subject"]]));
oauth(400, 'unsupported_grant_type', 'a password', basic({
    grant_type => 'password', username => 'a', password => 'b' }));
oauth(400, 'invalid_request', 'no grant', basic({}));
oauth(400, 'invalid_request', 'a grant twice', basic(undef,
    body => 'grant_type=client_credentials&grant_type=client_credentials'));
oauth(400, 'invalid_request', 'a secret in the body', basic({ grant_type =>
    'client_credentials', client_secret => $ALICE{secret_key} }));
oauth(400, 'invalid_request', 'a token in the query', form({ grant_type =>
    $EXCHANGE }, target => "/oauth2/token?subject_token=$subject"));
oauth(400, 'invalid_request', 'JSON', basic({}, type => 'application/json',
    body => '{}'));
oauth(400, 'invalid_request', 'no form', basic(undef, body => '%zz=1'));
oauth(400, 'invalid_scope', 'a scope', basic({ grant_type =>
    'client_credentials', scope => 'openid' }));
oauth(400, 'invalid_target', 'another audience', basic({ grant_type =>
    'client_credentials', audience => 'other' }));
is(basic({ grant_type => 'client_credentials', audience => 'deskgate',
    resource => 'https://gate.example' })->{status}, 200, 'and our own');
oauth(400, 'unauthorized_client', 'a grant that is not for this location',
    basic({ grant_type => 'client_credentials' }, target => '/exchange'));
oauth(400, 'invalid_request', 'a subject that has expired',
    form({ exchange($corp->token(%claims, exp => time - 10)) }));
oauth(400, 'invalid_request', 'a subject of another audience',
    form({ exchange($corp->token(%claims, aud => 'x')) }));
oauth(400, 'invalid_request', 'a subject of ours: no way to live longer',
    form({ exchange($given->{access_token}) }));
oauth(400, 'invalid_request', 'a type that is not taken',
    form({ exchange($subject, subject_token_type => "$TYPES:saml2") }));
oauth(400, 'invalid_request', 'a type that is not given',
    form({ exchange($subject, requested_token_type =>
        "$TYPES:refresh_token") }));
oauth(400, 'invalid_request', 'an actor', form({ exchange($subject,
    actor_token => $subject, actor_token_type => "$TYPES:jwt") }));
oauth(405, 'invalid_request', 'GET', get('/oauth2/token', undef));
oauth(413, 'invalid_request', 'too much', basic({ grant_type =>
    'client_credentials', filler => 'x' x 99000 }));
is(basic({ grant_type => 'client_credentials' }, target => '/throttled'
    )->{status}, 200, 'once');
oauth(429, 'temporarily_unavailable', 'and not so soon again',
    basic({ grant_type => 'client_credentials' }, target => '/throttled'));


# RFC 6750 at the locations that take tokens

is(challenge(unsigned()),
    'Bearer realm="deskgate", resource_metadata="https://gate.example/resource"',
    'no credentials: no error, and where to look');
like(challenge(bearer('x')), qr/error="invalid_token"/, 'a bad one');
like(challenge(bearer($subject, 'RebootWorkspaces',
    { RebootWorkspaceRequests => [{ WorkspaceId => 'ws-12345678' }] })),
    qr/error="insufficient_scope"/, 'one that is not enough');


# what is published

my $set = Deskgate::json_of(get('/.well-known/jwks.json', undef));

is_deeply([sort map { $_->{kid} } @{$set->{keys}}], ['now', 'soon'],
    'a key is published before it signs');
ok(!(grep { exists $_->{d} } @{$set->{keys}}), 'and nothing private');

my $metadata = Deskgate::json_of(get(
    '/.well-known/oauth-authorization-server', undef));

is($metadata->{issuer}, 'https://gate.example', 'RFC 8414: issuer');
is($metadata->{token_endpoint}, 'https://gate.example/oauth2/token',
    'token_endpoint');
is($metadata->{jwks_uri}, 'https://gate.example/.well-known/jwks.json',
    'jwks_uri');

select undef, undef, undef, 0.5 while time < 1 + parse($soon);

$out = Deskgate::json_of(basic({ grant_type => 'client_credentials' })
    )->{access_token};
is((parts($out))[0]{kid}, 'soon', 'its time has come');
is((parts($out))[0]{alg}, 'RS256', 'with its algorithm');
is(bearer($out)->{status}, 200, 'and everybody knows it already');


# configurations

my $text = $t->read_file('nginx.conf');

foreach my $case (
    [qr/audience        deskgate;/, '', 'needs issuer and audience'],
    [qr/key             now [^;]*;\s*key             soon [^;]*;/,
        'key soon %%TESTDIR%%/soon.pem not_before=2099-01-01T00:00:00Z;',
        'no key that may sign today'],
    [qr/key             now /, 'key soon ', 'two keys of one kid'],
    [qr/not_before=\S+Z/, 'not_before=now', 'takes not_before='],
    [qr/lifetime        5m/, 'lifetime 2h', 'lifetime from 1m to 1h'],
    [qr/now\.pem/, 'now.jwks', 'no private key'],
    [qr/deskgate_token gate region=us-east-1;/, 'deskgate_token gate x=1;',
        'takes region= and grants='],
    [qr/deskgate_token gate region=us-east-1;/,
        'deskgate_token none region=r;', 'names no "deskgate_authority"'],
    [qr/grants=token_exchange/, 'grants=password', 'takes grants='],
    )
{
    my ($from, $to, $says) = @$case;

    chmod 0600, $t->testdir . '/now.jwks';
    like(scalar $t->check_config($text =~ s/$from/$to/r), qr/\Q$says\E/,
        "nginx -t: $says");
}

$t->stop();
$t->allow(qr/deskgate refused/);
$t->finish();


sub form {
    my ($form, %opt) = @_;

    my $body = defined $opt{body} ? $opt{body}
        : join '&', map { "$_=" . Deskgate::SigV4::encode($form->{$_}) }
          sort keys %$form;

    return Deskgate::http_request(request($body, %opt));
}


sub request {
    my ($body, %opt) = @_;

    return (method => 'POST', target => $opt{target} || '/oauth2/token',
        body => $body, headers => [['Host', 'localhost'],
            ['Content-Type', $opt{type}
                || 'application/x-www-form-urlencoded'],
            ['Content-Length', length $body], @{$opt{headers} || []}]);
}


sub basic {
    my ($form, %opt) = @_;

    my $id = $opt{id} || $ALICE{access_key};
    my $secret = $opt{secret} || $ALICE{secret_key};

    return form($form, %opt, headers => [['Authorization',
        'Basic ' . encode_base64("$id:$secret", '')]]);
}


sub signed {
    my ($form, %opt) = @_;

    my %who = $opt{access_key} ? %opt : %ALICE;
    my $body = join '&', map { "$_=" . Deskgate::SigV4::encode($form->{$_}) }
        sort keys %$form;
    my %request = request($body);

    return Deskgate::http_request(%request, headers =>
        Deskgate::SigV4::sign(%request, %who, region => 'us-east-1',
            service => 'deskgate'));
}


sub exchange {
    my ($subject, %more) = @_;

    return (grant_type => $EXCHANGE, subject_token => $subject,
        subject_token_type => "$TYPES:jwt", %more);
}


sub get {
    my ($target, $token) = @_;

    return Deskgate::http_request(method => 'GET', target => $target,
        headers => [['Host', 'localhost'],
            defined $token ? ['Authorization', "Bearer $token"] : ()]);
}


sub bearer {
    my ($token, $operation, $input) = @_;

    my %request = operation_request('workspaces',
        $operation || 'DescribeWorkspaces', $input || {});

    push @{$request{headers}}, ['Authorization', "Bearer $token"];

    return Deskgate::http_request(%request);
}


sub unsigned { return Deskgate::http_request(operation_request(@call)) }


sub challenge { return Deskgate::header($_[0], 'www-authenticate') }


sub parts {
    my ($token) = @_;

    return map { $JSON->decode(decode_base64url($_)) }
        (split /\./, $token)[0, 1];
}


sub parse {
    my ($text) = @_;

    my @part = $text =~ /(\d+)/g;

    return POSIX::mktime(@part[5, 4, 3, 2], $part[1] - 1, $part[0] - 1900)
        + (POSIX::mktime(localtime 86400) - POSIX::mktime(gmtime 86400));
}


sub oauth {
    my ($status, $error, $title, $answer, %opt) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $body = Deskgate::json_of($answer) || {};

    is($answer->{status}, $status, "$title: $status");
    is($body->{error}, $error, "$title: $error");
    ok(length $body->{error_description}, "$title: a description");
    is(Deskgate::header($answer, 'cache-control'), 'no-store',
        "$title: not kept");
    like(challenge($answer), qr/^Basic /, "$title: a challenge")
        if $opt{challenge};
}

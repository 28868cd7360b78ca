#!/usr/bin/perl

# Client certificates: whom they let in, what tokens are bound to them, and
# what counts when a call shows several kinds of credentials.

use warnings;
use strict;

use Digest::SHA qw/sha256/;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/decode_base64 encode_base64url/;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::SigV4;

my $t = Deskgate->new()->need('curl', 'openssl');
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my $dir = $t->testdir;
my @aws_call = (workspaces => 'DescribeWorkspaces', {});
my @broker_call = ('dcv-session-manager' => 'DescribeSessions', {});

authority($_) foreach qw/ca rogue/;
certificate('server', 'ca', '/CN=localhost', 'DNS:localhost');
certificate('robot', 'ca', '/O=Example/CN=robot', 'DNS:unused.example');
certificate('ci', 'ca', '/CN=whatever', 'URI:spiffe://example/ci');
certificate('stranger', 'ca', '/O=Example/CN=robot2', 'DNS:*.example');
certificate('two', 'ca', '/O=Example/CN=robot', 'URI:spiffe://example/ci');
certificate('forged', 'rogue', '/O=Example/CN=robot', 'DNS:unused.example');

my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'es256', 'k1',
    map { "$dir/corp.$_" } qw/pem jwks/);

die $out if $status;

revoke();

my $tls = 'ssl_certificate %%TESTDIR%%/server.pem;
        ssl_certificate_key %%TESTDIR%%/server.key;
        ssl_client_certificate %%TESTDIR%%/';
my $token_location = 'location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }';
my @all = ('certificate=bots', 'bearer=corp', 'sigv4=desks');

# port, authorities of the server, how it verifies, who may call
my @servers = (
    [8091, 'ca', 'optional', "@all"],
    [8092, 'rogue', 'optional', "@all"],
    [8093, 'ca', 'optional_no_ca', 'bearer=corp'],
    [8094, 'ca', 'optional', 'bearer=corp'],
);

Deskgate::Gateway::configure($t,
    http => "deskgate_revocations %%TESTDIR%%/revocations.json;\n"
        . issuer('corp') . certificates('bots') . join('', map {
            my ($port, $ca, $verify, $who) = @$_;

            "server {
        listen 127.0.0.1:$port ssl;
        server_name localhost;
        $tls$ca.pem;
        ssl_verify_client $verify;
        location / {
            " . gateway_location(authenticate => $who) . "
        }
        $token_location
    }
    " } @servers),
    statements => [allow_all(), { Effect => 'Deny', Action => '*',
        Resource => '*', Principal => '*', Condition => { StringEquals => {
            'aws:PrincipalTag/team' => 'red' } } }]);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();


# whom a certificate lets in

my $answer = send_call('robot');
my $record = record_of($t, $answer);
my $arn = "arn:aws:deskgate::$ACCOUNT:certificate/bots/";

is($answer->{status}, 200, 'by the whole subject');
is($record->{userIdentity}{arn}, "${arn}robot", 'he has a name of his own');
is($record->{userIdentity}{type}, 'Unknown', 'no user of AWS');
is($record->{userIdentity}{principalId}, 'certificate/bots/robot', 'and id');
is($record->{additionalEventData}{deskgate}{caller}{kind}
   || $JSON->encode($record->{additionalEventData}{deskgate}), 'certificate',
   'of the kind certificate');
is(principal('ci'), "${arn}ci%2Fmain", 'by an alternative name');
is((grep { $_->{verdict} ne 'ok' } $aws->requests), 0,
    'signed by the gateway');

$answer = send_call('robot', call => \@broker_call);
is($answer->{status}, 200, 'also to the broker');
is(record_of($t, $answer)->{userIdentity}{arn}, "${arn}robot", 'as himself');

refused('certificate_unknown', 'one that no line speaks of', 'stranger');
$t->wait_log(qr/certificate_unknown.*CN=robot2,O=Example.*san DNS/);
pass('the error log says what it is');
refused('certificate_unknown', 'one of two callers', 'two');
refused('credentials_missing', 'none', undef);
is(send_call('forged')->{status}, 400, 'one of another authority: nginx');
refused('header_forbidden', 'from a page of a browser', 'robot',
    headers => [['Origin', 'https://localhost']]);
refused('credentials_missing', 'beside another Authorization', 'robot',
    headers => [['Authorization', 'Basic eDp5']]);

foreach my $name ('X-SSL-Client-Verify', 'X-SSL-Client-S-DN',
    'X-Client-Cert', 'Client-Cert', 'SSL_CLIENT_S_DN')
{
    refused('credentials_missing', "never by the header $name", undef,
        headers => [[$name, $name =~ /Verify/ ? 'SUCCESS'
            : 'CN=robot,O=Example']]);
}

is(send_call('forged', port => 8092)->{status}, 200,
    'each server has its own authorities');


# order

my $free = token(sub => 'alice');

is(principal('robot', bearer => $free),
    "jwt/corp/alice", 'a token is who calls, the certificate is not');
is(principal('stranger', bearer => $free),
    "jwt/corp/alice", 'whatever the certificate');
refused('token_malformed', 'nor does it help where a token is wrong', 'robot',
    bearer => 'x');

my %signed = operation_request(@aws_call);
my $headers = Deskgate::SigV4::sign(%signed, %ALICE, region => 'us-east-1',
    service => 'workspaces');

is(principal('robot', headers => signature($headers)),
    "arn:aws:iam::$ACCOUNT:user/alice", 'a signature is who calls');

$headers = Deskgate::SigV4::sign(%signed, %ALICE, secret_key => 'wrong',
    region => 'us-east-1', service => 'workspaces');
refused('signature_mismatch', 'nor does it help where a signature is wrong',
    'robot', headers => signature($headers));


# tokens that are bound (RFC 8705)

my $bound = token(sub => 'alice', cnf => { 'x5t#S256' => thumbprint('ci') });

foreach my $round ('first', 'second') {
    is(send_call('ci', bearer => $bound, port => 8094)->{status}, 200,
        "a bound token with its certificate, the $round time");
    refused('token_claim', "with another, the $round time", 'robot',
        bearer => $bound, port => 8094);
    refused('token_claim', "with none, the $round time", undef,
        bearer => $bound, port => 8094);
}


my $forged = token(sub => 'alice',
    cnf => { 'x5t#S256' => thumbprint('forged') });

refused('token_claim', 'nor with one that was only shown', 'forged',
    bearer => $forged, port => 8093);
is(send_call('forged', bearer => $forged, port => 8092)->{status}, 200,
    'where it is verified, it counts');


# revoked

revoke({ principal => "${arn}robot" });
$t->wait_for(sub { refusal_of($t, send_call('robot'))
    eq 'certificate_revoked' });
refused('certificate_revoked', 'whom the revocation file names', 'robot');
is(send_call('ci')->{status}, 200, 'and nobody else');


# what leaves

ok(!(grep { $_->{raw} =~ /robot|spiffe|BEGIN CERT|eyJ/ }
    $aws->requests, $broker->requests), 'nothing of a caller left');


# what nginx -t refuses

foreach my $verify ('off', 'optional_no_ca') {
    mistake("ssl_verify_client $verify", qr/does not verify them/,
        certificates('bots'), "ssl_verify_client $verify;");
}

mistake('not defined', qr/no deskgate_certificates "bots"/, '');
mistake('two issuers of one name', qr/both named "corp"/,
    issuer('corp') . certificates('corp'), 'ssl_verify_client on;', 'corp');

my %wrong = (
    'no account'    => ['dn CN=x name=x;', qr/account is 12 digits/],
    'nobody'        => ["account $ACCOUNT;", qr/nobody could call/],
    'no name'       => ["account $ACCOUNT; san DNS a tag=b:c;", qr/name=NAME/],
    'another kind'  => ["account $ACCOUNT; san IP a name=a;",
        qr/URI, DNS or EMAIL/],
    'twice'         => ["account $ACCOUNT; dn CN=x name=x; dn CN=x name=y;",
        qr/speak of one certificate/],
    'other tags'    => ["account $ACCOUNT; dn CN=x name=x tag=a:b;"
        . ' dn CN=y name=x;', qr/the same tags/],
    'a tag twice'   => ["account $ACCOUNT; dn CN=x name=x tag=a:b tag=A:c;",
        qr/a tag twice/],
);

foreach my $name (sort keys %wrong) {
    my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
        http => "deskgate_certificates bots { $wrong{$name}[0] }"));

    ok(!$passed, "a list with a mistake: $name");
    like($says, $wrong{$name}[1], "$name: says so");
}

$t->finish;


sub issuer {
    my ($name) = @_;

    return "deskgate_issuer $name { issuer $URL; audience deskgate;
        jwks %%TESTDIR%%/corp.jwks; algorithms ES256; account $ACCOUNT; }\n";
}


sub certificates {
    my ($name) = @_;

    return "deskgate_certificates $name {
        account  $ACCOUNT;
        dn       CN=robot,O=Example       name=robot    tag=team:blue;
        san URI  spiffe://example/ci      name=ci/main;
        san DNS  unused.example.com       name=host;
    }\n";
}


sub mistake {
    my ($name, $pattern, $http, $verify, $which) = @_;

    $which ||= 'bots';

    my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
        http => $http, authenticate => "certificate=$which",
        server => ($verify || '') . ' ssl_client_certificate '
            . '%%TESTDIR%%/ca.pem;'));

    ok(!$passed, "a mistake: $name");
    like($says, $pattern, "$name: says so");
}


sub run_openssl {
    my (@args) = @_;

    my $pid = fork();

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec 'openssl', @args or POSIX::_exit(127);
    }

    waitpid $pid, 0;
    die "openssl @args" if $?;
}


sub authority {
    my ($name) = @_;

    run_openssl(qw/req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256
        -nodes -days 2 -subj/, "/CN=$name", '-keyout', "$dir/$name.key",
        '-out', "$dir/$name.pem");
}


sub certificate {
    my ($name, $ca, $subject, $san) = @_;

    $t->write_file("$name.ext", "subjectAltName=$san\n");
    run_openssl(qw/req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes
        -subj/, $subject, '-keyout', "$dir/$name.key", '-out',
        "$dir/$name.csr");
    run_openssl(qw/x509 -req -days 2 -in/, "$dir/$name.csr", '-CA',
        "$dir/$ca.pem", '-CAkey', "$dir/$ca.key", '-CAcreateserial',
        '-extfile', "$dir/$name.ext", '-out', "$dir/$name.pem");
}


# RFC 8705 section 3.1
sub thumbprint {
    my ($pem) = $t->read_file("$_[0].pem")
        =~ /BEGIN CERTIFICATE-----(.*?)-----END/s;

    return encode_base64url(sha256(decode_base64($pem)));
}


sub token {
    my (%claims) = @_;

    $t->write_file('claims', $JSON->encode({ iss => $URL,
        aud => 'deskgate', exp => time + 600, %claims }));

    my ($failed, $token) = $t->tool('deskgate-token', 'sign', 'es256', 'k1',
        "$dir/corp.pem", "\@$dir/claims");

    die $token if $failed;

    chomp $token;

    return $token;
}


sub revoke {
    $t->write_file('revocations.json.new', $JSON->encode({ version => 1,
        revocations => [@_] }));
    rename "$dir/revocations.json.new", "$dir/revocations.json" or die $!;
}


sub signature {
    return [grep { $_->[0] =~ /^(authorization|x-amz-)/i } @{$_[0]}];
}


# A call over TLS, with a certificate or without
sub send_call {
    my ($who, %opt) = @_;

    my $port = $opt{port} || 8091;
    my %request = operation_request(@{$opt{call} || \@aws_call});
    my %seen;
    my @headers = grep { !$seen{lc $_->[0]}++ } @{$opt{headers} || []},
        ($opt{bearer} ? ['Authorization', "Bearer $opt{bearer}"] : ()),
        @{$request{headers}};

    return $t->curl('--cacert', "$dir/ca.pem", '-k', '-X', 'POST',
        ($who ? ('--cert', "$dir/$who.pem", '--key', "$dir/$who.key") : ()),
        (map { ('-H', "$_->[0]: $_->[1]") } @headers),
        '--data-binary', $request{body},
        "https://localhost:" . Deskgate::port($port) . $request{target});
}


sub principal {
    my $record = record_of($t, send_call(@_));
    my $identity = $record->{userIdentity};

    return $identity->{arn} || $identity->{principalId};
}


sub refused {
    my ($refusal, $name, $who, %opt) = @_;

    is(refusal_of($t, send_call($who, %opt)), $refusal, "$name: $refusal");
}

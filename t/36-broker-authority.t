#!/usr/bin/perl

# The gateway as a broker's external authorization server: tokens for each
# caller that verify with what is published, and that nobody else ever sees;
# and tokens of the gateway's own that it takes without a file.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/encode_base64 decode_base64url/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Token;
use Deskgate::Upstream;

my $t = Deskgate->new()->need('openssl');
my $JSON = JSON::PP->new->canonical;
my $corp = Deskgate::Token->issuer($t, 'corp', 'https://sso.example.com');
my @call = ('dcv-session-manager', 'DescribeSessions', {});

foreach my $key (['rs256', 'lab1'], ['es256', 'lab2'], ['es256', 'gate1']) {
    my ($status, $out) = $t->tool('deskgate-token', 'keygen', @$key,
        map { $t->testdir . "/$key->[1].$_" } qw/pem jwks/);

    die $out if $status;
}

my $location = gateway_location(authenticate =>
    'sigv4=desks bearer=corp,gate', services => ['dcv-session-manager']);

sub server {
    my ($name, $port) = @_;

    return "
    server {
        listen       127.0.0.1:$port;
        server_name  localhost;

        location / {
            @{[$location =~ s/deskgate_inject lab/deskgate_inject $name/r
                         =~ s/\$desk_upstream/$name/r]}
        }
    }
    upstream $name { server 127.0.0.1:8103; }
";
}

Deskgate::Gateway::configure($t, http => $corp->block() . "
    deskgate_authority forlab {
        issuer    https://gate.example/lab;
        audience  lab;
        key       lab1 %%TESTDIR%%/lab1.pem;
        lifetime  1h;
    }
    deskgate_authority forlab2 {
        issuer    https://gate.example/lab2;
        audience  lab2;
        key       lab2 %%TESTDIR%%/lab2.pem;
        lifetime  1m;
    }
    deskgate_authority gate {
        issuer    https://gate.example;
        audience  deskgate;
        key       gate1 %%TESTDIR%%/gate1.pem;
    }
    deskgate_issuer gate {
        authority   gate;
        algorithms  ES256;
        account     $ACCOUNT;
        accept      rfc9068;
    }
    deskgate_broker made {
        authority  forlab;
    }
    deskgate_broker other {
        authority  forlab2 scope=dcv/all;
        client_id  desks;
    }
" . server(made => 8111) . server(other => 8112),
    locations => '
        location = /lab/jwks.json { deskgate_jwks forlab; }
        location = /oauth2/token {
            deskgate_token gate region=us-east-1;
            deskgate_authenticate sigv4=desks;
            deskgate_audit trail;
        }
');

my $refuse = $t->testdir . '/refuse';
my $broker = Deskgate::Upstream->start($t, port => 8103, name => 'made',
    answer => sub {
        return { status => 401, body => '{"error":"no"}' } if -e $refuse;
        return { headers => [['Content-Type', 'application/json']],
                 body => '{"RequestId":"r","Sessions":[]}' };
    });

Deskgate::Gateway::upstreams($t);
$t->run();

# the first token, as the broker gets it

is(call(@call, port => 8111)->{status}, 200, 'a call of a key');

my $token = taken();
my ($header, $claims) = parts($token);

is($header->{alg}, 'RS256', 'a token, signed');
is($header->{kid}, 'lab1', 'by the key for brokers');
is($claims->{iss}, 'https://gate.example/lab', 'iss');
is($claims->{aud}, 'lab', 'aud');
is($claims->{sub}, "arn:aws:iam::${ACCOUNT}:user/alice", 'sub: who calls');
is($claims->{client_id}, 'deskgate', 'client_id');
is($claims->{scope}, 'dcv-session-manager/sm_scope', 'scope');
is($claims->{token_use}, 'access', 'token_use');
is($claims->{exp} - $claims->{iat}, 300, 'five minutes at the most');
ok(verifies($token, 'lab1'), 'openssl verifies it');
ok(!verifies($token =~ s/\.e/.f/r, 'lab1'), 'and nothing else');
secret($token);

my $set = Deskgate::json_of(get('/lab/jwks.json'));

is_deeply([map { "$_->{kid} $_->{alg}" } @{$set->{keys}}], ['lab1 RS256'],
    'what the broker fetches: that key, and its algorithm');
is(uc unpack('H*', decode_base64url($set->{keys}[0]{n})), modulus('lab1'),
    'as openssl has it');

# for each caller, until its end is near

is(call(@call, port => 8111)->{status}, 200, 'once more');
is(taken(), $token, 'the same token');
is(call(@call, port => 8111, as => \%BOB)->{status}, 200, 'another caller');

my $other = taken();

isnt($other, $token, 'has another');
like((parts($other))[1]{sub}, qr{user/bob$}, 'of his own');
secret($other);

my $jwt = $corp->token(sub => 'carol', exp => time + 20);

is(bearer($jwt, 8111)->{status}, 200, 'a caller with a token');
unlike(taken(), qr/\Q$jwt\E/, 'which does not reach the broker');

is(call(@call, port => 8112)->{status}, 200, 'another broker');
$other = taken();
($header, $claims) = parts($other);
is($header->{alg}, 'ES256', 'its algorithm');
is($claims->{aud}, 'lab2', 'its audience');
is($claims->{scope}, 'dcv/all', 'its scope');
is($claims->{client_id}, 'desks', 'its client_id');
is($claims->{exp} - $claims->{iat}, 60, 'as long as its authority says');
secret($other);

# a broker that refuses

open my $out, '>', $refuse or die $!;
close $out;
$broker->clear;

my $answer = call(@call, port => 8111);

is($answer->{status}, 401, 'a broker that refuses');
is(scalar @{[$broker->requests]}, 2, 'is asked once more');

my @tried = map { Deskgate::SigV4::value($_->{headers}, 'authorization') }
    $broker->requests;

isnt($tried[0], $tried[1], 'with another token');
secret($_ =~ s/^Bearer //r) foreach @tried;
unlink $refuse;

# the two families

is(bearer($token, 8111)->{status}, 401,
    'a broker\'s token opens nothing at the gateway');

my $mine = Deskgate::json_of(basic())->{access_token};

is(bearer($mine, 8111)->{status}, 200, 'one of the gateway\'s own is taken,'
    . ' without a file');
is((parts(taken()))[1]{sub}, "arn:aws:deskgate::${ACCOUNT}:jwt/gate/"
    . "arn%3Aaws%3Aiam%3A%3A${ACCOUNT}%3Auser%2Falice", 'by whom it names');

my $record = record_of($t, call(@call, port => 8111));

is($record->{additionalEventData}{deskgate}{translation}, 'broker',
    'a record');

# configurations

my $text = $t->read_file('nginx.conf');

foreach my $case (
    [qr/authority  forlab;/, 'authority gate;', 'signed with one key'],
    [qr/key       gate1 \S+/, 'key gate1 ' . $t->testdir . '/lab1.pem;',
        'signed with one key'],
    [qr/deskgate_token gate/, 'deskgate_token forlab', 'signed with one key'],
    [qr/authority  forlab;/, 'authority none;', 'names no "deskgate_auth'],
    [qr/authority  forlab;/, 'authority forlab; token /x;', 'not both'],
    [qr/scope=dcv/, 'scop=dcv', 'takes NAME and scope='],
    [qr/authority   gate;/, 'authority gate; authority gate;',
        'is duplicate'],
    [qr/authority   gate;/,
        'authority gate; jwks ' . $t->testdir . '/gate1.jwks;', 'not both'],
    )
{
    my ($from, $to, $says) = @$case;

    like(scalar $t->check_config($text =~ s/$from/$to/r), qr/\Q$says\E/,
        "nginx -t: $says");
}

$t->stop();
$t->allow(qr/deskgate refused/);
$t->finish();


# The token of the last call
sub taken {
    my ($last) = reverse $broker->requests;

    return Deskgate::SigV4::value($last->{headers}, 'authorization')
        =~ s/^Bearer //r;
}


# The broker has it, and what stands in for it keeps what it got
sub secret { $t->secret($_[0], except => [qr/^made\.requests/]) }


sub parts {
    return map { $JSON->decode(decode_base64url($_)) }
        (split /\./, $_[0])[0, 1];
}


sub verifies {
    my ($text, $kid) = @_;

    my ($signed, $signature) = $text =~ /^(.*)\.(.*)$/;

    $t->write_file('signed', $signed);
    $t->write_file('signature', decode_base64url($signature));

    my $dir = $t->testdir;

    return system("openssl pkey -in $dir/$kid.pem -pubout -out $dir/pub.pem"
        . " && openssl dgst -sha256 -verify $dir/pub.pem -signature"
        . " $dir/signature $dir/signed >/dev/null 2>&1") == 0;
}


sub modulus {
    my $dir = $t->testdir;

    return `openssl rsa -in $dir/$_[0].pem -noout -modulus` =~ /=(\w+)/ && $1;
}


sub get {
    return Deskgate::http_request(method => 'GET', target => $_[0],
        headers => [['Host', 'localhost']]);
}


sub bearer {
    my ($token, $port) = @_;

    my %request = operation_request(@call);

    push @{$request{headers}}, ['Authorization', "Bearer $token"];

    return Deskgate::http_request(%request, port => $port);
}


sub basic {
    my $body = 'grant_type=client_credentials';

    return Deskgate::http_request(method => 'POST', body => $body,
        target => '/oauth2/token', headers => [['Host', 'localhost'],
            ['Content-Type', 'application/x-www-form-urlencoded'],
            ['Content-Length', length $body],
            ['Authorization', 'Basic ' . encode_base64(
                "$ALICE{access_key}:$ALICE{secret_key}", '')]]);
}

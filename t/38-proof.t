#!/usr/bin/perl

# Callers who prove their AWS identity by a presigned GetCallerIdentity.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/encode_base64url/;
use Test::More;
use Time::Local qw/timegm/;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my $HOST = 'sts.us-east-1.amazonaws.com';
my $ROLE = "arn:aws:sts::$ACCOUNT:assumed-role/Desk";
my %WHO = (access_key => 'AKIDPROOFEXAMPLE1', secret_key => 'secret-of-proof-07');
my %call = operation_request(workspaces => 'DescribeWorkspaces', {});

$t->secret($WHO{secret_key});

Deskgate::Gateway::configure($t, workers => 2,
    authenticate => 'proof=aws',
    location => 'deskgate_authentication_failures off;',
    statements => [{ Effect => 'Allow', Action => '*', Resource => '*',
        Principal => '*',
        Condition => { ArnLike => { 'aws:PrincipalArn' => "$ROLE/*" } } }],
    http => "deskgate_proof aws { sts /_sts; host $HOST; audience gate-1;"
        . " accounts $ACCOUNT; }",
    locations => "
        location = /_sts {
            internal;
            proxy_set_header  Host $HOST;
            proxy_pass        http://127.0.0.1:8103/;
        }
    ");

my ($aws) = Deskgate::Gateway::upstreams($t);
my $sts = Deskgate::Upstream->start($t, port => 8103, name => 'sts',
    answer => \&answer);

$t->run();

my $proof = proof();
my $answer = bearer($proof);
my $identity = record_of($t, $answer)->{userIdentity};

is($answer->{status}, 200, 'a proof');
is($identity->{arn}, "$ROLE/alice", 'whose it is');
is($identity->{principalId}, 'AROAEXAMPLE:alice', 'with his user id');
is($identity->{type}, 'AssumedRole', 'a role');

my ($asked) = $sts->requests;

is($asked->{method}, 'GET', 'STS is asked');
is(Deskgate::SigV4::value($asked->{headers}, 'x-deskgate-audience'),
    'gate-1', 'for this gateway');
is(Deskgate::SigV4::value($asked->{headers}, 'authorization'), undef,
    'with nothing else');
ok(!(grep { $_->{raw} =~ /deskgate-v1/ } $aws->requests),
    'the proof stays here');

allowed('again', $proof) foreach 1 .. 5;
is($sts->count, 1, 'STS is asked once');

refused('token_signature', 'signed for another gateway',
    proof(audience => 'gate-2'));
refused('token_signature', 'a wrong secret', proof(secret_key => 'x' x 20));
refused('token_claim', 'another account', proof(access_key => 'AKIDFOREIGN00001'));
refused('denied_implicit', 'another role', proof(access_key => 'AKIDOTHERROLE001'));

$sts->clear;
refused('token_issuer', 'another host', proof(host => 'evil.example'));
refused('token_audience', 'for no gateway', proof(audience => undef));
refused('token_expired', 'one that has ended', proof(time => time - 400));
refused('token_early', 'one of the future', proof(time => time + 700));
refused('token_malformed', 'another action',
    proof(target => '/?Action=GetSessionToken&Version=2011-06-15'));
refused('token_malformed', 'more than is asked for',
    proof(target => '/?Action=GetCallerIdentity&Version=2011-06-15&X=1'));
refused('token_malformed', 'no proof', 'deskgate-v1.AAAA');
is($sts->count, 0, 'is not shown to STS');
refused('token_issuer', 'another kind of token', 'abc');

foreach my $fault ({ status => 500 }, { body => '<html>' }, { drop => 1 },
    { status => 302, headers => [['Location', 'http://127.0.0.1:1/']] })
{
    $sts->behave(%$fault);
    refused('issuer_unavailable', 'STS in trouble',
        proof(expires => 100 + ++$WHO{n}));
}

my ($passed, $says) = $t->check_config(Deskgate::Gateway::text(
    http => 'deskgate_proof bad { sts /_sts; host a; audience b; }'));

ok(!$passed, 'a block without accounts');
like($says, qr/needs sts, host, audience and accounts/, 'says so');

($passed, $says) = $t->check_config(Deskgate::Gateway::text(
    authenticate => 'proof=lab', http => "deskgate_proof lab { sts /_sts;"
        . " host a; audience b; accounts $ACCOUNT; }"));

ok(!$passed, 'one that is named like a broker');
like($says, qr/is named like an issuer, a broker/, 'says so');

$t->finish;


sub proof {
    my (%opt) = @_;

    my %all = (%WHO, host => $HOST, audience => 'gate-1',
        target => '/?Action=GetCallerIdentity&Version=2011-06-15',
        method => 'GET', region => 'us-east-1', service => 'sts',
        time => time, %opt);

    $all{headers} = [['Host', $all{host}], defined $all{audience}
        ? ['X-Deskgate-Audience', $all{audience}] : ()];

    return 'deskgate-v1.' . encode_base64url("https://$all{host}"
        . Deskgate::SigV4::presign(%all));
}


sub answer {
    my ($request) = @_;

    my ($y, $m, $d, $H, $M, $S) = $request->{target}
        =~ /X-Amz-Date=(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/;
    my ($expires) = $request->{target} =~ /X-Amz-Expires=(\d+)/;
    my ($key) = $request->{target} =~ /X-Amz-Credential=(\w+)/;
    my ($signature) = $request->{target} =~ /X-Amz-Signature=(\w+)/;
    my $wanted = Deskgate::SigV4::presign(%WHO, access_key => $key,
        method => 'GET', region => 'us-east-1', service => 'sts',
        target => '/?Action=GetCallerIdentity&Version=2011-06-15',
        time => timegm($S, $M, $H, $d, $m - 1, $y), expires => $expires,
        headers => [['Host', $HOST], ['X-Deskgate-Audience',
            Deskgate::SigV4::value($request->{headers},
                'x-deskgate-audience')]]);

    return { status => 403, body => '<ErrorResponse><Error><Code>'
        . 'SignatureDoesNotMatch</Code></Error></ErrorResponse>' }
        if $wanted !~ /X-Amz-Signature=\Q$signature\E$/;

    my $account = $key =~ /FOREIGN/ ? '999999999999' : $ACCOUNT;
    my $role = $key =~ /OTHER/ ? 'Other' : 'Desk';

    return { body => '<GetCallerIdentityResponse'
        . ' xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        . "<GetCallerIdentityResult><Arn>arn:aws:sts::$account:assumed-role/"
        . "$role/alice</Arn><UserId>AROAEXAMPLE:alice</UserId>"
        . "<Account>$account</Account></GetCallerIdentityResult>"
        . '</GetCallerIdentityResponse>' };
}


sub bearer {
    my ($token) = @_;

    return Deskgate::http_request(%call, headers => [@{$call{headers}},
        ['Authorization', "Bearer $token"]]);
}


sub allowed { is(refusal_of($t, bearer($_[1])), 'allowed', $_[0]) }


sub refused { is(refusal_of($t, bearer($_[2])), $_[0], $_[1]) }

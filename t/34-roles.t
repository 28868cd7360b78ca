#!/usr/bin/perl

# Roles: which one a caller's calls are made with, what STS is asked, once for
# everybody, and what becomes of a call when STS does not give it.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::SigV4;
use Deskgate::Sts;
use Deskgate::Upstream;

my $t = Deskgate->new()->need('openssl');
my $JSON = JSON::PP->new->canonical;
my $URL = 'https://sso.example.com/desks';
my $ROLE = "arn:aws:iam::$ACCOUNT:role";
my @call = (workspaces => 'DescribeWorkspaces', {});

foreach my $name (qw/corp lab/) {
    my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'es256', $name,
        map { $t->testdir . "/$name.$_" } qw/pem jwks/);

    die $out if $status;
}

$t->write_file('session.json', qq({ "Version" : "2012-10-17",\n)
    . qq( "Statement" : [ ] }\n));

$t->write_file('team.json', '{"Version":"2012-10-17","Statement":[{'
    . '"Effect":"Allow","Action":"*","Resource":"*","Condition":{'
    . '"StringEquals":{"aws:ResourceTag/team":"${claim:team}"}}}]}');

my $issuers = join '', map { "
    deskgate_issuer $_ {
        issuer      $URL/$_;
        audience    deskgate;
        jwks        %%TESTDIR%%/$_.jwks;
        algorithms  ES256;
        groups      groups;
        tag         team team;
        account     $ACCOUNT;
    }
" } qw/corp lab/;

# name, lines of the block, more of the location
my @blocks = (
    [rules => <<"EOF_LINES"],
        sts     /_sts region=us-east-1 host=sts.test;
        source  egress;
        rule    admins  issuer=corp group=admins role=$ROLE/admins tags
                        source_identity external_id=ext-1 duration=1h
                        policy=%%TESTDIR%%/session.json;
        rule    teams   issuer=corp claim=kind:team
                        role=$ROLE/desk/team-\${team} session=mail
                        policy=%%TESTDIR%%/team.json;
        rule    lab     issuer=lab role=$ROLE/lab by_web_identity;
        rule    robots  keys caller=arn:aws:iam::*:user/alice
                        role=$ROLE/robots;
        rule    no      issuer=corp group=forbidden role=$ROLE/forbidden;
        rule    all     issuer=corp role=$ROLE/all;
EOF_LINES
    [web => "caller_web_identity role=$ROLE/web sts=/_sts;"],
    [own => "assume_role role=$ROLE/own session_name=gw sts=/_sts"
        . " region=us-east-1 host=sts.test; source egress;"],
    [chain => "assume_role role=$ROLE/chained session_name=gw sts=/_sts"
        . " region=us-east-1 host=sts.test; source own;"],
    [short => "assume_role role=$ROLE/short session_name=gw sts=/_short"
        . " region=us-east-1 host=sts.test; source egress;"],
    [json => "assume_role role=$ROLE/json session_name=gw sts=/_json"
        . " region=us-east-1 host=sts.test; source egress;"],
    [expired => "assume_role role=$ROLE/expired session_name=gw sts=/_sts"
        . " region=us-east-1 host=sts.test; source egress;"],
    [once => "assume_role role=$ROLE/once session_name=gw sts=/_once"
        . " region=us-east-1 host=sts.test; source egress;"],
    (map { [$_ => "assume_role role=$ROLE/own session_name=gw sts=/_$_"
        . " region=us-east-1 host=sts.test; source egress;"] }
        qw/broken large garbage cut slow unsigned stale/),
);

my $port = 8110;
my %port = map { $_->[0] => $port++ } @blocks;
my %behind = (short => 8104, json => 8105, once => 8106, map { $_ => 8107 }
    qw/broken large garbage cut slow unsigned stale/);

my $location = gateway_location(authenticate => 'bearer=corp,lab sigv4=desks');

Deskgate::Gateway::configure($t, workers => 2,
    http => $issuers . join('', map { my ($name, $lines) = @$_; "
    deskgate_credentials $name {
        $lines
    }

    server {
        listen       127.0.0.1:$port{$name};
        server_name  localhost;

        location / {
            @{[$location =~ s/deskgate_sign egress/deskgate_sign $name/r]}
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }

        location = /_sts {
            internal;
            proxy_set_header  Host sts.test;
            proxy_pass        http://127.0.0.1:8103/;
        }
" . ($behind{$name} ? "
        location = /_$name {
            internal;
            proxy_read_timeout  1s;
            proxy_set_header    Host sts.test;
            proxy_pass          http://127.0.0.1:$behind{$name}/;
        }
" : '') . "
    }
" } @blocks));

my %egress = (AKIDEGRESS => 'secret-of-egress-03');
my %own = Deskgate::Sts::credentials("$ROLE/own", 'gw');
my %signers = (%egress, $own{access_key} => $own{secret_key});

my $sts = Deskgate::Sts->start($t, port => 8103, secrets => \%signers);
my $short = Deskgate::Sts->start($t, port => 8104, name => 'sts-short',
    secrets => \%signers, life => 14);
my $json = Deskgate::Sts->start($t, port => 8105, name => 'sts-json',
    secrets => \%signers, json => 1);
my $once = Deskgate::Sts->start($t, port => 8106, name => 'sts-once',
    secrets => \%signers, fault => sub { { delay => 0.7 } });
my %faults = (
    broken  => { status => 500, body => 'no' },
    large   => { body => '<' . 'x' x 200_000 },
    garbage => { body => '<html>hello</html>' },
    cut     => { body => '<AssumeRoleResponse>', cut => 5 },
    slow    => { hang => 1 },
);

# which one, it cannot tell: one after the other
my @fault = qw/broken large garbage cut slow/;
my $faulty = Deskgate::Upstream->start($t, port => 8107, name => 'sts-faulty',
    answer => sub { my $name = $fault[$_[1] - 1];
        $name ? $faults{$name} : Deskgate::Sts::error(
            'SignatureDoesNotMatch', 403) });

my $aws = Deskgate::Upstream->start($t, port => 8101, name => 'aws',
    secrets => Deskgate::Sts::secrets(
        ["$ROLE/admins", 'corp+ada'], ["$ROLE/all", 'corp+ada'],
        ["$ROLE/all", 'corp+eve'], ["$ROLE/desk/team-blue", 'ada@example.com'],
        ["$ROLE/lab", 'lab+ada'], ["$ROLE/robots", "+$ACCOUNT+alice"],
        ["$ROLE/web", 'corp+ada'], ["$ROLE/web", 'lab+ada'],
        ["$ROLE/own", 'gw'], ["$ROLE/chained", 'gw'], ["$ROLE/short", 'gw'],
        ["$ROLE/json", 'gw'], ["$ROLE/once", 'gw'],
        ["$ROLE/expired", 'gw']));

$t->run();


# rules

my $answer = bearer(rules => token(groups => ['staff', 'admins'],
    team => 'red'));
my ($form) = $sts->forms;

is($answer->{status}, 200, 'the first rule that fits');
is($form->{Action}, 'AssumeRole', 'STS is asked for the role');
is($form->{verdict}, 'ok', 'signed by the source');
is($form->{RoleArn}, "$ROLE/admins", 'the role');
is($form->{RoleSessionName}, 'corp+ada', 'the session is the caller');
is($form->{SourceIdentity}, 'corp+ada', 'and so is the source identity');
is($form->{'Tags.member.1.Key'} . '=' . $form->{'Tags.member.1.Value'},
    'team=red', 'the tags');
is($form->{ExternalId}, 'ext-1', 'the external id');
is($form->{DurationSeconds}, 3600, 'the duration');
is($form->{Policy}, '{"Version":"2012-10-17","Statement":[]}',
    'the session policy, without blanks');
is(signer(), who("$ROLE/admins", 'corp+ada'), 'the call is signed with it');

my $record = record_of($t, $answer);
my $told = $record->{additionalEventData}{deskgate};

is($told->{role}, 'admins', 'the record names the rule');
is($told->{credential}, who("$ROLE/admins", 'corp+ada'),
    'and what it was signed with');

$sts->clear;
is(bearer(rules => token(groups => ['admins'], team => 'red'))->{status}, 200,
    'the same caller again');
is(scalar $sts->forms, 0, 'and STS is not asked again');

is(bearer(rules => token(groups => ['admins'], team => 'blue'))->{status},
    200, 'another tag');
is(scalar $sts->forms, 1, 'is another session');

is(bearer(rules => token(kind => 'team', team => 'blue',
    mail => 'ada@example.com'))->{status}, 200, 'a claim in the role');
is(signer(), who("$ROLE/desk/team-blue", 'ada@example.com'),
    'the role and session that the claims say');
like(($sts->forms)[-1]{Policy}, qr{"aws:ResourceTag/team":"blue"},
    'and the session policy');

foreach my $team ('a/b', '../admins', '*', '${team}', undef, 'x' x 65) {
    my $named = defined $team ? "\"$team\"" : 'none';

    refused('role_none', "a team of $named", bearer(rules => token(
        kind => 'team', mail => 'a@b', defined $team ? (team => $team)
                                                     : ())));
}

refused('role_none', 'a session of two names', bearer(rules => token(
    kind => 'team', team => 'blue', mail => ['a@b', 'c@d'])));

is(bearer(rules => token(issuer => 'lab'))->{status}, 200,
    'by the caller\'s own token');
is((($sts->forms)[-1]{WebIdentityToken} || '') =~ /^eyJ/ ? 1 : 0, 1,
    'which STS gets');
is(signer(), who("$ROLE/lab", 'lab+ada'), 'signed with it');

is(call(@call, port => $port{rules})->{status}, 200, 'a caller of a key');
is(signer(), who("$ROLE/robots", "+$ACCOUNT+alice"), 'has a rule');
refused('role_none', 'another key has none',
    call(@call, port => $port{rules}, as => \%BOB));


# asked for by name

my $both = token(groups => ['admins'], team => 'red');

is(bearer(rules => $both, [['X-Deskgate-Role', 'all']])->{status}, 200,
    'one of several');
is(signer(), who("$ROLE/all", 'corp+ada'), 'is that one');
refused('role_none', 'one that does not fit',
    bearer(rules => token(), [['X-Deskgate-Role', 'admins']]));
refused('role_none', 'one that is not there',
    bearer(rules => $both, [['X-Deskgate-Role', 'nobody']]));
refused('header_unsigned', 'two at once', bearer(rules => $both,
    [['X-Deskgate-Role', 'all'], ['X-Deskgate-Role', 'admins']]));
is(call(@call, port => $port{rules},
    headers => [['X-Deskgate-Role', 'robots']])->{status}, 200,
    'asked for in a signed header');

my %signed = Deskgate::Gateway::signed_call(@call);

push @{$signed{headers}}, ['X-Deskgate-Role', 'robots'];
refused('header_unsigned', 'asked for in a header that is not signed',
    Deskgate::http_request(%signed, port => $port{rules}));
ok(!(grep { $_->{raw} =~ /X-Deskgate-Role/i } $aws->requests),
    'what was asked for stays here');


# what STS does not give

refused('role_denied', 'STS denies the role',
    bearer(rules => token(groups => ['forbidden'])));
like($t->log, qr/STS refused role "\Q$ROLE\E\/forbidden".*AccessDenied/,
    'the error log says so');

is(bearer(web => token())->{status}, 200, 'one rule for every token');
is(bearer(web => token(issuer => 'lab'))->{status}, 200, 'of any issuer');
refused('role_none', 'but a key has no token',
    call(@call, port => $port{web}));


# the gateway's own role

$sts->clear;
is(bearer(own => token())->{status}, 200, 'the gateway\'s own role');
is(bearer(own => token(sub => 'eve'))->{status}, 200, 'for another caller');
is(scalar $sts->forms, 1, 'is one session');

is(bearer(chain => token())->{status}, 200, 'a role by a role');
is(signer(), who("$ROLE/chained", 'gw'), 'signed with the second');
is(($sts->forms)[-1]{verdict}, 'ok', 'which the first one signed for');
is(bearer(json => token())->{status}, 200, 'an answer in JSON');


# once for all

my @connections = map { $t->connect($port{once}) } 1 .. 40;
my $text = call_text(Deskgate::Gateway::operation_request(@call,
    headers => [['Authorization', 'Bearer ' . token()]]));

$_->send($text) foreach @connections;

my @answers = map { $_->answer } @connections;

is(scalar(grep { $_->{status} == 200 } @answers), 40,
    'forty calls at once are answered');
is(scalar $once->forms, 1, 'and STS was asked once');


# near the end

is(bearer(short => token())->{status}, 200, 'short lived');
sleep 3.6;
is(bearer(short => token())->{status}, 200, 'past four fifths of its life');
is(scalar $short->forms, 2, 'it was renewed ahead of its end');


# the upstream says that they have expired

is(bearer(expired => token())->{status}, 200, 'a role that is good');

$sts->clear;
$aws->clear;
$aws->behave(%{expired('ExpiredTokenException')}, times => 1);
$answer = bearer(expired => token());
is($answer->{status}, 200, 'credentials that have expired are renewed');
is(scalar $sts->forms, 1, 'at STS');
is(scalar $aws->requests, 2, 'and the call is sent once more');
is(signer(), who("$ROLE/expired", 'gw'), 'signed anew');
is(record_of($t, $answer)->{errorCode}, undef, 'the record has the answer');

$aws->behave(%{expired('ExpiredTokenException')});
$aws->clear;
$answer = bearer(expired => token());
is($answer->{status}, 400, 'expired once more');
like($answer->{body}, qr/ExpiredTokenException/, 'is the answer');
is(scalar $aws->requests, 2, 'after the second time');

$aws->behave(%{expired('AccessDeniedException')});
$aws->clear;
$answer = bearer(expired => token());
is($answer->{status}, 400, 'another error');
like($answer->{body}, qr/AccessDeniedException.*end/, 'is the answer, whole');
is(scalar $aws->requests, 1, 'the first time');
$aws->behave();


# STS ails

foreach my $name (@fault, 'unsigned') {
    refused('credentials_unavailable', $name, bearer($name => token()));
}

my $asked = scalar $faulty->requests;

refused('credentials_unavailable', 'shortly after a failure',
    bearer(unsigned => token()));
is(scalar $faulty->requests, $asked, 'STS is left alone for a while');

unlike($t->log, qr/secret-of-sts|token-of-sts/, 'no secret is logged');

$t->finish;


sub token {
    my (%claims) = @_;

    my $issuer = delete $claims{issuer} || 'corp';
    $t->write_file('claims', $JSON->encode({ iss => "$URL/$issuer",
        aud => 'deskgate', sub => 'ada', exp => time + 600, %claims }));

    my ($status, $out) = $t->tool('deskgate-token', 'sign', 'es256', $issuer,
        $t->testdir . "/$issuer.pem", '@' . $t->testdir . '/claims');

    die $out if $status;
    chomp $out;

    return $out;
}


sub bearer {
    my ($block, $token, $headers) = @_;

    return Deskgate::http_request(Deskgate::Gateway::operation_request(@call,
        headers => [['Authorization', "Bearer $token"], @{$headers || []}]),
        port => $port{$block});
}


sub expired {
    my ($code) = @_;

    return { status => 400,
        headers => [['Content-Type', 'application/x-amz-json-1.1']],
        body => $JSON->encode({ __type => $code,
            message => 'x' x 9000 . 'end' }) };
}


# who signed the last call, if the signature is good
sub signer {
    my $request = ($aws->requests)[-1];

    return $request->{verdict} eq 'ok' ? $request->{access_key}
                                       : $request->{verdict};
}


sub who {
    my %who = Deskgate::Sts::credentials(@_);

    return $who{access_key};
}


sub refused {
    my ($refusal, $name, $answer) = @_;

    is(refusal_of($t, $answer), $refusal, "$name: $refusal");
}

#!/usr/bin/perl

# Real temporary credentials for callers, by the protocol of AWS SDKs in
# containers: of the role that rules give them, asked once for all, and no
# longer than their token.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64 qw/encode_base64/;
use Test::More;
use Time::Local qw/timegm/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Sts;
use Deskgate::Token;

my $t = Deskgate->new();
my $corp = Deskgate::Token->issuer($t, 'corp', 'https://sso.example.com');
my $ROLE = "arn:aws:iam::$ACCOUNT:role";
my $audit = 'deskgate_audit trail; deskgate_hosts localhost;';

$t->write_file('master.keys', 'k ' . encode_base64('m' x 32, '') . "\n");

Deskgate::Gateway::configure($t, workers => 2,
    authenticate => 'sigv4=desks bearer=corp vended=desks',
    http => $corp->block(more => 'groups groups;') . "
    deskgate_credentials rules {
        sts     /_sts region=us-east-1 host=sts.test;
        source  egress;
        rule    admins  issuer=corp group=admins role=$ROLE/admins;
        rule    robots  keys caller=arn:aws:iam::*:user/alice
                        role=$ROLE/robots duration=30m;
        rule    no      issuer=corp group=forbidden role=$ROLE/forbidden;
        rule    all     issuer=corp role=$ROLE/all duration=2h;
    }
    deskgate_credentials web { caller_web_identity role=$ROLE/web sts=/_sts; }
    deskgate_credentials own {
        assume_role  role=$ROLE/own session_name=gw sts=/_sts
                     region=us-east-1 host=sts.test;
        source       egress;
    }
    deskgate_vended desks { keys %%TESTDIR%%/master.keys; gateway here; }
",
    locations => "
        location = /credentials {
            deskgate_vend sts=rules region=us-east-1;
            deskgate_authenticate bearer=corp sigv4=desks;
            $audit
        }
        location = /web {
            deskgate_vend sts=web region=us-east-1;
            deskgate_authenticate bearer=corp;
            $audit
        }
        location = /slow {
            deskgate_vend sts=rules region=us-east-1;
            deskgate_authenticate bearer=corp;
            deskgate_throttle rate=1r/m burst=1 key=caller;
            $audit
        }
        location = /_sts {
            internal;
            proxy_set_header  Host sts.test;
            proxy_pass        http://127.0.0.1:8103/;
        }
");

my $sts = Deskgate::Sts->start($t, port => 8103,
    secrets => { AKIDEGRESS => 'secret-of-egress-03' },
    fault => sub { $_[0]{RoleArn} =~ m{/all$} ? { delay => 0.3 } : undef });

Deskgate::Gateway::upstreams($t);
$t->secret($_) foreach 'secret-of-sts-', 'token-of-sts-';
$t->run();

my $admin = $corp->token(sub => 'ada', groups => ['admins'],
    exp => time + 1600);
my $user = $corp->token(sub => 'carol', exp => time + 3600);

# by rule

my $answer = get($admin);
my $given = Deskgate::json_of($answer);
my ($form) = $sts->forms;
my %who = Deskgate::Sts::credentials(@$form{qw/RoleArn RoleSessionName/});

is($answer->{status}, 200, 'a caller with a token');
is(Deskgate::header($answer, 'cache-control'), 'no-store', 'not kept');
is($form->{RoleArn}, "$ROLE/admins", 'the first rule that fits');
is($given->{AccessKeyId}, $who{access_key}, 'STS\'s access key id');
is($given->{SecretAccessKey}, $who{secret_key}, 'its secret');
is($given->{Token}, $who{session_token}, 'its session token');
cmp_ok(ends($given), '<=', time + 1600, 'told to end with the token');
is($form->{DurationSeconds}, 1500, 'and asked for no longer');

my $record = record_of($t, $answer);

is($record->{eventName}, 'VendCredentials', 'a record');
is($record->{requestParameters}{mode}, 'sts', 'real ones');
is($record->{requestParameters}{rule}, 'admins', 'by which rule');
is($record->{responseElements}{credentials}{accessKeyId},
    $who{access_key}, 'which key id');
is($record->{userIdentity}{userName}, 'ada', 'who');

get($admin) foreach 1 .. 3;
is(scalar @{[$sts->forms]}, 1, 'STS is asked once');

is(Deskgate::json_of(get($admin, '?role=all'))->{AccessKeyId},
    key_of('all', 1), 'another role that fits, asked for in the URL');
is(refusal_of($t, get($user, '?role=admins')), 'role_none',
    'one that does not fit');
is(refusal_of($t, get($user, '?role=nothing')), 'role_none', 'none at all');

my $short = $corp->token(sub => 'eve', exp => time + 100);

$given = Deskgate::json_of(get($short));
cmp_ok(ends($given), '<=', time + 100, 'a token of 100 seconds');
is((reverse $sts->forms)[0]{DurationSeconds}, 900, 'STS gives no less');

is(Deskgate::json_of(signed())->{AccessKeyId}, key_of('robots'),
    'a caller with a key');
is((reverse $sts->forms)[0]{DurationSeconds}, 1800, 'as the rule says');

# at once

$sts->clear;

my $many = $corp->token(sub => 'many', exp => time + 3600);
my @clients = map { $t->connect(8080) } 1 .. 8;

$_->send(Deskgate::Connection::request_text(request($many))) foreach @clients;
is($_->answer('GET')->{status}, 200, 'many at once') foreach @clients;
is(scalar @{[$sts->forms]}, 1, 'ask STS once');

# his own token

$answer = get($user, '', '/web');
($form) = reverse $sts->forms;
is($answer->{status}, 200, 'the caller\'s own token shown to STS');
is($form->{WebIdentityToken}, $user, 'which it was');
is($form->{RoleArn}, "$ROLE/web", 'for that role');

# refused

is(refusal_of($t, get($corp->token(sub => 'x', groups => ['forbidden'],
    exp => time + 600), '?role=no')), 'role_denied', 'STS does not give it');
is(refusal_of($t, get($corp->token(sub => 'x', exp => time - 100))),
    'token_expired', 'a token that has expired');
is(signed(as => \%BOB)->{status}, 403, 'a key without a rule');
is(get($user, '', '/slow')->{status}, 200, 'once');
is(get($user, '', '/slow')->{status}, 429, 'and not so soon again');

# configurations

my $text = $t->read_file('nginx.conf');

foreach my $case (
    ['sts=egress', 'never the gateway\'s own'],
    ['sts=own', 'never the gateway\'s own'],
    ['sts=none', 'names no "deskgate_credentials"'],
    ['sts=rules vended=desks', 'takes one of them'],
    ['sts=rules lifetime=5m', 'takes no lifetime='],
    ['sts=rules services=workspaces', 'takes no lifetime='],
    )
{
    my ($to, $says) = @$case;

    like(scalar $t->check_config($text =~ s/sts=rules/$to/r), qr/\Q$says\E/,
        "nginx -t: $to: $says");
}

$t->stop();
$t->allow(qr/deskgate refused|STS refused role/);
$t->finish();


sub ends {
    my @time = $_[0]{Expiration} =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/;

    return timegm(@time[5, 4, 3, 2], $time[1] - 1, $time[0]);
}


# What STS gave for that role at the last call
sub key_of {
    my ($form) = grep { $_->{RoleArn} eq "$ROLE/$_[0]" } reverse $sts->forms;
    my %who = Deskgate::Sts::credentials(@$form{qw/RoleArn RoleSessionName/});

    return $who{access_key};
}


sub request {
    my ($token, $query, $path) = @_;

    return (method => 'GET', target => ($path || '/credentials')
        . ($query || ''), body => '', headers => [['Host', 'localhost'],
            ['Authorization', "Bearer $token"]]);
}


sub get { return Deskgate::http_request(request(@_)) }


sub signed {
    my (%opt) = @_;

    my %request = (method => 'GET', target => '/credentials', body => '',
        headers => [['Host', 'localhost']]);

    return Deskgate::http_request(%request, headers =>
        Deskgate::SigV4::sign(%request, %{$opt{as} || \%ALICE},
            region => 'us-east-1', service => 'deskgate'));
}

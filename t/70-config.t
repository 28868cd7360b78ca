#!/usr/bin/perl

# What nginx -t says of a wrong configuration: file, line, reason and remedy,
# and no secret.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();

$t->write_file('jwks.json', '{"keys":[{"kty":"EC","crv":"P-256","kid":"k",'
    . '"alg":"ES256","use":"sig",'
    . '"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",'
    . '"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}');

my $ISSUER = 'deskgate_issuer corp { issuer https://a.example; audience x; '
    . 'jwks %%TESTDIR%%/jwks.json; algorithms ES256; account 111122223333; }';

Deskgate::Gateway::configure($t, http => $t->expand($ISSUER),
    authenticate => 'sigv4=desks bearer=corp');

my $good = $t->read_file('nginx.conf');
my ($passes, $said) = $t->check;

ok($passes, 'the configuration that all others change passes') or diag $said;
unlike($said, qr/\[(warn|error|crit|emerg)\]/, 'without a word');

# Changes the text and expects: a refusal that names check.conf and the line
# of the pattern `at` (or another file), and matches all patterns.
sub refused {
    my ($what, $from, $to, %want) = @_;

    my $text = $good;

    if (ref $from eq 'CODE') {
        $text = $from->($text);

    } elsif (defined $from) {
        ok($text =~ s/$from/$to/, "$what: the text is there");
    }

    my ($passes, $said) = $t->check_config($text);

    ok(!$passes, "$what: refused");

    foreach my $pattern (@{$want{says} || []}) {
        like($said, $pattern, "$what: says $pattern");
    }

    if (!$want{nowhere}) {
        my ($line) = $said =~ /\[emerg\].*? in \S*check\.conf:(\d+)/s;

        ok($line, "$what: names file and line") or diag $said;

        if ($line && $want{at}) {
            my @lines = split /\n/, $t->read_file('check.conf');

            like($lines[$line - 1], $want{at}, "$what: it is that line");
        }
    }

    my @hits = grep { index($said, $_) >= 0 } 'secret-of-alice-0001',
        'secret-of-bob-000002', 'secret-of-egress-03', 'secret-of-broker-04';

    is(scalar @hits, 0, "$what: no secret is shown");

    return $said;
}

sub file {
    my ($what, $name, $content, $mode, %want) = @_;

    my $was = $t->read_file($name);

    if (defined $content) {
        $t->write_file($name, $content, $mode);

    } elsif (defined $mode) {
        chmod $mode, $t->testdir . "/$name";

    } else {
        unlink $t->testdir . "/$name";
    }

    refused($what, undef, undef, %want);
    $t->write_file($name, $was);
}

# files

foreach my $name (qw/keys.json policy.json egress.json broker.secret
    jwks.json/)
{
    file("$name missing", $name, undef, undef,
        says => [qr/\Q$name\E/, qr/No such file/], at => qr/\Q$name\E/);
    file("$name writable by group", $name, undef, 0620,
        says => [qr/\Q$name\E/, qr/written by group or others/,
        qr/chmod go-w/]);
    file("$name writable by others", $name, undef, 0602,
        says => [qr/chmod go-w/]);
}

foreach my $name (qw/keys.json egress.json broker.secret/) {
    file("$name readable by others", $name, undef, 0604,
        says => [qr/\Q$name\E/, qr/read by others/, qr/chmod o-r/]);
}

file('a key file with a typo', 'keys.json', qq({"version":1,\n"keys":[\n)
    . '{"access_key_id":"AKID","secret_access_kee":"secret-of-alice-0001"}]}',
    0600, says => [qr/keys\.json:3:\d+: /, qr/no secret_access_key: add it/]);
file('a key file that is cut', 'keys.json', '{"version":1,"keys":[', 0600,
    says => [qr/keys\.json:1:\d+: /]);
file('an empty key file', 'keys.json', '', 0600, says => [qr/keys\.json/]);
file('an empty secret', 'broker.secret', "\n", 0600,
    says => [qr/broker\.secret: the file is empty/]);
file('credentials without a secret', 'egress.json',
    '{"access_key_id":"AKIDEGRESS"}', 0600,
    says => [qr/egress\.json/, qr/secret_access_key/]);
file('a policy with a typo in a member', 'policy.json',
    qq({"Version":"2012-10-17","Statement":[\n{"Effect":"Allow",)
    . '"Principal":"*","Acton":"*","Resource":"*"}]}', 0600,
    says => [qr/policy\.json:2:\d+: /, qr/Acton/]);
file('a policy with a typo in an action', 'policy.json',
    qq({"Version":"2012-10-17","Statement":[\n{"Effect":"Allow",)
    . '"Principal":"*","Action":"workspaces:DescribeWorkspacez",'
    . '"Resource":"*"}]}', 0600,
    says => [qr/policy\.json:2:\d+: /, qr/DescribeWorkspacez/]);
file('a policy without Principal', 'policy.json',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*",'
    . '"Resource":"*"}]}', 0600, says => [qr/policy\.json:1:\d+: .*Principal/]);
file('a policy that is no JSON', 'policy.json', "{\n\"Version\" 1}", 0600,
    says => [qr/policy\.json:2:\d+: /]);
file('a key set with a private key', 'jwks.json', '{"keys":[{"kty":"EC",'
    . '"crv":"P-256","kid":"k","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",'
    . '"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",'
    . '"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}', 0600,
    says => [qr/jwks\.json/, qr/private/]);

mkdir $t->testdir . '/folder';
refused('a folder as a key file', qr{/keys\.json}, '/folder',
    says => [qr/not a regular file/]);

# what a location needs

my %needs = (
    'deskgate_authenticate' => qr/add "deskgate_authenticate"/,
    'deskgate_policy'       => qr/add "deskgate_policy FILE;"/,
    'deskgate_audit'        => qr/add "deskgate_audit"/,
    'deskgate_sign'         => qr/add "deskgate_sign"/,
    'deskgate_inject'       => qr/add "deskgate_inject"/,
);

foreach my $name (sort keys %needs) {
    my $said = refused("without $name", qr/\n$name [^;]*;/, "\n",
        says => [$needs{$name}, qr/incomplete/], nowhere => 1);
    my ($line) = $said =~ /check\.conf:(\d+) is incomplete/;

    ok($line, "without $name: names the line of deskgate");
    like((split /\n/, $t->read_file('check.conf'))[($line || 1) - 1],
        qr/deskgate \w/, "without $name: it is that line");
}

refused('without a zone', qr/\n\s+deskgate_zone [^;]*;/, "\n",
    says => [qr/add "deskgate_zone/], nowhere => 1);
refused('satisfy any', qr/deskgate_audit trail;/,
    'deskgate_audit trail; satisfy any;', says => [qr/satisfy/], nowhere => 1);

# values

my @values = (
    ['deskgate_replay', 'deskgate_replay sometimes;', qr/sometimes|replay/],
    ['deskgate_validate', 'deskgate_validate maybe;', qr/maybe|validate/],
    ['deskgate_denial_detail', 'deskgate_denial_detail all;', qr/all|denial/],
    ['deskgate_mode', 'deskgate_mode watch;', qr/observe, enforce/],
    ['deskgate_skew', 'deskgate_skew soon;', qr/skew/],
    ['deskgate_insecure_upstream', 'deskgate_insecure_upstream perhaps;',
        qr/"on"|insecure/],
    ['a rate', 'deskgate_throttle rate=10r/d;', qr/rate/],
    ['a rate of 0', 'deskgate_throttle rate=0r/s;', qr/rate/],
    ['no rate', 'deskgate_throttle burst=3;', qr/needs rate=/],
    ['a burst', 'deskgate_throttle rate=1r/s burst=x;', qr/burst/],
    ['a key part', 'deskgate_throttle rate=1r/s key=color;',
        qr/known are caller/],
    ['a parameter', 'deskgate_throttle rate=1r/s brust=3;', qr/brust=3/],
    ['nine buckets', join(' ', map { "deskgate_throttle rate=${_}r/s;" } 1 .. 9),
        qr/eight/],
    ['undefined keys', 'deskgate_authenticate sigv4=nobody;',
        qr/no deskgate_keys "nobody"/, qr/\ndeskgate_authenticate [^;]*;/],
    ['an undefined issuer', 'deskgate_authenticate bearer=nobody;',
        qr/no deskgate_issuer "nobody"/, qr/\ndeskgate_authenticate [^;]*;/],
    ['undefined credentials', 'deskgate_sign nobody;', qr/defined above/,
        qr/\ndeskgate_sign [^;]*;/],
    ['an undefined broker', 'deskgate_inject nobody;', qr/defined above/,
        qr/\ndeskgate_inject [^;]*;/],
    ['an undefined trail', 'deskgate_audit nobody;', qr/defined above/,
        qr/\ndeskgate_audit [^;]*;/],
    ['an unknown service', 'deskgate desktops region=us-east-1;',
        qr/no model "desktops\.json"/],
    ['no region', 'deskgate workspaces;', qr/region=/,
        qr/\ndeskgate workspaces [^;]*;/],
    ['a bad account', 'deskgate workspaces region=us-east-1 account=12;',
        qr/12 digits/, qr/deskgate workspaces [^;]*;/],
    ['a parameter of deskgate', 'deskgate workspaces region=us-east-1 x=1;',
        qr/known are region=/, qr/deskgate workspaces [^;]*;/],
    ['a service twice', 'deskgate workspaces region=us-east-1;',
        qr/has already/],
    ['for= without a name', 'deskgate_policy %%TESTDIR%%/policy.json for=;',
        qr/for=PATTERN/],
);

foreach my $value (@values) {
    my ($what, $text, $says, $instead) = @$value;

    refused($what, $instead || qr/(?=deskgate_audit trail;)/,
        $instead ? "\n$text" : "$text\n", says => [$says],
        at => $what eq 'nine buckets' ? qr/9r/ : qr/\Q@{[substr $text, 0, 12]}/);
}

# objects

my @objects = (
    ['a zone without a size', qr/desk:4m/, 'desk', qr/NAME:SIZE/],
    ['a small zone', qr/desk:4m/, 'desk:64k', qr/at least 1m/],
    ['a bad size', qr/desk:4m/, 'desk:big', qr/at least 1m|SIZE/],
    ['two zones', qr/(?=deskgate_keys)/, "deskgate_zone b:4m;\n",
        qr/duplicate/],
    ['keys twice', qr/(?=deskgate_credentials)/,
        "deskgate_keys desks %%TESTDIR%%/keys.json;\n", qr/"desks" is defined twice/],
    ['a trail twice', qr/(?=upstream aws)/, "deskgate_trail trail { directory "
        . "%%TESTDIR%%/trail; account 111122223333; }\n",
        qr/"trail" is defined twice/],
    ['an issuer twice', qr/(?=upstream aws)/, "$ISSUER\n",
        qr/"corp" is defined twice/],
    ['an issuer named like a service', sub { $_[0] =~ s/\bcorp\b/workspaces/gr },
        undef, qr/named like a service/],
    ['two issuers of one URL', sub {
            my ($text) = @_;
            my ($block) = $text =~ /^(\s*deskgate_issuer corp .*)$/m;

            $block =~ s/corp/other/;
            $text =~ s/^(\s*deskgate_issuer corp .*)$/$1\n$block/m;
            return $text =~ s/bearer=corp/bearer=corp,other/r;
        }, undef, qr/have one URL/],
    ['an issuer without audience', qr/audience x;/, '', qr/audience/],
    ['an issuer without algorithms', qr/algorithms ES256;/, '', qr/algorithm/],
    ['an issuer without keys', qr/jwks [^;]*;/, '', qr/jwks FILE/],
    ['an issuer without issuer', qr/issuer https[^;]*;/, '', qr/issuer/],
    ['a symmetric algorithm', qr/algorithms ES256/, 'algorithms HS256',
        qr/symmetric algorithm "HS256"; use RS256/],
    ['algorithm none', qr/algorithms ES256/, 'algorithms none',
        qr/algorithm "none"/],
    ['a leeway that is too long', qr/audience x;/, 'audience x; leeway 1h;',
        qr/leeway|time/],
    ['an issuer named aws', qr/deskgate_issuer corp/, 'deskgate_issuer aws',
        qr/aws/],
    ['an unknown line', qr/audience x;/, 'audience x; audiense y;',
        qr/audiense/],
    ['a trail without an account', qr/account    111122223333;/, '',
        qr/needs directory and account/],
    ['a bad account of a trail', qr/account    111122223333;/, 'account 12ab;',
        qr/12 digits/],
    ['a trail without a folder', qr/directory [^;]*;/, '',
        qr/needs directory and account/],
    ['a bad flush', qr/flush      20ms/, 'flush never', qr/invalid time/],
    ['credentials without a provider', qr/static  file=[^;]*;/, '',
        qr/static file=PATH/],
    ['a broker without a secret', qr/client_secret_file [^;]*;/, '',
        qr/needs token, client_id and client_secret_file/],
    ['a broker with another grant', qr/client_id           gateway;/,
        'client_id gateway; grant password;', qr/"query".*"body"/],
    ['a token location that is none', qr{token               /_token},
        'token token', qr/internal location/],
    ['models that are not there', qr{deskgate_models [^;]*;},
        'deskgate_models %%TESTDIR%%/nowhere;', qr/deskgate_models/],
);

foreach my $object (@objects) {
    my ($what, $from, $to, $says) = @$object;

    refused($what, $from, $to, says => [$says],
        nowhere => $what =~ /models that/ ? 1 : 0);
}

# a server without a name can tell nobody's host

refused('no hosts', sub {
    my ($text) = @_;

    $text =~ s/\ndeskgate_hosts [^;]*;//;
    $text =~ s/server_name  localhost;//;
    return $text;
}, undef, says => [qr/deskgate_hosts/], nowhere => 1);

# a warning only

SKIP: {
    my ($passes, $said) = $t->check_config($good
        =~ s/error_log (\S+) info;/error_log $1 debug;/r);

    ok($passes, 'debug logging passes');
    like($said, qr/\[warn\].*debug/, 'with a warning');
}

# the trail's folder is made

(my $made = $good) =~ s{directory  \S+/trail;}{directory  %%TESTDIR%%/made;};

($passes, $said) = $t->check_config($made);
ok($passes, 'a folder that is missing is made') or diag $said;
ok(-d $t->testdir . '/made', 'it is there');

$made = $good;
$made =~ s{directory  \S+/trail;}{directory  %%TESTDIR%%/policy.json;};
($passes, $said) = $t->check_config($made);
ok(!$passes, 'a file as the folder is refused');
like($said, qr/policy\.json/, 'by name');

$t->finish;

#!/usr/bin/perl

# deskgate-token: what it makes is judged by openssl, what it judges was made
# by it, and its answers to wrong use.

use warnings;
use strict;

use File::Temp qw/tempdir/;
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64 qw/encode_base64url decode_base64url/;
use Test::More;

use Deskgate::Make;

chdir "$FindBin::Bin/.." or die "chdir: $!";

ok(make_target('build/deskgate-token'), 'the tool builds')
    or BAIL_OUT('tool');

my $dir = tempdir(CLEANUP => 1);
my $claims = '{"iss":"https://sso.example.com","aud":"deskgate",'
    . '"sub":"CORP\\\\alice"}';
my @rules = ('--issuer', 'https://sso.example.com', '--audience', 'deskgate');
my ($status, $out);


# keys

foreach my $algorithm ('rs256', 'es256') {
    my ($pem, $jwks) = ("$dir/$algorithm.pem", "$dir/$algorithm.jwks");

    ($status, $out) = run_tool('keygen', $algorithm, "kid $algorithm", $pem,
        $jwks);
    is($status, 0, "keygen $algorithm");
    is((stat $pem)[2] & 07777, 0600, 'its owner alone reads the private key');
    unlike(slurp($jwks), qr/"(?:d|p|q|k)"/, 'the key set holds no secret');
    like(slurp($jwks), qr/"kid":"kid $algorithm"/, 'and the kid');
    is(system("openssl pkey -in $pem -check -noout >/dev/null 2>&1"), 0,
        'openssl finds nothing wrong with the key');

    ($status, $out) = run_tool('keygen', $algorithm, 'x', $pem, "$dir/other");
    is($status, 1, 'a key is not overwritten');
    ok(!-e "$dir/other", 'and nothing is written beside it');

    ($status, $out) = run_tool('sign', '--lifetime=600', '--typ', 'at+jwt',
        $algorithm, "kid $algorithm", $pem, $claims);
    is($status, 0, "sign $algorithm");
    chomp $out;

    my ($header, $payload, $signature) = split /\./, $out;

    is(decode_base64url($header), '{"alg":"' . uc($algorithm)
        . "\",\"typ\":\"at+jwt\",\"kid\":\"kid $algorithm\"}", 'header');
    like(decode_base64url($payload),
        qr/^\{"iat":(\d+),"exp":\d+,"iss":"https:.*"sub":"CORP\\\\alice"\}$/,
        'claims');
    verified_by_openssl($algorithm, "$header.$payload", $signature);

    ($status, my $said) = run_tool('verify', @rules, $jwks, $out);
    is($status, 0, 'verify');
    like($said, qr{^allowed\narn: "[^"]*:jwt/trial/CORP%5Calice"$}m,
        'says who calls');

    put("$dir/token", "$out\n");
    ($status, $said) = run_tool('verify', @rules, $jwks, "\@$dir/token");
    is($status, 0, 'the same from a file');

    substr $payload, 4, 1, substr($payload, 4, 1) eq 'A' ? 'B' : 'A';
    ($status, $said) = run_tool('verify', @rules, $jwks,
        "$header.$payload.$signature");
    is($status, 1, 'a changed token is refused');
}


# refusals, by their names

my $expired = (run_tool('sign', 'es256', 'kid es256', "$dir/es256.pem",
    '{"iss":"https://sso.example.com","aud":"deskgate","sub":"a",'
    . '"exp":1000000000}'))[1];
chomp $expired;

refused('token_expired', "$dir/es256.jwks", $expired, @rules);
refused('token_audience', "$dir/es256.jwks", slurp_token(), @rules[0, 1],
    '--audience', 'other');
refused('token_issuer', "$dir/es256.jwks", slurp_token(), '--issuer',
    'https://other', @rules[2, 3]);
refused('token_key_unknown', "$dir/rs256.jwks", slurp_token(), @rules);
refused('token_malformed', "$dir/es256.jwks", 'a.b', @rules);
refused('token_algorithm', "$dir/es256.jwks",
    encode_base64url('{"alg":"none"}') . '.'
    . encode_base64url($claims) . '.', @rules);


# wrong use

foreach my $wrong (
    [], ['sign'], ['keygen', 'hs256', 'k', 'a', 'b'], ['verify', 'a', 'b'],
    ['sign', '--force', 'es256', 'k', "$dir/es256.pem", '{}'],
    ['sign', '--lifetime=0', 'es256', 'k', "$dir/es256.pem", '{}'],
    ['sign', '--lifetime=soon', 'es256', 'k', "$dir/es256.pem", '{}'],
    ['--unknown'])
{
    is((run_tool(@$wrong))[0], 2, "wrong use: @$wrong");
}

foreach my $failing (
    ['sign', 'es256', 'k', "$dir/rs256.pem", '{}'],
    ['sign', 'es256', 'k', "$dir/nothing.pem", '{}'],
    ['sign', 'es256', 'k', "$dir/es256.pem", '[]'],
    ['sign', 'es256', 'k', "$dir/es256.pem", '{"a":1,"a":2}'],
    ['sign', '--lifetime=60', 'es256', 'k', "$dir/es256.pem", '{"exp":1}'])
{
    is((run_tool(@$failing))[0], 1, "fails: @$failing[1 .. $#$failing]");
}

is((run_tool('--help'))[0], 0, '--help');


# the credential_process of a profile

put("$dir/config", <<"EOF_CONFIG");
[profile good]
credential_process = $dir/helper good "two words"
[profile failing]
credential_process = $dir/helper failing
[profile garbage]
credential_process = $dir/helper garbage
[profile shell]
credential_process = echo \$(id)
[profile none]
region = us-east-1
EOF_CONFIG

put("$dir/helper", <<'EOF_HELPER');
#!/bin/sh
case "$1" in
good) [ "$2" = "two words" ] || exit 9
      echo '{"Version":1,"AccessKeyId":"ASIAPROCESS",' \
        '"SecretAccessKey":"secret-of-process","SessionToken":"t",' \
        '"Expiration":"2099-01-01T00:00:00Z"}';;
garbage) echo '{"Version":2}';;
*) echo sorry >&2; exit 3;;
esac
EOF_HELPER
chmod 0700, "$dir/helper";

my @process = ('process', '--once', "--config=$dir/config");

($status, $out) = run_tool(@process, 'good', "$dir/shared");
is($status, 0, 'process');
is(slurp("$dir/shared"), <<'EOF_SHARED', 'writes a profile');
[good]
aws_access_key_id = ASIAPROCESS
aws_secret_access_key = secret-of-process
aws_session_token = t
aws_credential_expiration = 2099-01-01T00:00:00Z
EOF_SHARED
is((stat "$dir/shared")[2] & 07777, 0640, 'for its owner and group');
unlike($out, qr/secret-of-process/, 'and prints no secret');

foreach my $case ([failing => qr/ended with status 3/],
    [garbage => qr/has no Version 1/], [shell => qr/needs a shell/],
    [none => qr/has no credential_process/], [absent => qr/no profile/])
{
    my ($profile, $text) = @$case;

    ($status, $out) = run_tool(@process, $profile, "$dir/shared");
    is($status, 1, "process of a profile that is $profile");
    like(slurp("$dir/stderr"), $text, 'it says why');
}

like(slurp("$dir/shared"), qr/ASIAPROCESS/, 'and the file is kept');
is(scalar(grep { /shared\.\d+/ } glob("$dir/*")), 0, 'no file is left over');

done_testing();


sub run_tool {
    my @arguments = @_;
    my $pid = open my $in, '-|';

    die "fork: $!" if !defined $pid;

    if (!$pid) {
        open STDERR, '>', "$dir/stderr";
        exec 'build/deskgate-token', @arguments or exit 127;
    }

    local $/;
    my $text = <$in>;
    close $in;

    return ($? >> 8, $text);
}


sub refused {
    my ($name, $jwks, $token, @options) = @_;
    my ($code, $text) = run_tool('verify', @options, $jwks, $token);

    is($code, 1, "$name: status");
    like($text, qr/^refused: $name: /, "$name: its name and a remedy");
}


# The signature by the command line of openssl; ES256 as DER.
sub verified_by_openssl {
    my ($algorithm, $input, $signature) = @_;
    my $raw = decode_base64url($signature);

    if ($algorithm eq 'es256') {
        $raw = join '', map {
            my $n = $_;
            $n =~ s/^\0+//;
            $n = "\0$n" if ord($n) > 127;
            "\x02" . chr(length $n) . $n
        } substr($raw, 0, 32), substr($raw, 32);
        $raw = "\x30" . chr(length $raw) . $raw;
    }

    put("$dir/input", $input);
    put("$dir/signature", $raw);
    system("openssl pkey -in $dir/$algorithm.pem -pubout -out $dir/pub");
    is(system("openssl dgst -sha256 -verify $dir/pub -signature $dir/signature"
        . " $dir/input >/dev/null"), 0, 'openssl verifies the signature');
}


sub put {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
}


sub slurp {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!";
    local $/;

    return scalar <$file>;
}


sub slurp_token {
    my $text = slurp("$dir/token");

    chomp $text;
    return $text;
}

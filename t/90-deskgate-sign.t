#!/usr/bin/perl

# deskgate-sign against the tests' own signer, and its answers to wrong use.

use warnings;
use strict;

use File::Temp qw/tempdir/;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate::Make;
use Deskgate::SigV4;

chdir "$FindBin::Bin/.." or die "chdir: $!";

ok(make_target('build/deskgate-sign'), 'the tool builds') or BAIL_OUT('tool');

my $dir = tempdir(CLEANUP => 1);
my $secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
my $time = '20150830T123600Z';
my $body = '{"MaxResults":5}';
my $head = "POST / HTTP/1.1\r\nHost: workspaces.us-east-1.amazonaws.com\r\n"
    . "Content-Type: application/x-amz-json-1.1\r\n"
    . "X-Amz-Target: WorkspacesService.DescribeWorkspaces\r\n";
my @scope = ('--access-key', 'AKIDEXAMPLE', '--region', 'us-east-1',
    '--service', 'workspaces');

delete @ENV{grep { /^AWS_/ } keys %ENV};

put('secret', "$secret\n", 0600);
put('open', "$secret\n", 0644);
put('request', "$head\r\n$body");

my @secret = ('--secret-file', "$dir/secret");


# signing

my $own = Deskgate::SigV4::sign(
    access_key => 'AKIDEXAMPLE', secret_key => $secret, region => 'us-east-1',
    service => 'workspaces', time => 1440938160, method => 'POST',
    target => '/', body => $body,
    headers => [
        ['Host', 'workspaces.us-east-1.amazonaws.com'],
        ['Content-Type', 'application/x-amz-json-1.1'],
        ['X-Amz-Target', 'WorkspacesService.DescribeWorkspaces'],
    ],
);
my $authorization = Deskgate::SigV4::value($own, 'authorization');

my ($status, $out) = run_tool(@scope, @secret, '--time', $time,
    "$dir/request");
is($status, 0, 'a request is signed');
like($out, qr/^canonical request:\nPOST\n/m, 'its canonical request');
like($out, qr/^string to sign:\nAWS4-HMAC-SHA256\n$time\n/m,
    'its string to sign');
like($out, qr/^\Q$authorization\E$/m, 'the same value as the other signer');
unlike($out, qr/\Q$secret\E/, 'the secret is not printed');

my ($canonical) = $out =~ /^canonical request:\n(.*?)\n\n[^:\n]*SHA-256:/ms;

($status, $out) = run_tool(@scope, @secret, '--time', '2015-08-30T12:36:00Z',
    '--json', "$dir/request");
is($status, 0, 'the same as JSON');
like($out, qr/^\{"verdict":"signed",.*"authorization":"\Q$authorization\E"/,
    'holds the value');


# verifying

put('signed', "${head}X-Amz-Date: $time\r\n"
    . "Authorization: $authorization\r\n\r\n$body");

($status, $out) = run_tool('--verify', @secret, '--time', $time,
    "$dir/signed");
is($status, 0, 'a signed request is verified');
like($out, qr/^verdict: allowed$/m, 'and allowed');

($status, $out) = run_tool('--verify', @secret, "$dir/signed");
is($status, 1, 'by the clock it is old');
like($out, qr/Signature expired: $time is now earlier than/, 'in AWS\'s words');

($status, $out) = run_tool('--verify', @scope[0, 1], '--region', 'eu-west-1',
    @secret, '--time', $time, "$dir/signed");
is($status, 1, 'another region');
like($out, qr/^verdict: scope_region$/m, 'is refused when one is asked for');

put('tampered', "${head}X-Amz-Date: $time\r\n"
    . "Authorization: $authorization\r\n\r\n$body ");
put('canonical', $canonical);

($status, $out) = run_tool('--verify', @secret, '--time', $time,
    '--expect', "$dir/canonical", "$dir/tampered");
is($status, 1, 'another body is refused');
like($out, qr/^verdict: signature_mismatch$/m, 'for its signature');
like($out, qr/^first difference: line 10\n  expected: [0-9a-f]{64}\n/m,
    'the first difference is in the last line');

($status, $out) = run_tool('--verify', @secret, '--time', $time,
    '--expect', "$dir/canonical", "$dir/signed");
is($status, 0, 'the right request');
like($out, qr/^the canonical request is as expected$/m, 'does not differ');


# presigning, and back

($status, $out) = run_tool(@scope, @secret, '--time', $time, '--presign', 60,
    "$dir/request");
is($status, 0, 'a request is presigned');

my ($target) = $out =~ m{^target:\n(/\?\S+)$}m;

put('presigned', ($head =~ s{^POST /}{POST $target}r) . "\r\n$body");
($status, $out) = run_tool('--verify', @secret, '--time', $time,
    "$dir/presigned");
is($status, 0, 'and verified');


# wrong use

($status, $out) = run_tool('--help');
is($status, 0, 'help');
like($out, qr/^usage: deskgate-sign/, 'tells the usage');

is((run_tool('--nonsense'))[0], 2, 'an unknown option');
is((run_tool('--verify', '--presign', 5))[0], 2, 'options that exclude');
is((run_tool(@scope, "$dir/request"))[0], 2, 'no secret');
is((run_tool(@scope, '--secret-file', "$dir/open", "$dir/request"))[0], 2,
    'a secret that others can read');
is((run_tool(@scope, @secret, "$dir/absent"))[0], 2, 'no such file');
is((run_tool(@scope[0 .. 3], @secret, "$dir/request"))[0], 2, 'no service');
is((run_tool(@scope, @secret, '--time', 'noon', "$dir/request"))[0], 2,
    'no time');
is((run_tool(@scope, @secret, '--presign', 604801, "$dir/request"))[0], 2,
    'a lifetime above seven days');

done_testing();


sub put {
    my ($name, $text, $mode) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!";
    binmode $file;
    print $file $text;
    close $file;
    chmod $mode, "$dir/$name" if $mode;
}


sub run_tool {
    my @args = map { "'$_'" } @_;
    my $out = `build/deskgate-sign @args 2>&1 </dev/null`;

    return ($? >> 8, $out);
}

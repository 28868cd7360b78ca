#!/usr/bin/perl

# The tests' own signer, against published examples of AWS's documentation and
# against curl, before anything is checked with it.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate::SigV4;

my %example = (
    access_key => 'AKIDEXAMPLE',
    secret_key => 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    region     => 'us-east-1',
    time       => 1440938160,
);


# AWS General Reference, "Signing AWS requests": IAM ListUsers

my $headers = Deskgate::SigV4::sign(%example,
    service => 'iam',
    method  => 'GET',
    target  => '/?Action=ListUsers&Version=2010-05-08',
    headers => [
        ['Host', 'iam.amazonaws.com'],
        ['Content-Type', 'application/x-www-form-urlencoded; charset=utf-8'],
    ],
);

is(Deskgate::SigV4::value($headers, 'authorization'),
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/'
    . 'aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature='
    . '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    'the example of the documentation');


# get-vanilla of the AWS test suite

$headers = Deskgate::SigV4::sign(%example,
    service => 'service',
    method  => 'GET',
    target  => '/',
    headers => [['Host', 'example.amazonaws.com']],
);

like(Deskgate::SigV4::value($headers, 'authorization'),
    qr/Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31$/,
    'the simplest request of the test suite');


my %request = (method => 'PUT', target => '/a/../b//c%2Fd?z=1&a=%20',
    headers => [['Host', 'localhost:8080'], ['X-Amz-Meta', " a  b "],
                ['x-amz-meta', 'c']], body => 'text');

my $signed = Deskgate::SigV4::sign(%example, %request, service => 'workspaces',
    session_token => 'token');

my %check = (%request, headers => $signed, region => 'us-east-1',
    service => 'workspaces', secrets => {
        $example{access_key} => $example{secret_key} });

my $verdict = Deskgate::SigV4::verify(%check);

ok($verdict->{ok}, 'what it signs it verifies');
like($verdict->{canonical}, qr{^PUT\n/b/c%252Fd\na=%20&z=1\n},
    'path normalised and encoded again, query sorted');
like($verdict->{canonical}, qr{\nx-amz-meta:a b,c\n},
    'duplicates joined in order');

foreach my $change ([body => 'texu'], [method => 'POST'],
                    [target => '/b/c%2Fd?z=2&a=%20'], [region => 'eu-west-1'],
                    [service => 'sts'])
{
    my $bad = Deskgate::SigV4::verify(%check, @$change);

    ok(!$bad->{ok}, "another $change->[0] is refused: $bad->{error}");
}

push @$signed, ['X-Amz-Target', 'smuggled'];

is(Deskgate::SigV4::verify(%check)->{error}, 'x-amz-target is not signed',
    'an unsigned x-amz header is refused');

like(Deskgate::SigV4::presign(%example, service => 'sts', method => 'GET',
    target => '/', headers => [['Host', 'sts.amazonaws.com']]),
    qr{^/\?X-Amz-Algorithm=.*&X-Amz-Signature=[0-9a-f]{64}$}, 'presigned');

done_testing();

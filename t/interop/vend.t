#!/usr/bin/perl

# The AWS CLI with credentials that the gateway vends: by its container
# provider and by credential_process, unmodified.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MIME::Base64 qw/encode_base64/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Token;

my $t = Deskgate->new()->need('aws');
my $issuer = Deskgate::Token->issuer($t, 'corp', 'https://sso.example.com');
my $url = 'http://127.0.0.1:' . Deskgate::port(8080);

$t->write_file('master.keys', 'k ' . encode_base64('m' x 32, '') . "\n");

Deskgate::Gateway::configure($t,
    authenticate => 'vended=desks',
    http => $issuer->block . "
    deskgate_vended desks { keys %%TESTDIR%%/master.keys; gateway here; }
",
    locations => '
        location = /credentials {
            deskgate_vend vended=desks region=us-east-1;
            deskgate_authenticate bearer=corp;
            deskgate_hosts 127.0.0.1;
            deskgate_audit trail;
        }
');

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->run();

my $token = $issuer->token(sub => 'alice', exp => time + 1200);
my $home = $t->testdir . '/home';

mkdir $home, 0700;
$t->write_file('token', "$token\n");
$t->write_file('home/config', "[profile desks]\nregion = us-east-1\n"
    . 'credential_process = ' . $t->root . '/build/deskgate-token credentials'
    . " --url $url/credentials \@" . $t->testdir . "/token\n");

my %container = (AWS_CONTAINER_CREDENTIALS_FULL_URI => "$url/credentials",
    AWS_CONTAINER_AUTHORIZATION_TOKEN => "Bearer $token");

cli('its container provider', %container);
cli('credential_process', AWS_PROFILE => 'desks');

my ($status, $out) = aws(%container,
    AWS_CONTAINER_AUTHORIZATION_TOKEN => 'Bearer x.y.z');

isnt($status, 0, 'a bad token');
like($out, qr/401|UnrecognizedClientException|Unable to locate|credential/i,
    'and the CLI says so');

$t->stop();
$t->allow(qr/deskgate refused/);
$t->finish();


sub cli {
    my ($title, %env) = @_;

    my $before = () = $aws->requests;
    my ($status, $out) = aws(%env);

    is($status, 0, "aws workspaces describe-workspaces by $title")
        or diag($out);

    my @requests = $aws->requests;

    is(scalar @requests, $before + 1, "$title: one call upstream");
    is($requests[-1]{verdict}, 'ok', "$title: signed by the gateway");

    my $record = $t->wait_for(sub {
        return (grep { ($_->{eventName} || '') eq 'DescribeWorkspaces' }
            $t->records)[-1];
    });

    is($record->{userIdentity}{userName}, 'alice', "$title: for the caller");
    like($record->{userIdentity}{accessKeyId}, qr/^DGVK/,
        "$title: with vended credentials");
}


sub aws {
    my (%env) = @_;

    my $pid = open my $out, '-|';

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        %ENV = (PATH => '/usr/bin:/bin', HOME => $home,
            AWS_CONFIG_FILE => "$home/config", AWS_PAGER => '',
            AWS_EC2_METADATA_DISABLED => 'true', NO_PROXY => '*',
            AWS_MAX_ATTEMPTS => 1, LANG => 'C.UTF-8', %env);
        exec 'aws', '--region', 'us-east-1', '--endpoint-url', $url,
            'workspaces', 'describe-workspaces' or POSIX::_exit(127);
    }

    local $/;

    my $text = <$out>;

    close $out;

    return ($? >> 8, defined $text ? $text : '');
}

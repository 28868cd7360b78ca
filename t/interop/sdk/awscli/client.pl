#!/usr/bin/perl

# Debian's AWS CLI as a client of the gateway; prints one line of JSON per
# case.  The environment and the cases are those of ../Judge.pm.  Request id,
# status and attempts are read from what --debug tells.

use warnings;
use strict;

use JSON::PP;

my $AWS = '/usr/bin/aws';

my %calls = (
    read    => ['describe-workspaces'],
    denied  => ['rebuild-workspaces', '--rebuild-workspace-requests',
        'ws-0123456789'],
    invalid => ['describe-workspaces', '--workspace-ids', 'not an id'],
);
my %once = (AWS_MAX_ATTEMPTS => 1);

$| = 1;

print '# ', qx{$AWS --version 2>&1};

made();
run('unknown-key', 'NOW', 'read', AWS_ACCESS_KEY_ID => 'AKIAUNKNOWNUNKNOWN77');
run('bad-signature', 'NOW', 'read',
    AWS_SECRET_ACCESS_KEY => 'not the secret of that key', %once);
run('denied', 'NOW', 'denied');
run('validation', 'NOW', 'invalid');
run('unknown-operation', 'NARROW', 'read');
call('CLOSED', 'read', %once);
run('throttled', 'CLOSED', 'read', %once);

# a process takes longer to start than a bucket should take to fill; two
# attempts more, the usual number, may both come too soon
foreach (1 .. 10) {
    last if run('retry', 'SLOWER', 'read', AWS_MAX_ATTEMPTS => 8) > 1;
}

run(lc $_, $_, 'read') foreach qw/AHEAD10 AHEAD60 BEHIND60/;


# The desktop that it makes and describes
sub made {
    $calls{create} = ['create-workspaces', '--workspaces',
        "DirectoryId=d-90670ca123,UserName=$ENV{SDK_USER},"
        . 'BundleId=wsb-bh8rsxt14'];

    my ($out) = call('NOW', 'create');
    my $json = eval { JSON::PP::decode_json($out) } || {};
    my $ident = $json->{PendingRequests}[0]{WorkspaceId} || 'ws-none00000';

    $calls{describe} = ['describe-workspaces', '--workspace-ids', $ident];
    run('call', 'NOW', 'describe');
}


# Prints how one call ended; returns how often it was sent
sub run {
    my ($case, $gateway, $call, %set) = @_;

    my ($out, $debug, $status) = call($gateway, $call, %set);
    my %line = (service => 'workspaces', case => $case);
    my @ids = $debug =~ /x-amzn-requestid': '([^']+)'/gi;
    my @codes = $debug =~ m{"POST / HTTP/1\.1" (\d+)}g;

    $line{attempts} = @codes;
    $line{requestId} = $ids[-1];

    # it sends no invocation id that would tell which belong together
    $line{requestIds} = \@ids;

    if ($status == 0) {
        my $desk = $call eq 'describe'
            ? JSON::PP::decode_json($out)->{Workspaces}[0] : {};

        $line{answer} = { map { $_ => $desk->{$_} } grep { $desk->{$_} }
            qw/WorkspaceId DirectoryId UserName BundleId State/ };

    # the CLI's words for botocore's ClientError
    } elsif ($debug =~ /^An\ error\ occurred\ \((\w+)\)\ when\ calling\ the
                        \ (\w+)\ operation(?:\ \([^)]*\))?:\ (.*)$/mx)
    {
        $line{error} = { class => 'ClientError', code => $1, message => $3,
            status => $codes[-1] + 0 };

    } else {
        $line{fault} = "status $status: " . substr $debug, -300;
    }

    print JSON::PP->new->canonical->encode(\%line), "\n";

    return $line{attempts};
}


# What it writes to its two outputs, and its status
sub call {
    my ($gateway, $call, %set) = @_;

    my @set = map { "$_=$set{$_}" } sort keys %set;
    my @command = ('env', "AWS_ACCESS_KEY_ID=$ENV{SDK_KEY}",
        "AWS_SECRET_ACCESS_KEY=$ENV{SDK_SECRET}", @set, $AWS, '--debug',
        '--region', 'us-east-1', '--output', 'json', '--endpoint-url',
        $ENV{"SDK_$gateway"}, 'workspaces', @{$calls{$call}});
    my $said = "$ENV{HOME}/awscli.debug";

    open my $in, '-|', 'sh', '-c', 'exec "$@" 2> "$0"', $said, @command
        or die "$AWS: $!\n";
    local $/;

    my $out = <$in>;

    close $in;

    my $status = $? >> 8;

    open my $read, '<', $said or die "$said: $!\n";

    my $debug = <$read>;

    return ($out, $debug, $status);
}

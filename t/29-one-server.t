#!/usr/bin/perl

# One server block for all four services: any client whose endpoint is this
# server reaches each of them, whatever it calls.  Variables say which service,
# operation, access level and region it is; the upstream is chosen by the host
# that model and configuration give, never by what the client sent.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::SigV4;
use Deskgate::Upstream;

my $t = Deskgate->new();

my @VARIABLES = qw/service operation access region upstream_host caller mode/;
my %HOSTS = (
    'workspaces'           => 'workspaces.eu-west-1.amazonaws.com',
    'workspaces-instances' => 'workspaces-instances.eu-west-1.api.aws',
    'ssm-guiconnect'       => 'guiconnect.test',
    'dcv-session-manager'  => 'broker.test',
);
my %PORTS = ('workspaces' => 8101, 'workspaces-instances' => 8103,
    'ssm-guiconnect' => 8104);

my $location = join '',
    "deskgate workspaces region=eu-west-1;\n",
    "deskgate workspaces-instances region=eu-west-1;\n",
    "deskgate ssm-guiconnect region=eu-central-1 host=guiconnect.test;\n",
    "deskgate dcv-session-manager region=eu-west-1 host=broker.test;\n",
    'add_header X-Told "' . join(' ', map { "\$deskgate_$_" } @VARIABLES)
        . '" always;';

# the servers of the harness have one region: these lines replace theirs
sub many {
    my ($text) = @_;

    $text =~ s/(deskgate \S+ region=us-east-1;\s*)+/$location\n/g;
    $text =~ s{proxy_pass\s+http://\$desk_upstream;}
              {proxy_pass http://\$deskgate_upstream_host;}g;

    return $text;
}

my $text = Deskgate::Gateway::text(http => join('', map {
        "upstream $HOSTS{$_} { server 127.0.0.1:" . ($PORTS{$_} || 8102)
        . "; }\n" } sort keys %HOSTS)
    . 'server { listen 127.0.0.1:8081; server_name localhost; location / { '
    . gateway_location(location => 'deskgate_mode observe;') . '} }');

Deskgate::Gateway::configure($t);
$t->write_file_expand('nginx.conf', many($text));

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);
my %up = ('workspaces' => $aws, 'dcv-session-manager' => $broker,
    map { $_ => Deskgate::Upstream->start($t, port => $PORTS{$_}, name => $_) }
    qw/workspaces-instances ssm-guiconnect/);

$t->run();

my @calls = (
    ['workspaces', 'TerminateWorkspaces', 'write', 'eu-west-1',
        { TerminateWorkspaceRequests => [{ WorkspaceId => 'ws-0123456789' }] }],
    ['workspaces', 'CreateTags', 'tagging', 'eu-west-1',
        { ResourceId => 'ws-0123456789', Tags => [{ Key => 'a' }] }],
    ['workspaces-instances', 'ListRegions', 'list', 'eu-west-1', {}],
    ['ssm-guiconnect', 'GetConnectionRecordingPreferences', 'read',
        'eu-central-1', {}],
    ['dcv-session-manager', 'DescribeServers', 'list', 'eu-west-1', {}],
);

foreach my $call (@calls) {
    my ($service, $operation, $access, $region, $input) = @$call;

    my %before = map { $_ => calls_of($_) } keys %up;
    my $answer = call($service, $operation, $input, region => $region);

    is($answer->{status}, 200, "$service: the one server serves it");
    is(told($answer), "$service $operation $access $region $HOSTS{$service} "
        . "arn:aws:iam::${ACCOUNT}:user/alice enforce",
        "$service: the variables say what it is");
    is(join(' ', grep { calls_of($_) != $before{$_} } sort keys %up),
        $service, "$service: its own upstream has it");

    my ($sent) = grep { $_->{target} !~ m{^/oauth2} }
        reverse $up{$service}->requests;
    my ($host) = map { $_->[1] } grep { lc $_->[0] eq 'host' }
        @{$sent->{headers}};

    is($host, $HOSTS{$service}, "$service: and is sent its own Host");
}

# what the client chooses chooses nothing

my $answer = call(workspaces => 'DescribeWorkspaces', {}, host =>
    'localhost:' . port(8104), region => 'eu-west-1');

is($answer->{status}, 200, 'another port in Host');
like(told($answer), qr/ $HOSTS{workspaces} /, 'chooses no upstream');

my $count = calls_of('workspaces');

call(workspaces => 'DescribeWorkspaces', {}, port => 8081,
    host => 'broker.test', region => 'eu-west-1');
is(calls_of('workspaces'), $count + 1, 'nor does another service\'s Host, when '
    . 'calls are only observed');

# a call of no operation has no upstream

$answer = call(workspaces => 'DescribeNothing', {}, region => 'eu-west-1');
is($answer->{status}, 404, 'no operation');
is(told($answer), "workspaces eu-west-1 $HOSTS{workspaces} enforce",
    'the service is known by its target');

$t->finish;


sub told {
    my ($answer) = @_;

    my $told = Deskgate::header($answer, 'X-Told');

    return defined $told ? $told =~ s/ +/ /gr : undef;
}


sub calls_of {
    my ($service) = @_;

    return $service eq 'dcv-session-manager' ? $broker->api_calls
                                             : $up{$service}->count;
}

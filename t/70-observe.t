#!/usr/bin/perl

# Observe mode: every call goes on as it came, and its record says what would
# have happened.  The pages for those who watch.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new();
my %EVE = (access_key => 'AKIDEVE', secret_key => 'secret-of-eve-000000009');

Deskgate::Gateway::configure($t,
    http => 'map $http_x_group $desk_mode { seen observe; odd watch;'
        . ' default enforce; }',
    location => "deskgate_mode \$desk_mode;\n"
        . 'deskgate_throttle rate=1r/h burst=1 key=operation;',
    locations => 'location = /status { deskgate_status; }'
        . ' location = /ready { deskgate_ready; }',
    statements => [allow_all(), {
        Sid => 'NobodyRebuilds', Effect => 'Deny', Principal => '*',
        Action => 'workspaces:RebuildWorkspaces', Resource => '*' }]);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t,
    secrets => undef);

$t->run();

my @describe = (workspaces => 'DescribeWorkspaces', {});
my @rebuild = (workspaces => 'RebuildWorkspaces',
    { RebuildWorkspaceRequests => [{ WorkspaceId => 'ws-0123456789' }] });
my @sessions = ('dcv-session-manager' => 'DescribeSessions', {});


subtest 'a caller whom nobody knows' => sub {
    my ($record, $sent, %request) = observed(@describe, as => \%EVE);

    is($record->{decision}, 'refused', 'would have been refused');
    is($record->{refusal}, 'key_unknown', 'why');
    is($record->{claimed}{accessKeyId}, 'AKIDEVE', 'who he says he is');
    ok(!$record->{caller}, 'he is no caller');
    unchanged($sent, %request);
};

subtest 'a caller who is denied' => sub {
    my ($record, $sent, %request) = observed(@rebuild);

    is($record->{refusal}, 'denied_explicit', 'why');
    is($record->{statement}, 'NobodyRebuilds', 'by which statement');
    is($record->{caller}{kind}, 'key', 'the caller is known');
    unchanged($sent, %request);
};

subtest 'a limit' => sub {
    my ($first) = observed(@describe);
    my ($second, $sent, %request) = observed(@describe);

    is($first->{decision}, 'allowed', 'the first would pass');
    is($second->{refusal}, 'throttled', 'the second would not');
    unchanged($sent, %request);
};

subtest 'a body that the model does not allow' => sub {
    my ($record, $sent, %request) =
        observed(workspaces => 'DescribeTags', { Nonsense => 1 });

    is($record->{refusal}, 'body_invalid', 'why');
    unchanged($sent, %request);
};

subtest 'the broker gets no token of ours' => sub {
    my %request = signed_call(@sessions, headers => [['X-Group', 'seen']]);
    my $answer = Deskgate::http_request(%request);

    is($answer->{status}, 401, 'it answers itself');
    is(scalar(grep { $_->{target} =~ /token/ } $broker->requests), 0,
        'no token was fetched');
};

subtest 'who does not observe enforces' => sub {
    my $before = $aws->count;

    foreach my $group ('', 'odd') {
        my $answer = call(@rebuild, headers => [['X-Group', $group]]);

        is(error_type($answer), 'AccessDeniedException',
            "refused in group \"$group\"");
    }

    is($aws->count, $before, 'nothing was sent');
};

subtest 'the pages' => sub {
    my $ready = Deskgate::http_get('/ready');
    my $status = Deskgate::json_of(Deskgate::http_get('/status'));
    my $service = $status->{services}{workspaces};

    is($ready->{status}, 200, 'it is ready');
    is_deeply(Deskgate::json_of($ready), { ready => JSON::PP::true },
        'and says so');
    is($service->{observed}, 4, 'calls that would have been refused');
    is($service->{refused}{denied_explicit}, 2, 'calls that were');
    is($status->{trail}{state}, 'ok', 'the trail is written');
    is($status->{brokers}[0]{token}, 'none', 'there is no token');

    my %files = map { $_->{path} =~ s{.*/}{}r => $_->{kind} }
        @{$status->{files}};

    is($files{'policy.json'}, 'policy', 'the policy is listed');
    ok(!$files{'egress.json'} && !$files{'broker.secret'},
        'no hash of a secret is shown');
};

subtest 'credentials that have expired' => sub {
    $t->write_file('egress.json', JSON::PP->new->canonical->encode({
        access_key_id     => 'AKIDEGRESS',
        secret_access_key => 'secret-of-egress-03',
        expiration        => '2020-01-01T00:00:00Z' }));

    my ($old) = $t->workers;

    $t->reload;

    ok($t->wait_for(sub { !grep { $_ == $old } $t->workers }),
        'new credentials are read');

    my $ready = Deskgate::http_get('/ready');

    is($ready->{status}, 503, 'the gateway is not ready');
    is(Deskgate::json_of($ready)->{reason}, 'credentials have expired',
        'and says why');

    my $answer = call(workspaces => 'DescribeAccount', {});

    is($answer->{status}, 503, 'calls are refused');
    is(refusal_of($t, $answer), 'credentials_unavailable', 'by that name');
};

$t->stop;
done_testing();


# Calls in the observed group: the record's own part, what the upstream got
# and what was sent
sub observed {
    my ($service, $operation, $input, %opt) = @_;

    my %request = signed_call($service, $operation, $input, %opt,
        headers => [['X-Group', 'seen']]);
    my $answer = Deskgate::http_request(%request);

    is($answer->{status}, 200, 'the upstream\'s answer');

    my $record = record_of($t, $answer);
    my $mine = $record->{additionalEventData}{deskgate};

    is($mine->{mode}, 'observe', 'the record says that it observed');

    return ($mine, ($aws->requests)[-1], %request);
}


sub unchanged {
    my ($sent, %request) = @_;

    my %of = map { lc $_->[0] => $_->[1] } @{$request{headers}};
    my %got = map { lc $_->[0] => $_->[1] } @{$sent->{headers}};

    is($got{$_}, $of{$_}, "$_ went on unchanged")
        foreach qw/authorization host x-amz-date x-amz-target/;
    is($sent->{target}, $request{target}, 'and the target');
    is($sent->{body}, $request{body}, 'and the body');
    unlike($sent->{raw}, qr/AKIDEGRESS/, 'nothing of ours is in it');
}

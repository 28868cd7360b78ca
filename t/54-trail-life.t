#!/usr/bin/perl

# The trail and the life of workers: several trails, a slow end, fewer
# workers, records that cannot be written until the end.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw/sleep time/;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new();

my $second = gateway_location(location => '');

$second =~ s/deskgate_audit trail/deskgate_audit quick/;

Deskgate::Gateway::configure($t, workers => 2,
    http => <<"EOF_CONF",
    deskgate_trail quick {
        directory  %%TESTDIR%%/quick;
        account    $ACCOUNT;
        flush      20ms;
    }

    server {
        listen       127.0.0.1:8110;
        server_name  localhost;

        location / {
            $second
        }
    }
EOF_CONF
    locations => <<'EOF_CONF');
        location = /status {
            deskgate_status;
        }

        location = /ready {
            deskgate_ready;
        }
EOF_CONF

my $conf = $t->read_file('nginx.conf');

$conf =~ s/(trail;\s+account\s+\d+;\s+flush\s+)20ms/${1}30s/;
$t->write_file('nginx.conf', $conf);
mkdir $t->testdir . '/quick', 0700;

my ($aws) = Deskgate::Gateway::upstreams($t);

$t->run();

# each trail has its own time

my $began = time;

is(call(workspaces => 'DescribeAccount', {}, port => 8110)->{status}, 200,
    'a call of the quick trail');
ok($t->wait_for(sub { $t->record_lines('quick') == 1 }, 5),
    'is written in its own time');
is(call(workspaces => 'DescribeAccount', {})->{status}, 200,
    'a call of the slow one');
sleep 1.2;
is($t->record_lines, 0, 'waits');

# a worker that ends slowly goes on writing

$aws->behave(delay => 4);

my ($slow) = map { $_->send(Deskgate::Connection::request_text(
    signed_call(workspaces => 'DescribeAccount', {}))) } $t->connect(8110);
my @early;

sleep 0.3;
$aws->behave(delay => 1);

foreach (1 .. 8) {
    my $c = $t->connect(8110);

    $c->send(Deskgate::Connection::request_text(
        signed_call(workspaces => 'DescribeIpGroups', {})));
    push @early, $c;
}

sleep 0.2;

my $before = $t->record_lines('quick');
my $reload = time;

ok($t->reload, 'reload while calls are on their way');
foreach my $c (@early) {
    is($c->answer('POST')->{status}, 200, 'a call that was on its way ends well');
    $c->close;  # nginx lingers, and logs at the very end
}

ok($t->wait_for(sub { $t->record_lines('quick') >= $before + 8 }, 1.5),
    'what ends is written, though a call is still on its way');
cmp_ok(time - $reload, '<', 3.4, 'which it was');
is($slow->answer('POST')->{status}, 200, 'it ends well');
$slow->close;
ok($t->wait_for(sub { $t->record_lines('quick') >= $before + 9 }, 3),
    'and is recorded');
$aws->behave();

# fewer workers: those that are gone stop nobody

$t->allow(qr/\[crit\].*(cannot (open|write|stat) trail file|records were lost)/);
rename $t->testdir . '/quick', $t->testdir . '/elsewhere' or die;
ok($t->wait_for(sub { http_get('/ready')->{status} == 503 }),
    'a folder that is moved away is noticed');
is(call(workspaces => 'DescribeAccount', {}, port => 8110)->{status}, 503,
    'calls are refused');
$t->write_file('nginx.conf', $conf =~ s/worker_processes  2/worker_processes  1/r);

my @old = $t->workers;

ok($t->reload, 'reload with one worker; the folder is made anew');
ok($t->wait_for(sub { !grep { kill 0, $_ } @old }), 'the others end');
ok($t->wait_for(sub { http_get('/ready')->{status} == 200 }), 'ready again');
is(call(workspaces => 'DescribeAccount', {}, port => 8110)->{status}, 200,
    'calls pass again');

# records that cannot be written until the end are counted as lost

rename $t->testdir . '/quick', $t->testdir . '/elsewhere-2' or die;
ok($t->wait_for(sub { http_get('/ready')->{status} == 503 }), 'moved again');
call(workspaces => 'DescribeAccount', {}, port => 8110) for 1 .. 3;
$t->quit_nginx('QUIT');
like($t->log, qr/\[crit\].*3 records were lost: trail "quick"/,
    'what is lost at the end is said');

$t->finish;

#!/usr/bin/perl

# The gateway with everything on against plain proxy_pass: the same nginx, the
# same worker, the same upstream and header buffers.  Rounds alternate, and
# only ratios of neighbours are kept; absolute figures of a shared machine say
# little.  CPU per request is the worker's run time by the kernel's account,
# "user" that part of it that is no system call: waking a process that sleeps
# on the other core is the sender's time, dear on a virtual machine, and is
# hardly needed when that core is busy, as it is under plain proxy_pass.
#
#     perl -It/lib t/bench/proxy.pl [ROUNDS [SECONDS]]
#
# The worker has core 0 for itself; upstream and wrk share core 1.

use warnings;
use strict;

use JSON::PP;
use POSIX qw/sysconf _SC_CLK_TCK/;
use Test::More;
use Time::HiRes qw/sleep/;

use Deskgate;
use Deskgate::SigV4;

my $rounds = shift @ARGV || 7;
my $seconds = shift @ARGV || 2;
my $connections = 32;
my %key = (access_key => 'AKIABENCHMARKCALLER1',
    secret_key => 'secretOfTheBenchmark0123456789abcdefghij');

$ENV{DESKGATE_LOG_LEVEL} ||= "notice";

my $t = Deskgate->new();

Test::More->builder->no_ending(1);

for my $program (qw/wrk taskset/) {
    next if system("which $program >/dev/null 2>&1") == 0;

    print "proxy: $program is not installed, nothing measured\n";
    exit 0;
}

$t->{modules} = ['ngx_http_deskgate_module.so'];
files();
$t->run();
upstream();

my ($worker) = $t->workers;

system("taskset -pc 0 $worker >/dev/null") == 0 or die "taskset: $?";

printf "%-44s %9s %9s %9s %8s %8s\n", 'against plain proxy_pass', 'req/s',
    'CPU us', 'user us', 'rate', 'CPU';

foreach my $size (300, 2000) {
    my %targets = (
        plain   => script('plain', $size, 8080),
        again   => script('again', $size, 8080),
        off     => script('off', $size, 8083),
        signed  => script('signed', $size, 8084),
        bearer  => script('bearer', $size, 8085),
    );

    compare($size, \%targets);
}

$t->stop;
exit 0;


sub files {
    my $account = '111122223333';

    $t->write_file('keys.json', JSON::PP::encode_json({ version => 1,
        keys => [{
            access_key_id     => $key{access_key},
            secret_access_key => $key{secret_key},
            principal         => "arn:aws:iam::${account}:user/bench" }] }));
    $t->write_file('egress.json', JSON::PP::encode_json({
        access_key_id     => 'AKIABENCHMARKGATEWAY',
        secret_access_key => 'secretOfTheGateway0123456789abcdefghijkl' }));
    $t->write_file('policy.json', JSON::PP::encode_json({
        Version   => '2012-10-17',
        Statement => [{ Effect => 'Allow', Principal => '*', Action => 'workspaces:*',
            Resource => '*' }] }));
    mkdir $t->testdir . '/trail', 0700;

    my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'rs256', 'b1',
        $t->testdir . '/issuer.pem', $t->testdir . '/jwks.json');

    die $out if $status != 0;

    $t->write_file_expand('upstream.conf', <<'EOF_CONF');

daemon off;
worker_processes 1;
worker_cpu_affinity 10;
pid %%TESTDIR%%/upstream.pid;
error_log %%TESTDIR%%/upstream.log;

events {
    worker_connections 4096;
}

http {
    access_log off;
    client_body_temp_path %%TESTDIR%%/up_body;
    proxy_temp_path %%TESTDIR%%/up_proxy;
    fastcgi_temp_path %%TESTDIR%%/up_fastcgi;
    uwsgi_temp_path %%TESTDIR%%/up_uwsgi;
    scgi_temp_path %%TESTDIR%%/up_scgi;
    keepalive_requests 1000000000;

    server {
        listen 127.0.0.1:8081;

        location / {
            default_type application/x-amz-json-1.1;
            return 200 '{"Workspaces":[%%FILL%%]}';
        }
    }
}

EOF_CONF

    my $fill = '{"WorkspaceId":"ws-0123456789"},' x 18;
    my $text = $t->read_file('upstream.conf');

    chop $fill;
    $text =~ s/%%FILL%%/$fill/;
    $t->write_file('upstream.conf', $text);
    $t->write_file_expand('nginx.conf', gateway());
}


sub gateway {
    my $proxy = <<'EOF_CONF';
            proxy_pass          http://up;
            proxy_http_version  1.1;
            proxy_set_header    Connection "";
EOF_CONF

    my $server = sub {
        my ($port, $directives) = @_;

        return "    server {\n        listen 127.0.0.1:$port;\n"
            . "        location / {\n$directives$proxy        }\n    }\n";
    };

    my $everything = <<'EOF_CONF';
            deskgate               workspaces region=us-east-1;
            deskgate_hosts         workspaces.us-east-1.amazonaws.com;
            deskgate_authenticate  sigv4=callers bearer=corp;
            deskgate_policy        %%TESTDIR%%/policy.json;
            deskgate_throttle      rate=1000000r/s burst=1000000 key=caller,operation;
            deskgate_sign          egress;
            deskgate_audit         corp;
            proxy_set_header       Host $deskgate_host;
EOF_CONF

    return <<'EOF_CONF' . $server->(8080, '')

%%TEST_GLOBALS%%
worker_processes 1;

events {
    worker_connections 4096;
}

http {
    %%TEST_GLOBALS_HTTP%%
    access_log                   off;
    keepalive_requests           1000000000;
    client_header_buffer_size    4k;
    large_client_header_buffers  4 72k;

    deskgate_zone    desk:32m;
    deskgate_models  %%ROOT%%/src/models;
    deskgate_keys    callers %%TESTDIR%%/keys.json;

    deskgate_issuer  corp {
        issuer      https://issuer.example;
        audience    deskgate;
        jwks        %%TESTDIR%%/jwks.json;
        algorithms  RS256;
        account     111122223333;
    }

    deskgate_credentials  egress {
        static file=%%TESTDIR%%/egress.json;
    }

    deskgate_trail  corp {
        directory   %%TESTDIR%%/trail;
        account     111122223333;
    }

    upstream up {
        server     127.0.0.1:8081;
        keepalive  64;
    }

EOF_CONF
        . $server->(8083, "            deskgate off;\n")
        . $server->(8084, $everything) . $server->(8085, $everything) . "}\n";
}


sub upstream {
    $t->run_daemon($t->binary, '-p', $t->testdir . '/', '-c',
        $t->testdir . '/upstream.conf', '-e', $t->testdir . '/upstream.log');
    $t->waitforsocket(port(8081)) or die 'no upstream';
}


# wrk's script for a target; returns the command's tail
sub script {
    my ($name, $size, $number) = @_;

    my $body = body($size);
    my @headers = (
        ['Host', 'workspaces.us-east-1.amazonaws.com'],
        ['Content-Type', 'application/x-amz-json-1.1'],
        ['X-Amz-Target', 'WorkspacesService.DescribeWorkspaces'],
    );

    if ($name eq 'bearer') {
        push @headers, ['Authorization', 'Bearer ' . token()];

    } else {
        # the plain ones get the same bytes
        @headers = @{Deskgate::SigV4::sign(%key, method => 'POST',
            target => '/', headers => \@headers, body => $body,
            region => 'us-east-1', service => 'workspaces')};
    }

    my $lua = "wrk.method = 'POST'\nwrk.body = [==[$body]==]\n"
        . join '', map { "wrk.headers['$_->[0]'] = [==[$_->[1]]==]\n" }
          @headers;

    $lua .= <<'EOF_LUA';
done = function(summary, latency, requests)
    io.write(string.format("DONE %d %d %d %d %d\n", summary.requests,
        summary.duration, summary.errors.status,
        latency:percentile(50), latency:percentile(99)))
end
EOF_LUA

    my $file = $t->write_file("$name-$size.lua", $lua);

    return "-s $file http://127.0.0.1:" . port($number) . '/';
}


# a call of about that many bytes that the model accepts
sub body {
    my ($size) = @_;

    my @ids;

    while (20 + 16 * @ids < $size && @ids < 25) {
        push @ids, sprintf 'ws-%09d', scalar @ids;
    }

    my $body = JSON::PP::encode_json({ WorkspaceIds => \@ids });
    my $left = $size - length $body;

    # blanks are part of what is hashed and read, too
    $body =~ s/\}$/' ' x ($left > 0 ? $left : 0) . '}'/e;

    return $body;
}


sub token {
    my ($status, $out) = $t->tool('deskgate-token', 'sign', '--lifetime=3600',
        'rs256', 'b1', $t->testdir . '/issuer.pem', JSON::PP::encode_json({
            iss => 'https://issuer.example', aud => 'deskgate',
            sub => 'bench' }));

    die $out if $status != 0;
    chomp $out;

    return $out;
}


sub compare {
    my ($size, $targets) = @_;

    my @names = sort keys %$targets;
    my %seen;

    measure($targets->{$_}) foreach @names;   # warm up

    foreach my $round (1 .. $rounds) {
        my @order = $round % 2 ? @names : reverse @names;
        my %now = map { $_ => measure($targets->{$_}) } @order;

        foreach my $name (@names) {
            push @{$seen{$name}{rate}}, $now{$name}{rate};
            push @{$seen{$name}{cpu}}, $now{$name}{cpu};
            push @{$seen{$name}{user}}, $now{$name}{user};
            push @{$seen{$name}{busy}}, $now{$name}{busy};
            push @{$seen{$name}{rate_ratio}},
                $now{$name}{rate} / $now{plain}{rate};
            push @{$seen{$name}{cpu_ratio}},
                $now{$name}{cpu} / $now{plain}{cpu};
        }
    }

    foreach my $name (qw/plain again off signed bearer/) {
        printf '%-44s %9.0f %9.2f %9.2f %8.3f %8.3f'
            . "  (worker %2.0f %% busy)\n",
            title($name, $size), map { median(@{$seen{$name}{$_}}) }
            qw/rate cpu user rate_ratio cpu_ratio busy/;
    }
}


sub title {
    my ($name, $size) = @_;

    my %titles = (
        plain  => 'plain proxy_pass',
        again  => 'the same again (control)',
        off    => 'module loaded, off',
        signed => 'everything on, SigV4 verified',
        bearer => 'everything on, bearer token (cached)',
    );

    return "$titles{$name}, $size B";
}


sub measure {
    my ($tail) = @_;

    my $before = run_time();
    my $user = user_time();
    my $out = `taskset -c 1 wrk -t1 -c$connections -d${seconds}s $tail 2>&1`;
    my $used = run_time() - $before;

    $user = user_time() - $user;

    my ($requests, $us, $errors) = $out =~ /^DONE (\d+) (\d+) (\d+)/m
        or die "wrk: $out";

    die "$errors of $requests answers were errors ($tail)\n" . $t->log
        if $errors;

    return {
        rate => $requests / $us * 1e6,
        cpu  => $used / 1000 / $requests,
        user => $user / $requests,
        busy => $used / 1000 / $us * 100,
    };
}


# nanoseconds that the worker has run
sub run_time {
    my ($ns) = split ' ', $t->read_file("/proc/$worker/schedstat");

    return $ns;
}


# microseconds of them outside of the kernel
sub user_time {
    my ($rest) = $t->read_file("/proc/$worker/stat") =~ /.*\) (.*)/s;

    return (split ' ', $rest)[11] * 1e6 / sysconf(_SC_CLK_TCK);
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[$#sorted / 2];
}

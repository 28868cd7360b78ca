package Parts;

# What the run needs from the registries, and the processes that it starts.
#
#   install("$work", %options)     the reasons of what could not be had
#   start($name, $log, %env, command...)   a process group; stop($name)
#
# A part that a registry does not give has a reason; what needs it says so.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use Exporter 'import';
use File::Path qw/make_path remove_tree/;
use IO::Socket::INET;
use POSIX qw/:sys_wait_h setsid/;
use Time::HiRes qw/sleep time/;

our @EXPORT = qw/install start stop stop_all alive free_port text_of spew
    wait_for shell in_parallel/;

our $KEYCLOAK = '26.0.8';

my %pids;


sub text_of {
    my ($file) = @_;

    open my $in, '<:raw', $file or return '';

    local $/;

    return scalar <$in>;
}


sub spew {
    my ($file, $text, $mode) = @_;

    open my $out, '>:raw', "$file.new" or die "$file: $!\n";
    chmod $mode || 0600, "$file.new";
    print $out $text;
    close $out or die "$file: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
}


sub shell {
    my ($log, $command) = @_;

    return system("( $command ) > '$log' 2>&1 < /dev/null") == 0;
}


sub free_port {
    my $socket = IO::Socket::INET->new(Proto => 'tcp', Listen => 1,
        LocalAddr => '127.0.0.1', LocalPort => 0) or die "no port: $!\n";

    return $socket->sockport;
}


sub wait_for {
    my ($seconds, $done) = @_;

    my $end = time + $seconds;

    while (time < $end) {
        return 1 if $done->();

        sleep 0.2;
    }

    return 0;
}


# Jobs beside each other; what each of them printed
sub in_parallel {
    my (%jobs) = @_;

    my (%pipes, %output);

    foreach my $name (sort keys %jobs) {
        my $pid = open $pipes{$name}, '-|';

        die "fork: $!\n" if !defined $pid;

        if ($pid == 0) {
            print $jobs{$name}->();
            close STDOUT;
            POSIX::_exit(0);
        }
    }

    foreach my $name (sort keys %pipes) {
        local $/;

        my $pipe = $pipes{$name};

        $output{$name} = <$pipe>;
        close $pipe;
    }

    return %output;
}


# Installing

sub install {
    my ($here, $work, %with) = @_;

    my $to = "$work/identity";

    make_path($to, "$work/m2");

    my %makes = (
        keycloak => { of => [$KEYCLOAK], command => "rm -rf '$to'/keycloak-*"
            . ' && mvn -q -B -ntp org.apache.maven.plugins:'
            . "maven-dependency-plugin:3.6.1:get"
            . " -Dmaven.repo.local='$work/m2' -Dtransitive=false"
            . " -Dartifact=org.keycloak:keycloak-quarkus-dist:$KEYCLOAK:zip"
            . " && cd '$to' && /usr/bin/python3 -m zipfile -e"
            . " '$work/m2/org/keycloak/keycloak-quarkus-dist/$KEYCLOAK/"
            . "keycloak-quarkus-dist-$KEYCLOAK.zip' ."
            . " && chmod +x keycloak-$KEYCLOAK/bin/*.sh" },
        moto => { of => [text_of("$here/requirements.txt")],
            command => "rm -rf '$to/venv' && /usr/bin/python3 -m venv"
            . " '$to/venv' && '$to/venv/bin/python' -m pip install --quiet"
            . " --no-input -r '$here/requirements.txt'" },
        node => { of => [map { text_of("$here/$_") }
                qw/package.json package-lock.json client.js provider.js/],
            command => "mkdir -p '$to/node' && cp '$here'/*.js"
            . " '$here'/package*.json '$to/node' && cd '$to/node'"
            . ' && npm ci --no-audit --no-fund --ignore-scripts' },
        go => { of => [map { text_of("$here/$_") } qw/main.go go.mod go.sum/],
            command => "cd '$here' && GOPATH='$work/gopath'"
            . " GOCACHE='$work/gocache' GOTOOLCHAIN=local"
            . " GOFLAGS='-modcacherw -mod=readonly'"
            . " go build -o '$to/go-client' ." },
        java => { of => [map { text_of("$here/$_") } qw/pom.xml Client.java/],
            command => "rm -rf '$to/java' && mkdir -p '$to/java/classes'"
            . " && cd '$here' && mvn -q -B -ntp"
            . " -Dmaven.repo.local='$work/m2' -f pom.xml"
            . ' dependency:copy-dependencies -DincludeScope=runtime'
            . " -DoutputDirectory='$to/java/lib' && javac"
            . " -cp '$to/java/lib/*' -d '$to/java/classes' Client.java" },
    );

    # Maven's folder has no lock: its users one after the other
    my @after = (['keycloak', 'java'], ['moto', 'node'], ['go']);

    my %output = in_parallel(map { my $names = $_; "@$names" => sub {
        join '', map { made($_, $to, %{$makes{$_}}) }
            grep { !%with || $with{$_} } @$names } } @after);

    return map { split / /, $_, 2 } map { split /\n/ } values %output;
}


# A line when it could not be made
sub made {
    my ($name, $to, %make) = @_;

    my $sum = sha256_hex(join "\n", @{$make{of}});
    my $began = time;

    return '' if text_of("$to/$name.built") eq $sum;

    unlink "$to/$name.built";

    if (!shell("$to/$name.log", $make{command})) {
        my ($line) = reverse grep { /\S/ } split /\n/, text_of("$to/$name.log");

        return "$name the registry gave nothing, or it does not build: "
            . ($line || '') . "\n";
    }

    spew("$to/$name.built", $sum);
    printf STDERR "# %s installed in %d seconds\n", $name, time - $began;

    return '';
}


# Processes

sub start {
    my ($name, $log, $env, @command) = @_;

    my $pid = fork();

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        setsid();
        %ENV = (%ENV, %$env);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $log or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }

    $pids{$name} = $pid;
}


sub alive {
    my ($name) = @_;

    return $pids{$name} && waitpid($pids{$name}, WNOHANG) == 0;
}


# The whole group, and it is gone when this returns
sub stop {
    my ($name) = @_;

    my $pid = delete $pids{$name} or return;

    kill 'TERM', $pid;
    kill 'TERM', -$pid if $name ne 'gateway';

    for (1 .. 100) {
        last if waitpid($pid, WNOHANG) != 0;

        sleep 0.1;
    }

    kill 'KILL', -$pid;
    waitpid $pid, 0;
}


sub stop_all { stop($_) foreach keys %pids }

1;

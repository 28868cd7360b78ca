package Gateways;

# The gateways that SDKs call, each with a sandbox behind it: the example of
# "make run" with three servers more, and the same with other clocks.
#
#   my %urls = Gateways::start("$work/gateways");
#
#   NOW, BEHIND60, AHEAD10, AHEAD60   by the gateway's clock
#   NARROW   the right clock, knows the broker only
#   CLOSED   one call a minute;  SLOW, SLOWER  one each 0.1 and 2 seconds
#
# records() are those that were written since the last time it was asked.

use warnings;
use strict;

use File::Path qw/make_path remove_tree/;
use JSON::PP;
use POSIX qw/:sys_wait_h/;
use Time::HiRes qw/sleep time/;

my $START_SECONDS = 30;
my %CLOCKS = (NOW => 0, AHEAD10 => 600, AHEAD60 => 3600, BEHIND60 => -3600);

my (%runs, %pids, %read, $root);


sub start {
    my ($checkout, $folder) = @_;

    my %urls;

    $root = $checkout;
    remove_tree($folder);
    make_path("$folder/example");
    example("$folder/example");

    foreach my $name ('NOW', grep { $_ ne 'NOW' } sort keys %CLOCKS) {
        my $run = $runs{$name} = "$folder/" . lc $name;

        # one caller for all of them
        make_path($run);
        spew("$run/secrets.json", text_of("$runs{NOW}/secrets.json"))
            if $name ne 'NOW';

        run($name, $run, "$folder/example");

        # in the order of the example
        my ($main, $narrow, $closed, $slow, $slower, $sandbox) =
            grep { !/ssl/ } text_of("$run/etc/nginx.conf")
            =~ /^\s*listen\s+([^;]+);/mg;

        $urls{$name} = "http://$main";

        next if $name ne 'NOW';

        %urls = (%urls, NARROW => "http://$narrow",
            CLOSED => "http://$closed", SLOW => "http://$slow",
            SLOWER => "http://$slower", SANDBOX => "http://$sandbox");
    }

    return %urls;
}


# conf.example/sandbox with what the cases need beside
sub example {
    my ($to) = @_;

    my $from = "$root/conf.example/sandbox";
    my $text = text_of("$from/nginx.conf");
    my ($server) = $text =~ /^(    server \{\n.*?^    \}\n)/ms
        or die "no server in $from/nginx.conf\n";

    $server =~ s/^ *listen [^;]*ssl[^;]*;\n//m;
    $server =~ s/^ *ssl_[^;]*;\n//mg;

    my $narrow = $server =~ s/:8480/:8490/r
        =~ s/^ *deskgate +(?!dcv|\s)[^;]*;\n//mgr;
    my $closed = $server =~ s/:8480/:8491/r
        =~ s{rate=\S+ burst=\S+ key=[^;]+}
            {rate=1r/m burst=1 key=caller,service}r;
    my $slow = $closed =~ s/:8491/:8492/r =~ s{rate=1r/m}{rate=10r/s}r;
    my $slower = $closed =~ s/:8491/:8493/r =~ s{rate=1r/m}{rate=30r/m}r;

    my $more = join "\n", $narrow, $closed, $slow, $slower;

    $text =~ s/^(    server \{\n.*?^    \}\n)/$1\n$more/ms;
    spew("$to/nginx.conf", "env FAKETIME;\n$text");
    spew("$to/proxy.conf", text_of("$from/proxy.conf"));

    my $policy = JSON::PP::decode_json(text_of("$from/policy.json"));

    push @{$policy->{Statement}}, {
        Sid       => 'NobodyDeletes',
        Effect    => 'Deny',
        Principal => '*',
        Resource  => '*',
        Action    => ['workspaces-instances:DeleteWorkspaceInstance',
            'ssm-guiconnect:DeleteConnectionRecordingPreferences'],
    };

    spew("$to/policy.json", JSON::PP->new->pretty->encode($policy));
}


sub run {
    my ($name, $run, $example) = @_;

    my $pid = fork();

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        $ENV{DESKGATE_EXAMPLE} = $example;
        $ENV{SDK_CLOCK} = sprintf '%+d', $CLOCKS{$name};
        $ENV{DESKGATE_BINARY} = "$root/t/interop/sdk/nginx-clock"
            if $CLOCKS{$name} != 0;
        exec $^X, "$root/src/tools/deskgate-run", '--quiet', $run
            or POSIX::_exit(127);
    }

    $pids{$name} = $pid;

    my $until = time + $START_SECONDS;

    while (!-s "$run/ready") {
        if (waitpid($pid, WNOHANG) == $pid || time > $until) {
            die "the gateway $name does not start\n";
        }

        sleep 0.05;
    }
}


sub stop {
    kill 'TERM', $_ foreach values %pids;

    waitpid $_, 0 foreach values %pids;
    %pids = ();
}


# Keys of the gateways' caller and of the gateways at the sandbox
sub secrets {
    return JSON::PP::decode_json(text_of("$runs{NOW}/secrets.json"));
}


sub records {
    my @records;

    foreach my $file (map { glob "$_/trail/*" } values %runs) {
        my @lines = grep { /\}$/ } split /\n/, text_of($file);
        my $known = $read{$file} || 0;

        push @records, map { JSON::PP::decode_json($_) }
            @lines[$known .. $#lines];
        $read{$file} = @lines;
    }

    return @records;
}


sub text_of {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;

    my $text = <$in>;

    return defined $text ? $text : '';
}


sub spew {
    my ($file, $text) = @_;

    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}


1;

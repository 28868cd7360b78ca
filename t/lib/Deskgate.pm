package Deskgate;

# The harness of the live tests, in core perl.  A test writes a configuration
# with write_file_expand(), starts backends with run_daemon() or
# Deskgate::Upstream, calls run(), asks, and ends with finish(), which stops
# everything and asserts that the logs are clean.
#
# In configurations %%TEST_GLOBALS%%, %%TEST_GLOBALS_HTTP%%, %%TESTDIR%%,
# %%ROOT%% (the checkout) and %%PORT_80xx%% are replaced, and ports 8000 to
# 8199 of 127.0.0.1, [::1] and localhost become free ones.
#
# Environment: DESKGATE_BINARY (nginx), DESKGATE_MODULES (folder of the .so
# files), DESKGATE_ASAN, DESKGATE_GLOBALS, DESKGATE_GLOBALS_HTTP,
# DESKGATE_CATLOG (print the error log), DESKGATE_LEAVE (keep the folder).

use warnings;
use strict;

use Cwd qw/abs_path/;
use Errno qw/EINTR/;
use Exporter 'import';
use File::Basename qw/dirname/;
use File::Find;
use File::Path qw/remove_tree/;
use File::Temp qw/tempdir/;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw/:sys_wait_h/;
use Test::More;
use Time::HiRes qw/sleep time/;

use Deskgate::Connection;

our @EXPORT = qw/port header http http_get http_request json_of/;

my $WAIT = $ENV{DESKGATE_ASAN} ? 30 : 10;   # seconds, for what must happen
my $SECRET_MIN = 8;                         # shorter ones match by accident
my $root = abs_path(dirname(__FILE__) . '/../..');

my (%ports, %reserved);


sub new {
    my ($class) = @_;

    my $self = bless {
        pid      => $$,
        root     => $root,
        dir      => tempdir('deskgate-test-XXXXXXXX', TMPDIR => 1),
        daemons  => [],
        secrets  => [],
        allowed  => [],
        written  => {},
        modules  => ['ngx_http_deskgate_module.so',
                     'ngx_http_deskgate_sandbox_module.so'],
    }, $class;

    chmod 0700, $self->{dir};

    $SIG{PIPE} = 'IGNORE';
    delete @ENV{grep { /^AWS_|_proxy$/i } keys %ENV};
    $ENV{HOME} = $self->{dir};
    $ENV{AWS_EC2_METADATA_DISABLED} = 'true';
    $ENV{AWS_PAGER} = '';

    return $self;
}


sub testdir { return $_[0]{dir} }
sub root { return $root }

sub binary { return $ENV{DESKGATE_BINARY} || '/usr/sbin/nginx' }

sub module_dir {
    return $ENV{DESKGATE_MODULES} if $ENV{DESKGATE_MODULES};
    return $ENV{DESKGATE_ASAN} ? "$root/build/asan" : "$root/build";
}


# A text that must appear in no log, record or other file that was not written
# by the test itself.  "except" names files (patterns) where it may stand.
sub secret {
    my ($self, $text, %opt) = @_;

    die "too short for a secret: $text" if length $text < $SECRET_MIN;

    push @{$self->{secrets}}, [$text, $opt{except} || []];

    return $text;
}


# A pattern of error log lines that teardown lets pass
sub allow {
    my ($self, @patterns) = @_;

    push @{$self->{allowed}}, @patterns;

    return $self;
}


# Skips the whole file unless each program is there
sub need {
    my ($self, @programs) = @_;

    foreach my $name (@programs) {
        next if grep { -x "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin';

        plan(skip_all => "$name is not installed");
    }

    return $self;
}


# ports

# The free port that stands for `number` in this test.  A UDP socket on the
# same number keeps other tests off it; nginx listens on TCP.
sub port {
    my ($number) = @_;

    return $ports{$number} if $ports{$number};

    for (1 .. 500) {
        my $try = 10000 + int rand 20000;

        my $lock = IO::Socket::INET->new(Proto => 'udp',
            LocalAddr => '127.0.0.1', LocalPort => $try) or next;

        my $probe = IO::Socket::INET->new(Proto => 'tcp', Listen => 1,
            LocalAddr => '127.0.0.1', LocalPort => $try,
            ReuseAddr => 1) or next;

        close $probe;
        $reserved{$try} = $lock;

        return $ports{$number} = $try;
    }

    die "no free port";
}


sub waitforsocket {
    my ($self, $port) = @_;

    my $until = time + $WAIT;

    while (time < $until) {
        my $s = IO::Socket::INET->new(Proto => 'tcp',
            PeerAddr => '127.0.0.1', PeerPort => $port);

        return 1 if $s;

        sleep 0.02;
    }

    return 0;
}


# files

sub write_file {
    my ($self, $name, $content, $mode) = @_;

    my $path = "$self->{dir}/$name";

    open my $out, '>', $path or die "$path: $!";
    binmode $out;
    print $out $content;
    close $out or die "$path: $!";
    chmod defined $mode ? $mode : 0600, $path;

    $self->{written}{$name} = 1;

    return $path;
}


sub write_file_expand {
    my ($self, $name, $content) = @_;

    return $self->write_file($name, $self->expand($content));
}


sub expand {
    my ($self, $text) = @_;

    my $globals_http = $self->globals_http;
    my $globals = $self->globals;

    $text =~ s/%%TEST_GLOBALS%%/$globals/g;
    $text =~ s/%%TEST_GLOBALS_HTTP%%/$globals_http/g;
    $text =~ s/%%TESTDIR%%/$self->{dir}/g;
    $text =~ s/%%ROOT%%/$root/g;
    $text =~ s/%%PORT_(\d+)%%/port($1)/ge;
    $text =~ s/(127\.0\.0\.1|localhost|\[::1\]):(8[01]\d\d)\b/"$1:" . port($2)/ge;

    return $text;
}


sub globals {
    my ($self) = @_;

    my $modules = $self->module_dir;
    my $level = $ENV{DESKGATE_LOG_LEVEL} || 'info';
    my $text = join '', map { "load_module \"$modules/$_\";\n" }
        @{$self->{modules}};

    $text .= "pid $self->{dir}/nginx.pid;\n"
        . "error_log $self->{dir}/error.log $level;\n"
        . "daemon off;\n";

    # the folder is open to nobody else, so the workers must be us
    $text .= "user root;\n" if $> == 0;
    $text .= "env LD_PRELOAD;\nenv ASAN_OPTIONS;\nenv UBSAN_OPTIONS;\n"
        if $ENV{DESKGATE_ASAN};

    return $text . ($ENV{DESKGATE_GLOBALS} || '');
}


sub globals_http {
    my ($self) = @_;

    my $text = join '', map {
        "    ${_}_temp_path $self->{dir}/$_" . "_temp;\n"
    } qw/client_body proxy fastcgi uwsgi scgi/;

    return $text . "    access_log $self->{dir}/access.log;\n"
        . ($ENV{DESKGATE_GLOBALS_HTTP} || '');
}


sub read_file {
    my ($self, $name) = @_;

    my $path = $name =~ m{^/} ? $name : "$self->{dir}/$name";

    open my $in, '<', $path or return '';
    binmode $in;
    local $/;

    my $text = <$in>;

    return defined $text ? $text : '';
}


sub log { return $_[0]->read_file('error.log') }


# Waits until the error log (or `file`) matches; true when it did.
sub wait_log {
    my ($self, $pattern, %opt) = @_;

    my $until = time + ($opt{seconds} || $WAIT);

    do {
        return 1 if $self->read_file($opt{file} || 'error.log') =~ $pattern;
        sleep 0.03;
    } while (time < $until);

    return 0;
}


# Calls the code until it answers true.
sub wait_for {
    my ($self, $code, $seconds) = @_;

    my $until = time + ($seconds || $WAIT);

    do {
        my $result = $code->();

        return $result if $result;

        sleep 0.03;
    } while (time < $until);

    return undef;
}


# nginx

sub environment {
    my ($self) = @_;

    return () if !$ENV{DESKGATE_ASAN};

    my @libraries = map { chomp(my $path = `gcc -print-file-name=$_`); $path }
        'libasan.so', 'libubsan.so';

    return (
        LD_PRELOAD    => join(' ', @libraries),
        ASAN_OPTIONS  => 'detect_leaks=0:abort_on_error=1',
        UBSAN_OPTIONS => 'print_stacktrace=1:halt_on_error=1',
    );
}


sub command {
    my ($self, $conf) = @_;

    return ($self->binary, '-p', "$self->{dir}/", '-c', "$self->{dir}/$conf",
        '-e', "$self->{dir}/error.log");
}


# Starts nginx in the foreground of a child; fails the test when it does not
# come up.  prefix => [...] stands before the command (faketime, say).
sub run {
    my ($self, %opt) = @_;

    my @command = (@{$opt{prefix} || []}, $self->command('nginx.conf'));
    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        $self->redirect('stderr.log');

        my %env = $self->environment;

        @ENV{keys %env} = values %env;

        exec @command or POSIX::_exit(127);
    }

    $self->{nginx} = $pid;

    my $up = $self->wait_for(sub {
        return 'gone' if waitpid($pid, WNOHANG) == $pid;
        return -s "$self->{dir}/nginx.pid"
            && $self->log =~ /start worker process \d+/ ? 'up' : undef;
    });

    if (($up || '') ne 'up') {
        delete $self->{nginx} if ($up || '') eq 'gone';
        diag($self->log, $self->read_file('stderr.log'));
        die "nginx did not start\n";
    }

    return $self;
}


sub redirect {
    my ($self, $name) = @_;

    open STDOUT, '>>', "$self->{dir}/$name" or POSIX::_exit(126);
    open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
}


# nginx -t over the configuration named: (true when it passes, what it says)
sub check {
    my ($self, $conf) = @_;

    my %env = $self->environment;
    my @command = ($self->binary, '-t', '-p', "$self->{dir}/", '-c',
        "$self->{dir}/" . ($conf || 'nginx.conf'), '-e', 'stderr');

    my $pid = open my $out, '-|';

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        @ENV{keys %env} = values %env;
        exec @command or POSIX::_exit(127);
    }

    local $/;

    my $text = <$out>;

    close $out;

    return ($? == 0, defined $text ? $text : '');
}


# check() of a configuration given as text
sub check_config {
    my ($self, $text) = @_;

    $self->write_file_expand('check.conf', $text);

    return $self->check('check.conf');
}


sub workers {
    my ($self) = @_;

    my $master = $self->read_file('nginx.pid') =~ /(\d+)/ ? $1 : return;
    my @pids = split ' ', $self->read_file(
        "/proc/$master/task/$master/children");

    return @pids;
}


sub signal {
    my ($self, $name) = @_;

    my $pid = $self->read_file('nginx.pid') =~ /(\d+)/ ? $1 : return 0;

    return kill $name, $pid;
}


# HUP; true when new workers serve, false when the configuration was refused
sub reload {
    my ($self) = @_;

    my $before = () = $self->log =~ /reconfiguring/g;
    my $started = () = $self->log =~ /start worker process /g;

    $self->signal('HUP');

    my $how = $self->wait_for(sub {
        my @parts = split /reconfiguring/, $self->log;

        return undef if @parts <= $before + 1;
        return 'refused' if $parts[-1] =~ /\[emerg\]/;

        my $now = () = $self->log =~ /start worker process /g;

        return $now > $started ? 'done' : undef;
    });

    return ($how || '') eq 'done';
}


sub quit_nginx {
    my ($self, $signal) = @_;

    my $pid = delete $self->{nginx} or return;

    kill $signal || 'QUIT', $pid;

    my $gone = $self->wait_for(sub { waitpid($pid, WNOHANG) == $pid });

    if (!$gone) {
        fail("nginx ended by itself on " . ($signal || 'QUIT'));
        kill 'TERM', $pid;
        $self->wait_for(sub { waitpid($pid, WNOHANG) == $pid })
            or kill('KILL', $pid);
    }

    return $gone;
}


# Runs code in a child that stop() ends; returns its pid.
sub run_daemon {
    my ($self, $code, @args) = @_;

    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        $SIG{TERM} = 'DEFAULT';
        $self->redirect('daemons.log');

        if (ref $code) {
            $code->(@args);
            POSIX::_exit(0);
        }

        exec $code, @args or POSIX::_exit(127);
    }

    push @{$self->{daemons}}, $pid;

    return $pid;
}


sub stop_daemons {
    my ($self) = @_;

    foreach my $pid (splice @{$self->{daemons}}) {
        kill 'TERM', $pid;

        $self->wait_for(sub { waitpid($pid, WNOHANG) != 0 }, 5)
            or do { kill 'KILL', $pid; waitpid $pid, 0 };
    }
}


sub stop {
    my ($self, $signal) = @_;

    # requests that still hang would keep a quitting worker
    $self->quit_nginx($signal || 'TERM');
    $self->stop_daemons;

    return $self;
}


# records

# All records under a trail's folder, oldest first within a file; with `part`
# those of lines that hold it, which saves decoding the others
sub records {
    my ($self, $folder, $part) = @_;

    $folder = 'trail' if !defined $folder;

    my @records;

    foreach my $file ($self->files($folder)) {
        foreach my $line (split /\n/, $self->read_file($file)) {
            next if defined $part && index($line, $part) < 0;

            my $record = eval { JSON::PP->new->utf8->decode($line) };

            if (!defined $record) {
                fail("a line of $file is a record: $line");
                next;
            }

            push @records, $record;
        }
    }

    return @records;
}


# Waits until there are `count` records; returns them all
sub wait_records {
    my ($self, $count, $folder) = @_;

    $self->wait_for(sub { $self->record_lines($folder) >= $count });

    return $self->records($folder);
}


sub record_lines {
    my ($self, $folder) = @_;

    my $count = 0;

    $count += () = $self->read_file($_) =~ /\n/g
        foreach $self->files(defined $folder ? $folder : 'trail');

    return $count;
}


sub files {
    my ($self, $folder) = @_;

    my $path = $folder =~ m{^/} ? $folder : "$self->{dir}/$folder";
    my @files;

    return if !-d $path;

    find({ no_chdir => 1, wanted => sub { push @files, $_ if -f $_ } }, $path);

    return sort @files;
}


# clients

sub connect {
    my ($self, $number, %opt) = @_;

    return Deskgate::Connection->new(%opt, port => port($number || 8080));
}


# Sends the bytes given on a new connection and returns the text that comes
# back until the server closes it.
sub http {
    my ($bytes, %opt) = @_;

    my $c = Deskgate::Connection->new(%opt, port => port($opt{port} || 8080));

    $c->send($bytes);

    return $c->rest;
}


# One request on a connection of its own; the answer is a hash with status,
# reason, headers ([[name, value]]) and body.
#
#   method target headers body chunked ([pieces]) version port
sub http_request {
    my (%q) = @_;

    my $c = Deskgate::Connection->new(%q, port => port($q{port} || 8080));

    return $c->request(%q, headers => [@{$q{headers} || []},
        ['Connection', 'close']]);
}


sub http_get {
    my ($target, %opt) = @_;

    return http_request(method => 'GET', target => $target, %opt);
}


# The first value of a header of an answer; undef without it
sub header {
    my ($answer, $name) = @_;

    my @values = map { $_->[1] }
        grep { lc $_->[0] eq lc $name } @{$answer->{headers}};

    return wantarray ? @values : $values[0];
}


sub json_of {
    my ($answer) = @_;

    return eval { JSON::PP->new->utf8->decode($answer->{body}) };
}


# curl with the arguments given; a hash as http_request(), and exit, stderr
sub curl {
    my ($self, @args) = @_;

    my $n = ++$self->{curls};
    my $base = "$self->{dir}/curl-$n";
    my $pid = fork();

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$base.err";
        exec 'curl', '-q', '-sS', '--noproxy', '*', '--max-time', $WAIT * 3,
            '-D', "$base.head", '-o', "$base.body", @args
            or POSIX::_exit(127);
    }

    waitpid $pid, 0;

    my $exit = $? >> 8;
    my $answer = Deskgate::Connection::parse_head(
        $self->read_file("curl-$n.head")) || { status => 0, headers => [] };

    $answer->{exit} = $exit;
    $answer->{body} = $self->read_file("curl-$n.body");
    $answer->{stderr} = $self->read_file("curl-$n.err");

    unlink map { "$base.$_" } qw/head body err/;

    return $answer;
}


# The programs of build/, as (status, output)
sub tool {
    my ($self, $name, @args) = @_;

    my $pid = open my $out, '-|';

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec "$root/build/$name", @args or POSIX::_exit(127);
    }

    local $/;

    my $text = <$out>;

    close $out;

    return ($? >> 8, defined $text ? $text : '');
}


# teardown

sub finish {
    my ($self) = @_;

    $self->stop;
    $self->assert_clean;
    $self->{finished} = 1;

    done_testing();
}


sub assert_clean {
    my ($self) = @_;

    my $text = $self->log . $self->read_file('stderr.log');
    my @lines = split /\n/, $text;

    foreach my $allowed (@{$self->{allowed}}) {
        @lines = grep { !/$allowed/ } @lines;
    }

    my %wrong = (
        'no alert or emergency'  => qr/\[(alert|emerg)\]/,
        'no critical of ours'    => qr/\[crit\].*deskgate/,
        'no crash'               => qr/exited on signal|core dumped/,
        'no sanitizer report'    =>
            qr/(Address|Leak|UndefinedBehavior)Sanitizer|runtime error:/,
    );

    foreach my $name (sort keys %wrong) {
        my @bad = grep { /$wrong{$name}/ } @lines;

        is(join("\n", @bad), '', $name);
    }

    my @leaks = $self->leaks;

    is(join(', ', @leaks), '', 'no secret in ' . $self->scanned . ' files');
}


# Every file that the test did not write itself
sub scanned {
    my ($self) = @_;

    return scalar grep { !$self->{written}{$_} } $self->relative_files;
}


sub relative_files {
    my ($self) = @_;

    return map { substr $_, length("$self->{dir}/") } $self->files($self->{dir});
}


sub leaks {
    my ($self) = @_;

    my @leaks;

    foreach my $name ($self->relative_files) {
        next if $self->{written}{$name};

        my $text = $self->read_file($name);

        foreach my $secret (@{$self->{secrets}}) {
            my ($plain, $except) = @$secret;

            next if grep { $name =~ $_ } @$except;

            push @leaks, "$name holds " . substr($plain, 0, 4) . '...'
                if grep { index($text, $_) >= 0 } forms($plain);
        }
    }

    return @leaks;
}


# the text itself, percent-encoded, and escaped for JSON
sub forms {
    my ($text) = @_;

    my $encoded = $text;
    my $escaped = $text;

    $encoded =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
    $escaped =~ s{/}{\\/}g;

    return ($text, $encoded, $escaped);
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{pid} != $$;

    local ($@, $?);

    $self->stop;

    diag($self->log) if $ENV{DESKGATE_CATLOG};

    if ($ENV{DESKGATE_LEAVE}) {
        diag("left: $self->{dir}");
        return;
    }

    remove_tree($self->{dir});
}

1;

package Deskgate::Upstream;

# A service behind the gateway: one process, any number of connections.  It
# keeps every request as it came, byte for byte, and checks its signature with
# Deskgate::SigV4.
#
#   my $up = Deskgate::Upstream->start($t,
#       port    => 8081,
#       name    => 'aws',
#       secrets => { AKIDEXAMPLE => '...' },      # who may sign
#       region  => 'us-east-1', service => 'workspaces',
#       answer  => sub { my ($request, $count) = @_; return { ... } });
#
#   my @requests = $up->requests;      # hashes, see below
#   $up->behave(status => 503);        # from now on, instead of "answer"
#   $up->behave();                     # back to "answer"
#
# A request: n, raw, method, target, version, headers, body, connection (a
# number), and verdict, access_key, signed when there are "secrets".  With
# "lenient" it is up to the answer what becomes of a bad verdict.
#
# An answer: status, reason, headers ([[name, value]]), body, and for faults
#   delay  seconds before anything is sent
#   cut    bytes of the body after which the connection is closed
#   flood  bytes that are sent beyond the announced length
#   hang   never answers
#   drop   closes without an answer
#   close  closes after the answer
#   chunked, pieces  as chunks, with a pause between pieces
#   times  (behave only) how many requests it is for

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use Time::HiRes qw/sleep time/;

use Deskgate::SigV4;

my $JSON = JSON::PP->new->canonical;

my %REASONS = (
    200 => 'OK', 400 => 'Bad Request', 401 => 'Unauthorized',
    403 => 'Forbidden', 404 => 'Not Found', 429 => 'Too Many Requests',
    500 => 'Internal Server Error', 503 => 'Service Unavailable',
);


sub start {
    my ($class, $t, %opt) = @_;

    my $self = bless {
        t    => $t,
        port => Deskgate::port($opt{port}),
        name => $opt{name} || "upstream-$opt{port}",
        %opt{qw/secrets region service answer verbatim lenient/},
    }, $class;

    $self->{file} = $t->testdir . "/$self->{name}.requests";
    $self->{behaviour} = $t->testdir . "/$self->{name}.behaviour";

    # bound here, so that it is there when start() returns
    $self->{listen} = IO::Socket::INET->new(Proto => 'tcp', Listen => 128,
        LocalAddr => '127.0.0.1', LocalPort => $self->{port},
        ReuseAddr => 1) or die "listen on $self->{port}: $!";

    $self->{pid} = $t->run_daemon(sub { $self->serve });

    close delete $self->{listen};

    return $self;
}


# the test's side

sub requests {
    my ($self) = @_;

    return map {
        my $request = JSON::PP::decode_json($_);

        $request->{$_} = decode_base64($request->{$_}) for qw/raw body/;
        $request;
    } split /\n/, $self->{t}->read_file($self->{file});
}


sub count {
    my ($self) = @_;

    my $count = () = $self->{t}->read_file($self->{file}) =~ /\n/g;

    return $count;
}


sub wait_requests {
    my ($self, $count) = @_;

    $self->{t}->wait_for(sub { $self->count >= $count });

    return $self->requests;
}


# forgets what was received
sub clear {
    my ($self) = @_;

    truncate $self->{file}, 0 if -e $self->{file};
}


sub behave {
    my ($self, %answer) = @_;

    if (!%answer) {
        unlink $self->{behaviour};
        return;
    }

    my $new = "$self->{behaviour}.new";

    open my $out, '>', $new or die "$new: $!";
    # bytes stay bytes, UTF-8 or not
    print $out JSON::PP->new->ascii->encode({ %answer,
        id => ++$self->{behaviours} });
    close $out;
    rename $new, $self->{behaviour} or die "$new: $!";
}


# the server's side

sub serve {
    my ($self) = @_;

    $SIG{PIPE} = 'IGNORE';

    my $listen = $self->{listen};
    my $select = IO::Select->new($listen);
    my (%buffers, %numbers, %late);
    my $connections = 0;

    while (1) {
        my $pause = %late ? 0.02 : 1;

        foreach my $socket ($select->can_read($pause)) {
            if ($socket == $listen) {
                my $client = $listen->accept or next;

                $client->autoflush(1);
                binmode $client;
                $select->add($client);
                $buffers{$client} = '';
                $numbers{$client} = ++$connections;
                next;
            }

            my $n = sysread $socket, $buffers{$socket}, 65536,
                length $buffers{$socket};

            if (!$n) {
                $select->remove($socket);
                delete $late{$socket};
                delete $buffers{$socket};
                close $socket;
                next;
            }

            while (my $request = take_request(\$buffers{$socket})) {
                $request->{connection} = $numbers{$socket};

                my $answer = $self->keep($request);

                next if $answer->{hang};

                if ($answer->{delay}) {
                    $late{$socket} = [time + $answer->{delay}, $socket,
                        $request, $answer];
                    next;
                }

                if (!send_answer($socket, $request, $answer)) {
                    $select->remove($socket);
                    delete $buffers{$socket};
                    close $socket;
                    last;
                }
            }
        }

        foreach my $key (keys %late) {
            my ($when, $socket, $request, $answer) = @{$late{$key}};

            next if time < $when;

            delete $late{$key};

            if (!send_answer($socket, $request, $answer)) {
                $select->remove($socket);
                delete $buffers{$key};
                close $socket;
            }
        }
    }
}


# A whole request off the buffer's front, or nothing
sub take_request {
    my ($buffer) = @_;

    my $end = index $$buffer, "\r\n\r\n";

    return undef if $end < 0;

    my $head = substr $$buffer, 0, $end + 2;
    my ($line, @lines) = split /\r\n/, $head;
    my ($method, $target, $version) = split / /, $line, 3;
    my @headers = map { /^([^:]*):[ \t]*(.*?)[ \t]*$/s ? [$1, $2] : () } @lines;

    my $length = Deskgate::SigV4::value(\@headers, 'content-length');
    my $coding = Deskgate::SigV4::value(\@headers, 'transfer-encoding');
    my ($body, $used) = ('', $end + 4);

    if (defined $coding) {
        ($body, $used) = take_chunks($buffer, $used);

        return undef if !defined $body;

    } elsif ($length) {
        return undef if length $$buffer < $used + $length;

        $body = substr $$buffer, $used, $length;
        $used += $length;
    }

    return {
        raw     => substr($$buffer, 0, $used, ''),
        method  => $method,
        target  => $target,
        version => $version,
        headers => \@headers,
        body    => $body,
    };
}


sub take_chunks {
    my ($buffer, $at) = @_;

    my $body = '';

    while (1) {
        my $end = index $$buffer, "\r\n", $at;

        return if $end < 0;

        my $length = hex((split /;/, substr $$buffer, $at, $end - $at)[0]);

        return if length $$buffer < $end + 2 + $length + 2;

        $body .= substr $$buffer, $end + 2, $length;
        $at = $end + 2 + $length + 2;

        return ($body, $at) if $length == 0;
    }
}


# Judges and stores a request; returns what to answer.
sub keep {
    my ($self, $request) = @_;

    $request->{n} = ++$self->{received};

    if ($self->{secrets}) {
        my $verdict = Deskgate::SigV4::verify(%$request,
            %$self{qw/secrets region service verbatim/});

        $request->{verdict} = $verdict->{ok} ? 'ok' : $verdict->{error};
        $request->{access_key} = $verdict->{access_key};
        $request->{signed} = $verdict->{signed};
    }

    open my $out, '>>', $self->{file} or die "$self->{file}: $!";

    syswrite $out, $JSON->encode({ %$request,
        raw  => encode_base64($request->{raw}, ''),
        body => encode_base64($request->{body}, '') }) . "\n";

    close $out;

    # the plain bytes, so that planted secrets are found
    open my $raw, '>>', "$self->{file}.raw" or die "$self->{file}: $!";
    binmode $raw;
    syswrite $raw, "$request->{raw}\n";
    close $raw;

    return $self->told || $self->usual($request);
}


# what behave() ordered
sub told {
    my ($self) = @_;

    open my $in, '<', $self->{behaviour} or return undef;
    local $/;

    my $answer = eval { JSON::PP::decode_json(<$in>) } or return undef;

    return $answer if !defined $answer->{times};

    return ++$self->{used}{$answer->{id}} <= $answer->{times}
        ? $answer : undef;
}


sub usual {
    my ($self, $request) = @_;

    if (defined $request->{verdict} && $request->{verdict} ne 'ok'
        && !$self->{lenient})
    {
        return {
            status  => 403,
            headers => [['Content-Type', 'application/x-amz-json-1.1']],
            body    => $JSON->encode({
                __type  => 'InvalidSignatureException',
                message => $request->{verdict} }),
        };
    }

    return $self->{answer}->($request, $request->{n}) if $self->{answer};

    return {
        headers => [['Content-Type', 'application/x-amz-json-1.1'],
                    ['x-amzn-RequestId', "request-$request->{n}"]],
        body    => '{}',
    };
}


# False when the connection must be closed
sub send_answer {
    my ($socket, $request, $answer) = @_;

    return 0 if $answer->{drop};

    my $status = $answer->{status} || 200;
    my $body = defined $answer->{body} ? $answer->{body} : '';
    my $reason = $answer->{reason} || $REASONS{$status} || 'Status';
    my $close = $answer->{close} || $request->{version} eq 'HTTP/1.0'
        || (Deskgate::SigV4::value($request->{headers}, 'connection') || '')
           =~ /close/i;

    my $head = "HTTP/1.1 $status $reason\r\n"
        . join('', map { "$_->[0]: $_->[1]\r\n" } @{$answer->{headers} || []})
        . ($answer->{chunked} ? "Transfer-Encoding: chunked\r\n"
           : 'Content-Length: ' . length($body) . "\r\n")
        . ($close ? "Connection: close\r\n" : '') . "\r\n";

    return send_chunks($socket, $head, $answer) && !$close
        if $answer->{chunked};

    my $sent = $request->{method} eq 'HEAD' ? '' : $body;

    $sent = substr $sent, 0, $answer->{cut} if defined $answer->{cut};
    $sent .= 'x' x $answer->{flood} if $answer->{flood};

    print $socket $head . $sent;

    return !$close && !defined $answer->{cut} && !$answer->{flood};
}


sub send_chunks {
    my ($socket, $head, $answer) = @_;

    print $socket $head;

    foreach my $piece (@{$answer->{pieces} || [$answer->{body}]}) {
        printf $socket "%x\r\n%s\r\n", length $piece, $piece;
        sleep 0.02;
    }

    # "cut" in chunks: the last chunk never comes
    return 0 if defined $answer->{cut};

    print $socket "0\r\n\r\n";

    return 1;
}

1;

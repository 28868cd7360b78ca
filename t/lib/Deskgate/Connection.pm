package Deskgate::Connection;

# One client connection: exact bytes out, whole answers in.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw/sleep time/;

my $PATIENCE = 20;  # seconds without a byte


sub new {
    my ($class, %opt) = @_;

    my $socket = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1', PeerPort => $opt{port})
        or die "connect to port $opt{port}: $!\n";

    $socket->autoflush(1);
    binmode $socket;

    return bless {
        socket   => $socket,
        buffer   => '',
        patience => $opt{patience} || $PATIENCE,
    }, $class;
}


sub send {
    my ($self, @pieces) = @_;

    local $SIG{PIPE} = 'IGNORE';

    foreach my $piece (@pieces) {
        $self->{socket}->print($piece);
        sleep 0.02 if @pieces > 1;
    }

    return $self;
}


# Sends a request as request_text() makes it and reads its answer.
sub request {
    my ($self, %q) = @_;

    $self->send(request_text(%q));

    return $self->answer($q{method});
}


# Host and Content-Length are added unless given or chunked.
sub request_text {
    my (%q) = @_;

    my @headers = @{$q{headers} || []};
    my $body = defined $q{body} ? $q{body} : '';
    my %has = map { lc $_->[0] => 1 } @headers;

    unshift @headers, ['Host', 'localhost'] if !$has{host};

    if ($q{chunked}) {
        push @headers, ['Transfer-Encoding', 'chunked'];
        $body = join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
            grep { length } @{$q{chunked}};
        $body .= "0\r\n\r\n";

    } elsif (!$has{'content-length'} && (length $body
             || ($q{method} || 'GET') =~ /^(POST|PUT|PATCH)$/))
    {
        push @headers, ['Content-Length', length $body];
    }

    return ($q{method} || 'GET') . ' ' . ($q{target} || '/') . ' HTTP/'
        . ($q{version} || '1.1') . "\r\n"
        . join('', map { "$_->[0]: $_->[1]\r\n" } @headers) . "\r\n$body";
}


# More bytes into the buffer; false at the end of the stream
sub fill {
    my ($self) = @_;

    my $select = IO::Select->new($self->{socket});

    if (!$select->can_read($self->{patience})) {
        $self->{timed_out} = 1;
        return 0;
    }

    return sysread($self->{socket}, $self->{buffer}, 65536,
        length $self->{buffer}) ? 1 : 0;
}


# All that comes until the server closes
sub rest {
    my ($self) = @_;

    1 while $self->fill;

    my $text = $self->{buffer};

    $self->{buffer} = '';

    return $text;
}


# One answer, 1xx ones passed over; undef when there is none.  "cut" is true
# when it ended before it was whole.
sub answer {
    my ($self, $method) = @_;

    my $answer;

    do {
        while ($self->{buffer} !~ /\r\n\r\n/) {
            return undef if !$self->fill;
        }

        $self->{buffer} =~ s/^(.*?\r\n)\r\n//s;
        $answer = parse_head($1);
    } while ($answer->{status} =~ /^1/);

    $self->read_body($answer, $method || 'GET');

    return $answer;
}


sub read_body {
    my ($self, $answer, $method) = @_;

    my %h = map { lc $_->[0] => $_->[1] } @{$answer->{headers}};

    $answer->{body} = '';

    return if $method eq 'HEAD' || $answer->{status} =~ /^(204|304)$/;

    if (($h{'transfer-encoding'} || '') =~ /chunked/i) {
        $self->read_chunks($answer);

    } elsif (defined $h{'content-length'}) {
        $answer->{body} = $self->take($h{'content-length'}, $answer);

    } else {
        $answer->{body} = $self->rest;
    }
}


sub take {
    my ($self, $length, $answer) = @_;

    while (length $self->{buffer} < $length) {
        next if $self->fill;
        $answer->{cut} = 1;
        last;
    }

    return substr $self->{buffer}, 0, $length, '';
}


sub read_chunks {
    my ($self, $answer) = @_;

    while (1) {
        while ($self->{buffer} !~ /\r\n/) {
            next if $self->fill;
            $answer->{cut} = 1;
            return;
        }

        $self->{buffer} =~ s/^([0-9a-fA-F]+)[^\r]*\r\n// or return;

        my $length = hex $1;
        my $piece = $self->take($length + 2, $answer);

        return if $answer->{cut} || $length == 0;

        $answer->{body} .= substr $piece, 0, $length;
    }
}


# Status line and headers of a text; of several heads, the last
sub parse_head {
    my ($text) = @_;

    my ($head) = reverse grep { m{^HTTP/} } split /\r?\n\r?\n/, $text;

    return undef if !defined $head;

    my ($line, @lines) = split /\r?\n/, $head;
    my ($version, $status, $reason) = split / /, $line, 3;

    return {
        version => $version,
        status  => $status,
        reason  => defined $reason ? $reason : '',
        headers => [map { /^([^:]+):\s*(.*?)\s*$/ ? [$1, $2] : () } @lines],
    };
}


# true once the server has closed and nothing is left
sub closed {
    my ($self) = @_;

    return !length $self->{buffer} && !$self->fill && !$self->{timed_out};
}


sub close {
    my ($self) = @_;

    close $self->{socket};
}

1;

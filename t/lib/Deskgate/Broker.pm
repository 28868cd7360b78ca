package Deskgate::Broker;

# A DCV Session Manager broker for the tests: /oauth2/token hands out tokens
# for a client id and password, everything else wants the newest one.
#
#   my $broker = Deskgate::Broker->start($t, port => 8082,
#       client_id => '...', client_secret => '...',
#       lifetime => 3600, answer => sub { my ($request) = @_; { ... } });
#
#   $broker->token_calls;  $broker->api_calls;   # requests received
#   $broker->revoke;                             # all tokens given so far
#
# Everything of Deskgate::Upstream is there too; behave() is for the calls
# that are not token calls.

use warnings;
use strict;

use parent 'Deskgate::Upstream';

use JSON::PP;
use MIME::Base64;


sub start {
    my ($class, $t, %opt) = @_;

    my $self;
    my $service = $opt{answer} || sub {
        return { headers => [['Content-Type', 'application/json']],
                 body => '{}' };
    };

    my $marker = $t->testdir . "/broker-$opt{port}.revoked";
    my $slow = $t->testdir . "/broker-$opt{port}.slow";
    my ($issued, $token, $revocations) = (0, '', 0);

    my $answer = sub {
        my ($request, $n) = @_;

        if ($request->{target} =~ m{^/oauth2/token(\?|$)}) {
            return refusal(400, 'unsupported grant')
                if $request->{target} !~ /grant_type=client_credentials/
                   && $request->{body} !~ /grant_type=client_credentials/;

            my $wanted = 'Basic ' . encode_base64(
                "$opt{client_id}:$opt{client_secret}", '');
            my $got = Deskgate::SigV4::value($request->{headers},
                'authorization');

            return refusal(401, 'wrong client')
                if !defined $got || $got ne $wanted;

            $token = "$opt{client_id}-token-" . ++$issued . '-' . 'x' x 40;

            return {
                delay   => -s $slow || 0,
                headers => [['Content-Type', 'application/json']],
                body    => JSON::PP->new->canonical->encode({
                    access_token => $token,
                    token_type   => 'Bearer',
                    expires_in   => $opt{lifetime} || 3600 }),
            };
        }

        my $now = -s $marker || 0;

        if ($now != $revocations) {
            $revocations = $now;
            $token = '';
        }

        my @values = Deskgate::SigV4::values_of($request->{headers},
            'authorization');

        return refusal(401, 'No authorization header') if !@values;

        return refusal(401, 'token is not valid')
            if @values > 1 || $token eq '' || $values[0] ne "Bearer $token";

        return $service->($request, $n);
    };

    $self = $class->SUPER::start($t, %opt, answer => $answer,
        name => $opt{name} || "broker-$opt{port}");
    $self->{marker} = $marker;
    $self->{slow} = $slow;

    return $self;
}


sub refusal {
    my ($status, $text) = @_;

    return {
        status  => $status,
        headers => [['Content-Type', 'application/json']],
        body    => JSON::PP::encode_json({ error => $text }),
    };
}


# behave() leaves the token calls alone
sub told {
    my ($self) = @_;

    return undef if $self->{is_token_call};

    return $self->SUPER::told;
}


sub keep {
    my ($self, $request) = @_;

    $self->{is_token_call} = $request->{target} =~ m{^/oauth2/token(\?|$)};

    return $self->SUPER::keep($request);
}


sub token_calls {
    my ($self) = @_;

    return scalar grep { $_->{target} =~ m{^/oauth2/token} } $self->requests;
}


sub api_calls {
    my ($self) = @_;

    return scalar grep { $_->{target} !~ m{^/oauth2/token} } $self->requests;
}


# how many seconds a token takes from now on
sub slow {
    my ($self, $seconds) = @_;

    open my $out, '>', $self->{slow} or die "$self->{slow}: $!";
    print $out 'x' x $seconds;
    close $out;
}


sub revoke {
    my ($self) = @_;

    open my $out, '>>', $self->{marker} or die "$self->{marker}: $!";
    print $out 'x';
    close $out;
}

1;

package Deskgate::Token;

# An issuer of bearer tokens for tests: a key pair, the block that trusts it,
# and tokens.
#
#   my $issuer = Deskgate::Token->issuer($t, 'corp', $url);
#
#   $issuer->block(more => 'groups groups;')   for the configuration
#   $issuer->token(sub => 'alice', aud => 'deskgate')
#
# token(): exp is in ten minutes unless given; a claim that is undef is left
# out.

use warnings;
use strict;

use JSON::PP;

use Deskgate::Gateway;


sub issuer {
    my ($class, $t, $name, $url) = @_;

    my $self = bless { t => $t, name => $name, url => $url,
        pem => $t->testdir . "/$name.pem",
        jwks => $t->testdir . "/$name.jwks" }, $class;

    my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'es256',
        "$name-1", @$self{qw/pem jwks/});

    die $out if $status;

    return $self;
}


sub block {
    my ($self, %opt) = @_;

    my $more = $opt{more} || '';

    return <<"EOF_BLOCK";
    deskgate_issuer $self->{name} {
        issuer      $self->{url};
        audience    deskgate;
        jwks        $self->{jwks};
        algorithms  ES256;
        account     $ACCOUNT;
        leeway      0s;
        $more
    }
EOF_BLOCK
}


sub token {
    my ($self, %claims) = @_;

    my %all = (iss => $self->{url}, aud => 'deskgate', exp => time + 600,
        iat => time, %claims);

    delete @all{grep { !defined $all{$_} } keys %all};

    $self->{t}->write_file('claims', JSON::PP->new->utf8->encode(\%all));

    my ($status, $out) = $self->{t}->tool('deskgate-token', 'sign', 'es256',
        "$self->{name}-1", $self->{pem},
        '@' . $self->{t}->testdir . '/claims');

    die $out if $status;

    chomp $out;

    return $out;
}

1;

package Deskgate::Sts;

# A stand-in for STS: gives credentials that anybody can work out who knows
# role and session, so that the service behind the gateway can verify what is
# signed with them.
#
#   my $sts = Deskgate::Sts->start($t, port => 8103,
#       secrets => { AKIDEGRESS => '...' },     # who may sign AssumeRole
#       life => 3600, json => 0,
#       fault => sub { my ($form, $count) = @_; return { status => 500 } });
#
#   my @forms = $sts->forms;      # the parameters of each call, and "verdict"
#   my %who = Deskgate::Sts::credentials($role_arn, $session_name);

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use JSON::PP;
use POSIX qw/strftime/;

use Deskgate::Upstream;


sub start {
    my ($class, $t, %opt) = @_;

    my $upstream = Deskgate::Upstream->start($t,
        port => $opt{port}, name => $opt{name} || 'sts',
        secrets => $opt{secrets}, lenient => 1, region => $opt{region} || 'us-east-1',
        service => 'sts', answer => sub { answer($_[0], $_[1], %opt) });

    return bless { upstream => $upstream }, $class;
}


sub credentials {
    my ($role, $session) = @_;

    my $hash = sha256_hex("$role\n$session");

    return (access_key => 'ASIA' . uc substr($hash, 0, 16),
            secret_key => "secret-of-sts-$hash",
            session_token => "token-of-sts-$hash");
}


# [access key id => secret], for the service behind
sub secrets {
    my %secrets;

    foreach my $pair (@_) {
        my %who = credentials(@$pair);

        $secrets{$who{access_key}} = $who{secret_key};
    }

    return \%secrets;
}


sub form_of {
    my ($body) = @_;

    return { map { s/\+/ /g; s/%([0-9A-Fa-f]{2})/chr hex $1/ge; $_ }
        map { split /=/, $_, 2 } split /&/, $body };
}


sub forms {
    my ($self) = @_;

    return map { { %{form_of($_->{body})}, verdict => $_->{verdict},
        target => $_->{target} } } $self->{upstream}->requests;
}


sub clear { $_[0]{upstream}->clear }


sub answer {
    my ($request, $count, %opt) = @_;

    my $form = form_of($request->{body});
    my $fault = $opt{fault} ? $opt{fault}->($form, $count) : undef;

    return $fault if $fault && !$fault->{delay};
    return error('SignatureDoesNotMatch', 403)
        if $form->{Action} eq 'AssumeRole' && $request->{verdict} ne 'ok';
    return error('AccessDenied', 403) if $form->{RoleArn} =~ /forbidden/;
    return error('ExpiredTokenException', 400)
        if ($form->{WebIdentityToken} || '') =~ /expired/;

    my $good = $opt{json} ? in_json($form, $opt{life}) : in_xml($form,
        $opt{life});

    return { %$good, %{$fault || {}} };
}


sub error {
    my ($code, $status) = @_;

    return { status => $status, headers => [['Content-Type', 'text/xml']],
        body => "<ErrorResponse><Error><Type>Sender</Type><Code>$code</Code>"
            . "<Message>not for $code</Message></Error><RequestId>sts-e"
            . '</RequestId></ErrorResponse>' };
}


sub expiration { return time + ($_[0] || 3600) }


sub in_xml {
    my ($form, $life) = @_;

    my %who = credentials(@$form{qw/RoleArn RoleSessionName/});
    my $name = $form->{Action};
    my $expiration = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime expiration($life));

    return { headers => [['Content-Type', 'text/xml']], body => <<"EOF_XML" };
<${name}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <${name}Result>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::111122223333:assumed-role/x/y</Arn>
      <AssumedRoleId>AROAEXAMPLE:y</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>$who{access_key}</AccessKeyId>
      <SecretAccessKey>$who{secret_key}</SecretAccessKey>
      <SessionToken>$who{session_token}</SessionToken>
      <Expiration>$expiration</Expiration>
    </Credentials>
  </${name}Result>
  <ResponseMetadata><RequestId>sts-r</RequestId></ResponseMetadata>
</${name}Response>
EOF_XML
}


sub in_json {
    my ($form, $life) = @_;

    my %who = credentials(@$form{qw/RoleArn RoleSessionName/});
    my $name = $form->{Action};

    return { headers => [['Content-Type', 'application/json']],
        body => JSON::PP->new->canonical->encode({ "${name}Response" => {
            "${name}Result" => { Credentials => {
                AccessKeyId     => $who{access_key},
                SecretAccessKey => $who{secret_key},
                SessionToken    => $who{session_token},
                Expiration      => expiration($life) } },
            ResponseMetadata => { RequestId => 'sts-r' } } }) };
}

1;

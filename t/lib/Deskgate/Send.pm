package Deskgate::Send;

# What a gateway needs for tests of what it sends: two keys of clients (one
# with a session token), an issuer, credentials with and without a session
# token, a broker's password, a policy that allows everything, a trail; and
# the clients that call it.
#
#   my $g = Deskgate::Send->new($t);
#   $t->write_file_expand('nginx.conf', "... http { " . $g->objects . " ...
#       location / { " . $g->aws . " proxy_pass http://127.0.0.1:8081; }");
#
#   my $answer = $g->call('DescribeWorkspaces', body => '{}');
#   my $answer = $g->broker_call('PUT', '/sessionPermissions', body => '[]');
#   my $token = $g->token;

use warnings;
use strict;

use JSON::PP;

use Deskgate;
use Deskgate::SigV4;
use Deskgate::Upstream;

our %CLIENT = (
    access_key => 'AKIDCLIENT',
    secret_key => 'secret-of-the-client-1',
);

our %SESSION = (
    access_key    => 'ASIDCLIENT',
    secret_key    => 'secret-of-the-client-2',
    session_token => 'session-token-of-the-client',
);

our %EGRESS = (
    access_key => 'AKIDEGRESS',
    secret_key => 'secret-of-the-gateway-1',
);

our %EGRESS_SESSION = (
    access_key    => 'ASIDEGRESS',
    secret_key    => 'secret-of-the-gateway-2',
    session_token => 'session-token-of/the+gateway==',
);

our $BROKER_SECRET = 'password-of-the-gateway-at-the-broker';


sub new {
    my ($class, $t) = @_;

    my $self = bless { t => $t }, $class;
    my $json = JSON::PP->new->canonical;

    mkdir $t->testdir . '/trail', 0700;

    $t->write_file('keys.json', $json->encode({ version => 1, keys => [
        map { {
            access_key_id     => $_->{access_key},
            secret_access_key => $_->{secret_key},
            principal         => 'arn:aws:iam::111122223333:user/'
                                 . lc $_->{access_key},
            $_->{session_token}
                ? (session_token => $_->{session_token}) : (),
        } } \%CLIENT, \%SESSION ] }));

    foreach my $egress (\%EGRESS, \%EGRESS_SESSION) {
        $t->write_file(lc("$egress->{access_key}.json"), $json->encode({
            access_key_id     => $egress->{access_key},
            secret_access_key => $egress->{secret_key},
            $egress->{session_token}
                ? (session_token => $egress->{session_token}) : (),
        }));
    }

    $t->write_file('policy.json', $json->encode({
        Version   => '2012-10-17',
        Statement => [{ Effect => 'Allow', Principal => '*', Action => '*',
                        Resource => '*' }],
    }));

    $t->write_file('broker.secret', $BROKER_SECRET);

    my ($status, $out) = $t->tool('deskgate-token', 'keygen', 'es256',
        'kid', $t->testdir . '/issuer.pem', $t->testdir . '/jwks.json');

    die "deskgate-token: $out" if $status;

    $t->{written}{$_} = 1 foreach 'issuer.pem', 'jwks.json';

    $t->secret($_) foreach $CLIENT{secret_key}, $SESSION{secret_key},
        $EGRESS{secret_key}, $EGRESS_SESSION{secret_key}, $BROKER_SECRET,
        $SESSION{session_token};

    # it goes to the upstream, which keeps what it received
    $t->secret($EGRESS_SESSION{session_token}, except => [qr/\.requests/]);

    return $self;
}


# what stands in the http block
sub objects {
    my ($self) = @_;

    return <<'EOF_OBJECTS';
    large_client_header_buffers  4 72k;
    client_max_body_size         4m;
    deskgate_zone                desk:4m;
    deskgate_models              %%ROOT%%/src/models;
    deskgate_keys                desks keys.json;

    deskgate_issuer corp {
        issuer      https://sso.example.com/;
        audience    deskgate;
        jwks        jwks.json;
        algorithms  ES256;
        account     111122223333;
    }

    deskgate_credentials egress {
        static  file=akidegress.json;
    }

    deskgate_credentials egress_session {
        static  file=asidegress.json;
    }

    deskgate_broker lab {
        token               /_deskgate/token;
        client_id           gateway;
        client_secret_file  broker.secret;
    }

    deskgate_trail corp {
        directory  trail;
        account    111122223333;
        flush      100ms;
    }
EOF_OBJECTS
}


# what stands in a location for calls to WorkSpaces: everything but proxy_pass
sub aws {
    my ($self, %opt) = @_;

    my $host = $opt{host} ? " host=$opt{host}" : '';
    my $sign = $opt{sign} || 'egress';

    return "deskgate workspaces region=us-east-1$host;\n"
        . "deskgate_sign $sign;\n" . $self->common . $self->proxy(%opt);
}


sub broker {
    my ($self, %opt) = @_;

    return "deskgate dcv-session-manager region=us-east-1;\n"
        . "deskgate_inject " . ($opt{inject} || 'lab') . ";\n"
        . $self->common . $self->proxy(%opt);
}


sub common {
    return "deskgate_hosts localhost;\n"
        . "deskgate_authenticate bearer=corp sigv4=desks;\n"
        . "deskgate_policy policy.json;\n"
        . "deskgate_audit corp;\n";
}


sub proxy {
    my ($self, %opt) = @_;

    return '' if $opt{bare};

    return "proxy_http_version 1.1;\n"
        . "proxy_set_header Connection \"\";\n"
        . "proxy_set_header Host \$deskgate_host;\n";
}


# The verifying upstream for what the gateway signs
sub upstream {
    my ($self, %opt) = @_;

    return Deskgate::Upstream->start($self->{t}, port => 8081, name => 'aws',
        region => 'us-east-1', service => 'workspaces',
        secrets => { map { $_->{access_key} => $_->{secret_key} }
                     \%EGRESS, \%EGRESS_SESSION }, %opt);
}


# A signed request as http_request() takes it
sub signed {
    my ($self, %q) = @_;

    my %who = %{delete $q{as} || \%CLIENT};

    my $q = { method => 'POST', target => '/', body => '', %q,
        headers => [['Host', 'localhost'], @{$q{headers} || []}] };

    $q->{headers} = Deskgate::SigV4::sign(%$q, %who, region => 'us-east-1',
        service => $q{service} || 'workspaces');

    return $q;
}


# the headers that say which operation of WorkSpaces it is
sub operation {
    my ($self, $name) = @_;

    return (['Content-Type', 'application/x-amz-json-1.1'],
            ['X-Amz-Target', "WorkspacesService.$name"]);
}


# A request for an operation of WorkSpaces
sub aws_request {
    my ($self, $name, %q) = @_;

    return $self->signed(body => '{}', %q,
        headers => [$self->operation($name), @{$q{headers} || []}]);
}


sub call {
    my ($self, $name, %q) = @_;

    return http_request(%{$self->aws_request($name, %q)});
}


sub broker_request {
    my ($self, $method, $target, %q) = @_;

    return $self->signed(method => $method, target => $target,
        service => 'dcv-session-manager', %q,
        headers => [['Content-Type', 'application/json'],
                    @{$q{headers} || []}]);
}


# A call of the broker's API
sub broker_call {
    my ($self, @q) = @_;

    return http_request(%{$self->broker_request(@q)});
}


# A bearer token of the issuer
sub token {
    my ($self, %claims) = @_;

    my ($status, $out) = $self->{t}->tool('deskgate-token', 'sign',
        '--lifetime=600', '--typ=at+jwt', 'es256', 'kid',
        $self->{t}->testdir . '/issuer.pem', encode_json({
            iss => 'https://sso.example.com/', aud => 'deskgate',
            sub => 'alice', %claims }));

    die "deskgate-token: $out" if $status;

    chomp $out;

    return $out;
}

1;

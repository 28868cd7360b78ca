package Deskgate::Example;

# Makes a configuration out of a document or conf.example pass before "nginx
# -t" as it would where it belongs: paths lead to files made for it, names
# that a fragment only refers to are defined, a fragment gets the blocks
# around it.

use warnings;
use strict;

use File::Basename;
use JSON::PP;

my $ACCOUNT = '111122223333';
my %HTTP = map { $_ => 1 } qw/server upstream map geo log_format limit_req_zone
    split_clients proxy_cache_path/;
my %SERVER = map { $_ => 1 } qw/listen server_name location ssl_certificate
    ssl_certificate_key ssl_client_certificate ssl_verify_client
    ssl_protocols/;
my %MAIN = map { $_ => 1 } qw/load_module user pid worker_processes events http
    env worker_rlimit_nofile thread_pool error_log/;


sub new {
    my ($class, $t) = @_;

    my $self = bless { t => $t, etc => $t->testdir . '/etc' }, $class;

    mkdir $self->{etc}, 0700;
    mkdir $t->testdir . '/trail', 0700;
    $self->certificate;

    return $self;
}


# (true when nginx accepts it, what nginx says); file is where it comes from
sub check {
    my ($self, $text, $commands, $file) = @_;

    $self->{folder} = defined $file && $file =~ m{/nginx\.conf$}
        ? dirname($file) : 'conf.example';

    $text = $self->whole($text, $commands);
    $text = $self->define_names($text);
    $text = $self->paths($text);
    $self->make_files($text);

    $self->{t}->write_file('check.conf', $text);

    my ($passed, $says) = $self->{t}->check('check.conf');

    return ($passed, "$says\n$text");
}


# Statements of the outermost level: [name, text]
sub statements {
    my ($text) = @_;

    my @statements;

    while ($text =~ /\G(?:\s+|#[^\n]*)*([^\s;{}#][^;{}]*)([;{])/gc) {
        my ($head, $end) = ($1, $2);
        my $start = $-[1];
        my $depth = $end eq '{' ? 1 : 0;

        my $plain = qr/(?:#[^\n]*|"[^"]*"|'[^']*'|[^{}#"'])*/;

        while ($depth > 0 && $text =~ /\G$plain([{}])/gc) {
            $depth += $1 eq '{' ? 1 : -1;
        }

        my ($name) = split /\s/, $head;

        push @statements, [$name, substr $text, $start, pos($text) - $start];
    }

    return @statements;
}


sub whole {
    my ($self, $text, $commands) = @_;

    my %parts = map { $_ => '' } qw/main http server location/;

    foreach my $statement (statements($text)) {
        my ($name, $source) = @$statement;

        $parts{level($name, $commands)} .= "$source\n";
    }

    my $t = $self->{t};
    my $main = $parts{main};

    $main =~ s/^\s*(load_module|user|pid|error_log|daemon)\s[^;]*;//mg;
    $main = "events { }\n$main" if $main !~ /^\s*events\b/m;

    my $globals = $t->globals;

    if ($main =~ /^\s*http\s*\{/m) {
        my $http = $t->globals_http;

        $http =~ s/^\s*access_log[^;]*;//mg;
        $main =~ s/^(\s*http\s*\{)/$1\n$http/m;

        return $globals . $main;
    }

    $parts{location} = complete($parts{location})
        if $parts{location} =~ /^\s*deskgate_/m
           && $parts{location} !~ /^\s*deskgate(_status|_ready|_sandbox|_vend|_token|_jwks|_metadata)?
                                   [\s;]/mx;

    my $location = $parts{location} eq '' ? ''
        : "location /fragment/ {\n$parts{location}}\n";

    return $globals . $main . "http {\n" . $t->globals_http . $parts{http}
        . ($parts{server} . $location eq '' ? ''
           : "server {\n" . ($parts{server} =~ /^\s*listen/m ? ''
             : "listen 127.0.0.1:1;\nserver_name localhost;\n") . "$parts{server}$location}\n")
        . "}\n";
}


# What a location must have beside the lines that are shown
sub complete {
    my ($text) = @_;

    my %needs = (
        deskgate              => 'workspaces region=us-east-1',
        deskgate_authenticate => 'sigv4=desks',
        deskgate_policy       => '/etc/deskgate/policy.json',
        deskgate_sign         => 'egress',
        deskgate_audit        => 'corp',
    );

    return join '', $text, map { "$_ $needs{$_};\n" }
        grep { $text !~ /^\s*$_\s/m } sort keys %needs;
}


sub level {
    my ($name, $commands) = @_;

    return 'main' if $MAIN{$name};
    return 'http' if $HTTP{$name};
    return 'server' if $SERVER{$name};

    my $command = $commands->{$name} or return 'location';

    return (grep { /NGX_HTTP_LOC_CONF/ } @{$command->{flags}}) ? 'location'
        : (grep { /NGX_HTTP_SRV_CONF/ } @{$command->{flags}}) ? 'server'
        : 'http';
}


# Objects that are named and not defined
sub define_names {
    my ($self, $text) = @_;

    return $text if $text !~ /^\s*deskgate/m;

    my %make = (
        keys => sub { "deskgate_keys $_[0] /etc/deskgate/keys.json;" },
        issuer => sub { "deskgate_issuer $_[0] { issuer https://sso.example;"
            . ' audience deskgate; jwks /etc/deskgate/jwks.json;'
            . " algorithms RS256 ES256; account $ACCOUNT; }" },
        credentials => sub { "deskgate_credentials $_[0] {"
            . ' static file=/etc/deskgate/egress.json; }' },
        broker => sub { "deskgate_broker $_[0] { token /_token_$_[0];"
            . ' client_id deskgate;'
            . ' client_secret_file /etc/deskgate/broker.secret; }' },
        vended => sub { "deskgate_vended $_[0] {"
            . ' keys /etc/deskgate/vended.keys; gateway example; }' },
        authority => sub { "deskgate_authority $_[0] {"
            . ' issuer https://gate.example; audience deskgate;'
            . ' key example /etc/deskgate/example.pem; }' },
        trail => sub { "deskgate_trail $_[0] { directory /var/log/deskgate;"
            . " account $ACCOUNT; }" },
    );
    my %used = (
        keys        => [words($text, qr/\bsigv4=([\w,.-]+)/)],
        issuer      => [words($text, qr/\bbearer=([\w,.-]+)/)],
        credentials => [words($text, qr/^\s*(?:deskgate_sign|source)\s+(\w+)/m)],
        broker      => [words($text,
            qr/(?:^\s*deskgate_inject\s+|\sbroker=|\shandle=)(\w+)/m)],
        authority   => [words($text,
            qr/^\s*deskgate_(?:token|jwks|metadata)\s+(\w+)/m)],
        vended      => [words($text, qr/\bvended=([\w,.-]+)/)],
        trail       => [words($text, qr/^\s*deskgate_audit\s+(\w+)/m)],
    );
    my $added = '';

    foreach my $kind (sort keys %used) {
        foreach my $name (@{$used{$kind}}) {
            next if $name eq 'off' || $text =~ /^\s*deskgate_$kind\s+$name\b/m;

            $added .= $make{$kind}->($name) . "\n";
        }
    }

    $added .= "deskgate_zone fragment:8m;\n"
        if $text !~ /^\s*deskgate_zone\s/m;
    $added .= "deskgate_models /usr/share/deskgate/models;\n"
        if $text !~ /^\s*deskgate_models\s/m;

    $text =~ s/^(\s*http\s*\{)/$1\n$added/m;

    return $text;
}


sub words {
    my ($text, $pattern) = @_;

    my %words = map { $_ => 1 } map { split /,/ } $text =~ /$pattern/g;

    return sort keys %words;
}


sub paths {
    my ($self, $text) = @_;

    my $dir = $self->{t}->testdir;
    my $root = $self->{t}->root;

    $text =~ s{/usr/share/deskgate/models}{$root/src/models}g;
    $text =~ s{/etc/deskgate/(?:[\w-]+/)*}{$self->{etc}/}g;
    $text =~ s{/etc/(ssl|nginx|letsencrypt|pki)/[\w./-]*/([\w.-]+)}
              {$self->{etc}/$2}g;
    $text =~ s{/var/log/[\w./-]*}{$dir/trail}g;
    $text =~ s{/(run|var/run)/[\w./-]*\.pid}{$dir/nginx.pid}g;
    $text =~ s{^(\s*access_log\s+)(?!off)[^\s;]+}{$1$dir/access.log}mg;
    $text =~ s{^(\s*include\s+)(\S+);}{$1 . $self->included($2) . ';'}gem;

    # no name is resolved here; ports are whatever is free
    my %upstream = map { $_ => 1 } $text =~ /^\s*upstream\s+(\S+)/mg;

    $text =~ s{(proxy_pass\s+https?://)([\w.-]+)}
              {$1 . ($upstream{$2} ? $2 : '127.0.0.1')}ge;
    $text =~ s{^(\s*server\s+)([a-zA-Z][\w.-]*)((?::\d+)?[\s;])}
              {${1}127.0.0.1$3}mg;
    $text =~ s{(\blisten\s+)(?:\S+:)?(\d+)(?=[\s;])}
              {$1 . '127.0.0.1:' . Deskgate::port($2)}ge;
    $text =~ s{^\s*listen\s+\[::\][^;]*;}{}mg;

    return $text;
}


# A file that the examples bring, or one that nginx has
sub included {
    my ($self, $name) = @_;

    my $base = basename($name);

    foreach my $folder ($self->{folder}, 'conf.example',
                        glob('conf.example/*/'))
    {
        my $file = "$folder/$base";

        next if !-f $file;

        my $text = $self->paths(
            do { local (@ARGV, $/) = ($file); <> });

        $self->make_files($text);

        return $self->{t}->write_file("included-$base", $text);
    }

    return $name =~ m{^/} ? $name : "/etc/nginx/$name";
}


sub make_files {
    my ($self, $text) = @_;

    my $path = qr/(\Q$self->{etc}\E\/[\w.-]+)/;
    my %file = map { $_ => 1 } $text =~ /$path/g;
    my %key = map { $_ => 1 } $text =~ /(?:ssl_certificate_key)\s+$path/g;
    my %kinds = (
        keys        => qr/(?:deskgate_keys\s+\S+\s+|\bkeys=
                       |deskgate_sandbox_keys\s+(?:\S+\s+)?)$path/x,
        policy      => qr/deskgate_(?:policy|boundary)\s+$path/,
        credentials => qr/\bfile=$path/,
        secret      => qr/(?:secret(?:_file)?[\s=]+
                       |deskgate_sandbox_client\s+\S+\s+)$path/x,
        jwks        => qr/jwks\s+$path/,
        signing     => qr/\bkey\s+\S+\s+$path/,
        masters     => qr/deskgate_vended[^{]*\{[^}]*\bkeys\s+$path/,
        revocations => qr/deskgate_revocations\s+$path/,
    );

    $self->{for_location}{$_} = 1
        foreach $text =~ /^\s*deskgate_policy\s+$path\s*;/mg;

    foreach my $kind (sort keys %kinds) {
        foreach my $name ($text =~ /$kinds{$kind}/g) {
            delete $file{$name};
            $self->make($kind, $name);
        }
    }

    foreach my $name (keys %file) {
        my $base = basename($name);

        if ($self->copy_example($name)) {
            next;
        }

        $self->put($base, $self->{$key{$name} ? 'key' : 'cert'});
    }
}


sub make {
    my ($self, $kind, $name) = @_;

    return if $self->copy_example($name);

    my $base = basename($name);

    if ($kind eq 'jwks') {
        if (!-s $name) {
            my ($status, $out) = $self->{t}->tool('deskgate-token', 'keygen',
                '--force', 'es256', 'example', "$name.pem", $name);

            die $out if $status != 0;
        }

        return;
    }

    if ($kind eq 'signing') {
        my ($status, $out) = $self->{t}->tool('deskgate-token', 'keygen',
            '--force', 'es256', 'example', $name, "$name.jwks");

        die $out if $status != 0;

        return;
    }

    my %texts = (
        keys => { version => 1, keys => [{
            access_key_id     => 'AKIDEXAMPLE',
            secret_access_key => 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
            principal         => "arn:aws:iam::${ACCOUNT}:user/alice" }] },
        policy => { Version => '2012-10-17', Statement => [{
            Effect => 'Allow', Action => 'workspaces:*', Resource => '*',
            $self->{for_location}{$name} ? (Principal => '*') : () }] },
        revocations => { version => 1, revocations => [] },
        credentials => {
            access_key_id     => 'AKIDEXAMPLE',
            secret_access_key => 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    );

    $self->put($base, $kind eq 'secret' ? "a-secret-of-an-example\n"
        : $kind eq 'masters' ? 'example ' . 'A' x 43 . "=\n"
        : JSON::PP->new->canonical->pretty->encode($texts{$kind}));
}


sub copy_example {
    my ($self, $name) = @_;

    my $base = basename($name);

    foreach my $folder ($self->{folder}, 'conf.example',
                        'conf.example/policies')
    {
        next if !-f "$folder/$base" || $base eq 'nginx.conf';

        $self->put($base, do { local (@ARGV, $/) = ("$folder/$base"); <> });

        return 1;
    }

    return 0;
}


sub put { $_[0]{t}->write_file("etc/$_[1]", $_[2]) }


sub certificate {
    my ($self) = @_;

    my $base = "$self->{etc}/made";

    system("openssl req -x509 -newkey ec -pkeyopt"
        . " ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
        . " -keyout '$base.key' -out '$base.crt' >/dev/null 2>&1") == 0
        or die 'openssl req failed';

    $self->{key} = $self->{t}->read_file("$base.key");
    $self->{cert} = $self->{t}->read_file("$base.crt");
}

1;

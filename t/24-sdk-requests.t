#!/usr/bin/perl

# Requests that AWS's own clients signed, and tampered copies of them, sent to
# a gateway whose clock shows the time they were signed at.  Those that are
# signed well and are no call, by method or path, are refused as such.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $root = Deskgate::root();
my $folder = ($ENV{VECTORS} || "$root/../shared/vectors") . '/sdk-requests';

plan(skip_all => "no vectors in $folder") if !-d $folder;

my %served = map { $_ => 1 } qw/workspaces workspaces-instances
    ssm-guiconnect/;
my (@records, %regions, @sets, %hosts);

foreach my $file (sort glob "$folder/*.json") {
    push @records, grep { $served{$_->{service}} && arrives($_) }
        @{JSON::PP->new->utf8->decode(text_of($file))};
}

# keys that differ in secret or token go to key files of their own
foreach my $record (@records) {
    my ($id, $key) = ($record->{access_key}, join "\n",
        $record->{secret_key}, $record->{session_token} || '');
    my ($n) = grep { $_ == @sets || !defined $sets[$_]{$id}
        || $sets[$_]{$id} eq $key } 0 .. @sets;

    $sets[$n]{$id} = $key;
    $record->{set} = $n;
    $regions{$record->{region}} = 1;

    my ($host) = $record->{url} =~ m{^https?://([^/?]+)};

    $hosts{$host =~ s/:\d+$//r} = 1;
    $record->{host} = $host;
}

my %times;

push @{$times{$_->{verify_at} || $_->{date}}}, $_ foreach @records;

# the program itself would stay between the test and nginx
my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';

plan(skip_all => 'faketime is not installed') if !defined $library;

plan(skip_all => 'faketime does not start under the address sanitizer')
    if $ENV{DESKGATE_ASAN};

my $t = Deskgate->new();
my %ports;
my $next = 8110;
my ($sent, $passed) = (0, 0);
my (%calls, $none);

configure();

my ($aws) = Deskgate::Gateway::upstreams($t);

foreach my $time (sort keys %times) {
    my $clock = $time =~ s/T/ /r =~ s/Z$//r;

    $ENV{TZ} = 'UTC';
    $t->run(prefix => ['env', "LD_PRELOAD=$library", "FAKETIME=\@$clock"]);

    foreach my $record (@{$times{$time}}) {
        my $answer = http_request(request_of($record),
            port => $ports{"$record->{region} $record->{set}"});

        $sent++;
        $passed += $answer->{status} == 200;

        if ($record->{valid} && is_call($record)) {
            is($answer->{status}, 200, $record->{name})
                or diag($answer->{body});
            $calls{$record->{service}}++;

        } elsif ($record->{valid}) {
            my $refusal = refusal_of($t, $answer);

            # no operation is at such a path, plain or not
            is($refusal, 'unknown_operation', "$record->{name}: no call");
            $none++;

        } else {
            isnt($answer->{status}, 200, "$record->{name}: $record->{reason}");
        }
    }

    $t->quit_nginx;
}

cmp_ok($sent, '>', 600, 'as many as there are of our services');
ok($calls{$_}, "calls of $_ pass: " . ($calls{$_} || 0))
    foreach sort keys %served;
cmp_ok($none, '>', 50, 'paths and methods of no operation are refused');
is($aws->count, $passed, 'what passed was forwarded, and nothing else');

$t->finish;


sub text_of {
    my ($file) = @_;

    local (@ARGV, $/) = ($file);

    return <>;
}


# A length that is not the body's never arrives as one request
sub arrives {
    my ($record) = @_;

    my ($length) = map { $_->[1] } grep { lc $_->[0] eq 'content-length' }
        @{$record->{headers}};

    return !defined $length || $length
        == length decode_base64($record->{body_base64} || '');
}


# What the services would know as a call: the other records are about paths
sub is_call {
    my ($record) = @_;

    my ($path) = $record->{url} =~ m{^https?://[^/?]+([^?]*)};
    my %has = map { lc $_->[0] => $_->[1] } @{$record->{headers}};

    return 0 if $record->{method} ne 'POST';

    return $path =~ m{^/\w+Preferences$} if
        $record->{service} eq 'ssm-guiconnect';

    return ($path eq '/' || $path eq '') && $has{'x-amz-target'}
        && $has{'x-amz-target'} =~ /^\s*(WorkspacesService|EUCMIFrontend\w+)\./
        ? 1 : 0;
}


sub request_of {
    my ($record) = @_;

    my ($target) = $record->{url} =~ m{^https?://[^/?]+(.*)$};
    my @headers = grep { lc $_->[0] ne 'connection' } @{$record->{headers}};
    my $body = decode_base64($record->{body_base64} || '');

    my %has = map { lc $_->[0] => 1 } @headers;

    unshift @headers, ['Host', $record->{host}] if !$has{host};

    # no header comes to those that the record has
    return (method => $record->{method}, headers => [@headers],
        target => $target =~ m{^/} ? $target : "/$target",
        $has{'content-length'} ? (body => $body) : (chunked => [$body]));
}


sub configure {
    my $servers = '';
    my $hosts = join ' ', sort keys %hosts;

    foreach my $n (0 .. $#sets) {
        my @keys = map {
            my ($secret, $token) = split /\n/, $sets[$n]{$_};

            { access_key_id     => $_,
              secret_access_key => $secret,
              principal         => "arn:aws:iam::${ACCOUNT}:user/$_",
              $token ? (session_token => $token) : () }
        } sort keys %{$sets[$n]};

        $t->write_file("keys-$n.json",
            JSON::PP->new->encode({ version => 1, keys => [@keys] }));
        $servers .= "deskgate_keys set$n %%TESTDIR%%/keys-$n.json;\n";

        foreach my $region (sort keys %regions) {
            my $port = $ports{"$region $n"} = $next++;

            $servers .= "server { listen 127.0.0.1:$port; location / {"
                . gateway_location(hosts => $hosts,
                    services => [sort keys %served],
                    authenticate => "sigv4=set$n", location =>
                    'deskgate_replay off; deskgate_validate off;')
                =~ s/region=us-east-1/region=$region/gr . '} }';
        }
    }

    Deskgate::Gateway::configure($t, http => $servers,
        main => 'env FAKETIME;');
}

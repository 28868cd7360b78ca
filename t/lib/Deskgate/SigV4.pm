package Deskgate::SigV4;

# AWS Signature Version 4 in perl: signs and verifies for the tests.  It shares
# nothing with the gateway's own code, so that the two check each other.
#
# Requests are given as they are on the wire: the raw target and the list of
# header fields, [[Name, value], ...], in order and with duplicates.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex hmac_sha256 hmac_sha256_hex/;
use POSIX qw/strftime/;

my $ALGORITHM = 'AWS4-HMAC-SHA256';

# what proxies change on the way, and what can not be signed
my %NEVER_SIGNED = map { $_ => 1 } qw/
    authorization connection content-length expect keep-alive
    transfer-encoding upgrade user-agent x-amzn-trace-id
/;


sub amz_date {
    return strftime('%Y%m%dT%H%M%SZ', gmtime(defined $_[0] ? $_[0] : time));
}


# Adds X-Amz-Date (unless there is one), X-Amz-Security-Token, optionally
# X-Amz-Content-Sha256, and Authorization; returns the new list of headers.
#
#   method target headers body access_key secret_key session_token region
#   service time (epoch)  payload ('hash', 'header', or a literal text)
#   signed ([names], default all that may be)  verbatim (paths as for S3)
sub sign {
    my (%q) = @_;

    my @headers = map { [@$_] } @{$q{headers}};
    my $body = defined $q{body} ? $q{body} : '';
    my $payload = payload_text($q{payload}, $body);

    push @headers, ['X-Amz-Date', amz_date($q{time})]
        if !defined value(\@headers, 'x-amz-date');

    push @headers, ['X-Amz-Security-Token', $q{session_token}]
        if defined $q{session_token};

    push @headers, ['X-Amz-Content-Sha256', $payload]
        if defined $q{payload} && $q{payload} ne 'hash';

    my $date = value(\@headers, 'x-amz-date');
    my $scope = join '/', substr($date, 0, 8), $q{region}, $q{service},
        'aws4_request';

    my %seen;
    my @names = $q{signed} ? @{$q{signed}}
        : grep { !$NEVER_SIGNED{$_} && !$seen{$_}++ }
          map { lc $_->[0] } @headers;

    @names = sort @names if !$q{unsorted};

    my ($path, $query) = split /\?/, $q{target}, 2;
    my $canonical = canonical_request($q{method}, $path,
        defined $query ? $query : '', \@headers, \@names, $payload,
        $q{verbatim});

    my $signature = hmac_sha256_hex(string_to_sign($date, $scope, $canonical),
        signing_key($q{secret_key}, $scope));

    push @headers, ['Authorization', "$ALGORITHM "
        . "Credential=$q{access_key}/$scope, "
        . 'SignedHeaders=' . join(';', @names) . ", Signature=$signature"];

    return \@headers;
}


# The presigned form: returns the target.  As sign(), and expires (seconds).
sub presign {
    my (%q) = @_;

    my $date = amz_date($q{time});
    my $scope = join '/', substr($date, 0, 8), $q{region}, $q{service},
        'aws4_request';

    my @names = sort map { lc $_->[0] } @{$q{headers}};
    my ($path, $query) = split /\?/, $q{target}, 2;

    my @params = (defined $query && length $query ? $query : (),
        "X-Amz-Algorithm=$ALGORITHM",
        'X-Amz-Credential=' . encode("$q{access_key}/$scope"),
        "X-Amz-Date=$date",
        'X-Amz-Expires=' . ($q{expires} || 300),
        'X-Amz-SignedHeaders=' . encode(join ';', @names));

    push @params, 'X-Amz-Security-Token=' . encode($q{session_token})
        if defined $q{session_token};

    $query = join '&', @params;

    my $payload = payload_text($q{payload}, defined $q{body} ? $q{body} : '');
    my $canonical = canonical_request($q{method}, $path, $query, $q{headers},
        \@names, $payload, $q{verbatim});

    my $signature = hmac_sha256_hex(string_to_sign($date, $scope, $canonical),
        signing_key($q{secret_key}, $scope));

    return "$path?$query&X-Amz-Signature=$signature";
}


# Checks the Authorization form over what was received.
#
#   method target headers body, secrets ({ access_key => secret_key }),
#   region, service (when given, the scope must name them), now, skew
#
# Returns { ok, error, access_key, signed, canonical }.
sub verify {
    my (%q) = @_;

    my @values = values_of($q{headers}, 'authorization');

    return failed('no Authorization') if !@values;
    return failed('several Authorization') if @values > 1;

    $values[0] =~ m{^\Q$ALGORITHM\E\ +Credential=([^/,\s]+)/(\d{8})/([^/,]+)/
        ([^/,]+)/aws4_request,\s*SignedHeaders=([^,\s]+),\s*
        Signature=([0-9a-f]{64})$}x
        or return failed('malformed Authorization');

    my ($key, $day, $region, $service, $signed, $signature) =
        ($1, $2, $3, $4, $5, $6);

    my $secret = $q{secrets}{$key};
    my $date = value($q{headers}, 'x-amz-date');
    my @names = split /;/, $signed;

    return failed('unknown access key', $key) if !defined $secret;
    return failed('no X-Amz-Date', $key) if !defined $date;
    return failed('date is not of the scope', $key)
        if substr($date, 0, 8) ne $day;
    return failed("scope has region $region", $key)
        if defined $q{region} && $q{region} ne $region;
    return failed("scope has service $service", $key)
        if defined $q{service} && $q{service} ne $service;
    return failed('signed headers are not sorted', $key)
        if join(';', sort @names) ne $signed;

    my $unsigned = unsigned_header($q{headers}, \@names);

    return failed("$unsigned is not signed", $key) if defined $unsigned;

    my $body = defined $q{body} ? $q{body} : '';
    my $declared = value($q{headers}, 'x-amz-content-sha256');

    return failed('body is not the declared one', $key)
        if defined $declared && $declared =~ /^[0-9a-f]{64}$/
           && $declared ne sha256_hex($body);

    my $payload = defined $declared ? $declared : sha256_hex($body);
    my ($path, $query) = split /\?/, $q{target}, 2;
    my $canonical = canonical_request($q{method}, $path,
        defined $query ? $query : '', $q{headers}, \@names, $payload,
        $q{verbatim});

    my $wanted = hmac_sha256_hex(string_to_sign($date,
        "$day/$region/$service/aws4_request", $canonical),
        signing_key($secret, "$day/$region/$service/aws4_request"));

    return {
        ok         => $wanted eq $signature ? 1 : 0,
        error      => $wanted eq $signature ? '' : 'signature does not match',
        access_key => $key,
        signed     => [@names],
        canonical  => $canonical,
    };
}


sub failed {
    my ($error, $key) = @_;

    return { ok => 0, error => $error, access_key => $key };
}


# host and every x-amz-* header must be signed
sub unsigned_header {
    my ($headers, $names) = @_;

    my %signed = map { $_ => 1 } @$names;

    foreach my $name ('host', map { lc $_->[0] } @$headers) {
        return $name
            if ($name eq 'host' || $name =~ /^x-amz-/) && !$signed{$name};
    }

    return undef;
}


sub payload_text {
    my ($payload, $body) = @_;

    return sha256_hex($body)
        if !defined $payload || $payload eq 'hash' || $payload eq 'header';

    return $payload;
}


sub canonical_request {
    my ($method, $path, $query, $headers, $names, $payload, $verbatim) = @_;

    return join "\n", $method, canonical_path($path, $verbatim),
        canonical_query($query),
        (map { "$_:" . canonical_value($headers, $_) } @$names), '',
        join(';', @$names), $payload;
}


sub canonical_path {
    my ($path, $verbatim) = @_;

    return join '/', map { encode(decode($_)) } split m{/}, $path, -1
        if $verbatim;

    my @segments;

    foreach my $segment (split m{/}, $path, -1) {
        next if $segment eq '' || $segment eq '.';

        if ($segment eq '..') {
            pop @segments;
            next;
        }

        push @segments, encode($segment);
    }

    my $slash = @segments && $path =~ m{/(\.\.?)?$} ? '/' : '';

    return '/' . join('/', @segments) . $slash;
}


sub canonical_query {
    my ($query) = @_;

    my @pairs = map {
        my ($name, $value) = split /=/, $_, 2;

        [encode(decode($name)), encode(decode(defined $value ? $value : ''))];
    } grep { length } split /&/, $query;

    return join '&', map { "$_->[0]=$_->[1]" }
        sort { $a->[0] cmp $b->[0] || $a->[1] cmp $b->[1] } @pairs;
}


sub canonical_value {
    my ($headers, $name) = @_;

    return join ',', map {
        my $value = $_;

        $value =~ s/^\s+|\s+$//g;
        $value =~ s/\s+/ /g;
        $value;
    } values_of($headers, $name);
}


sub string_to_sign {
    my ($date, $scope, $canonical) = @_;

    return join "\n", $ALGORITHM, $date, $scope, sha256_hex($canonical);
}


sub signing_key {
    my ($secret, $scope) = @_;

    my $key = "AWS4$secret";

    $key = hmac_sha256($_, $key) foreach split m{/}, $scope;

    return $key;
}


sub encode {
    my ($text) = @_;

    $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;

    return $text;
}


sub decode {
    my ($text) = @_;

    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

    return $text;
}


sub values_of {
    my ($headers, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq $name } @$headers;
}


sub value {
    my ($headers, $name) = @_;

    my ($value) = values_of($headers, $name);

    return $value;
}

1;

#!/usr/bin/perl

# Signatures that clients make, with the tests' own signer and with curl: what
# verifies, and everything that must not.

use warnings;
use strict;

use Digest::SHA qw/sha256_hex/;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw/strftime/;
use Test::More;

use Deskgate;
use Deskgate::Gateway;

my $t = Deskgate->new()->need('curl');

my $DAY = 24 * 3600;
my $TOKEN = 'session-token-of-carol-01234567';
my %CAROL = (access_key => 'AKIDCAROL', secret_key => 'secret-of-carol-0005');
my %EVE = (access_key => 'AKIDEVE', secret_key => 'secret-of-eve-00000006');

Deskgate::Gateway::configure($t, location => 'deskgate_replay off;',
    keys => [Deskgate::Gateway::usual_keys(),
        entry('AKIDCAROL', 'carol', session_token => $TOKEN),
        entry('AKIDOFF', 'off', disabled => JSON::PP::true),
        entry('AKIDEARLY', 'early', not_before => rfc3339(time + $DAY)),
        entry('AKIDLATE', 'late', expires => rfc3339(time - 1)),
        entry('AKIDSOON', 'soon', not_before => rfc3339(time - $DAY),
            expires => rfc3339(time + $DAY))],
    http => '
    server {
        listen       127.0.0.1:8081;
        server_name  localhost;

        location / {
            ' . gateway_location(location =>
                'deskgate_skew 60s; deskgate_replay off;') . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }
');

# nginx's own format of the access log has the whole target, and a presigned
# one has the token
$t->secret($TOKEN, except => [qr/^access\.log$/]);
$t->secret($EVE{secret_key});

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my @call = (workspaces => 'DescribeWorkspaces', {});


# both forms

passes('header form', call(@call));
passes('query form', presigned());
passes('declared hash', call(@call, payload => 'header'));
passes('a short lifetime', presigned(expires => 5));
passes('the longest lifetime', presigned(expires => 604800));
passes('presigned nearly a week ago',
    presigned(expires => 604800, time => time - 604700));
passes('14 minutes late', call(@call, time => time - 14 * 60));
passes('14 minutes early', call(@call, time => time + 14 * 60));

is(record_of($t, call(@call, as => \%BOB))->{userIdentity}{arn},
    "arn:aws:iam::$ACCOUNT:user/bob", 'the record names the caller');


# what a body's hash is called, in header, query, both and neither

my $sum = sha256_hex('{}');
my $other = sha256_hex('{"a":1}');

my %modes = (
    hash                 => $sum,
    upper                => uc $sum,
    another              => $other,
    empty                => sha256_hex(''),
    blank                => '',
    short                => substr($sum, 1),
    map { $_ => $_ } qw/UNSIGNED-PAYLOAD unsigned-payload
        STREAMING-AWS4-HMAC-SHA256-PAYLOAD
        STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
        STREAMING-UNSIGNED-PAYLOAD-TRAILER
        STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD
        STREAMING-AWS4-HMAC-SHA256-EVENTS
        REQUIRED NONE UNSIGNED/,
);

foreach my $mode (sort keys %modes) {
    my $value = $modes{$mode};
    my $good = $mode eq 'hash';
    my @header = ['X-Amz-Content-Sha256', $value];
    my $query = '/?X-Amz-Content-Sha256=' . Deskgate::SigV4::encode($value);

    my %answers = (
        'header form, header'   => call(@call, headers => [@header],
                                        payload => 'hash'),
        'header form, header, signed as declared' =>
            call(@call, payload => $value),
        'query form, header'    => presigned(headers => [@header],
                                        payload => 'hash'),
        'query form, header, signed as declared' =>
            presigned(headers => [@header], payload => $value),
        'query form, query'     => presigned(target => $query,
                                        payload => 'hash'),
        'query form, query, signed as declared' =>
            presigned(target => $query, payload => $value),
        'query form, both'      => presigned(target => $query,
                                        headers => [@header],
                                        payload => $value),
    );

    foreach my $where (sort keys %answers) {
        my $what = "x-amz-content-sha256 $mode, $where";

        if ($good && $where !~ /query form, (query|both)/) {
            passes($what, $answers{$where});
            next;
        }

        isnt($answers{$where}{status}, 200, $what) if !$good;
    }
}

passes('declared nowhere, signed over the body', presigned(payload => 'hash'));
refused('signature_mismatch', 'declared nowhere, signed as unsigned',
    presigned(payload => 'UNSIGNED-PAYLOAD'));
refused('signature_mismatch', 'declared nowhere, signed as unsigned, header',
    altered(sub { drop($_[0], 'x-amz-content-sha256') },
        payload => 'UNSIGNED-PAYLOAD',
        signed => [qw/content-type host x-amz-date x-amz-target/]));
refused('payload_hash', "a hash that is not the body's",
    call(@call, payload => $other));
refused('payload_mode', 'an unsigned payload',
    call(@call, payload => 'UNSIGNED-PAYLOAD'));
refused('payload_mode', 'a streaming payload',
    call(@call, payload => 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'));
refused('signature_mismatch', 'another body',
    altered(sub { $_[0]{body} = '{ }' }));
refused('payload_hash', 'another body than the declared one',
    altered(sub { $_[0]{body} = '{ }' }, payload => 'header'));
passes('a body in chunks', altered(sub {
    $_[0]{chunked} = ['{', '}'];
    $_[0]{body} = undef;
}));


# one credential only

my ($authorization) = grep { $_->[0] eq 'Authorization' }
    @{{signed_call(@call)}->{headers}};

refused('credentials_ambiguous', 'header and query form',
    altered(sub { push @{$_[0]{headers}}, $authorization }, form => 'query'));
refused('credentials_ambiguous', 'one parameter of the query form is enough',
    call(@call, target => '/?X-Amz-Signature=0'));
refused('credentials_ambiguous', 'in whatever case',
    call(@call, target => '/?x-amz-credential=0'));
refused('credentials_ambiguous', 'and escaped',
    call(@call, target => '/?X%2DAmz%2d%53ignature=0'));
refused('credentials_ambiguous', 'a security token in query and header',
    presigned(session_token => $TOKEN, as => \%CAROL,
        headers => [['X-Amz-Security-Token', $TOKEN]]));

my $twice = altered(sub { push @{$_[0]{headers}}, $authorization });

is($twice->{status}, 400, 'Authorization twice');
is($aws->count, count_passed(), 'sends nothing');

refused('credentials_missing', 'none',
    altered(sub { drop($_[0], 'authorization') }));
refused('credentials_missing', 'Basic', altered(sub {
    change($_[0], 'authorization', sub { 'Basic YTpi' })
}));


# what must be signed

my @all = qw/content-type host x-amz-date x-amz-target/;

refused('header_unsigned', 'unsigned host',
    call(@call, signed => without('host')));
refused('header_unsigned', 'unsigned x-amz-date',
    call(@call, signed => without('x-amz-date')));
refused('header_unsigned', 'unsigned x-amz-target',
    call(@call, signed => without('x-amz-target')));
refused('header_unsigned', 'an unsigned x-amz- header',
    call(@call, headers => [['X-Amz-Anything', '1']], signed => [@all]));
refused('header_unsigned', 'unsigned in the query form',
    altered(sub { push @{$_[0]{headers}}, ['X-Amz-Anything', 1] },
        form => 'query'));
refused('signed_headers', 'unsorted', call(@call, unsorted => 1,
    signed => [reverse @all]));
refused('signed_headers', 'not sent', call(@call, signed => [@all, 'x-none']));
refused('signed_headers', 'repeated', call(@call,
    signed => [sort @all, 'host']));
refused('signed_headers', 'in upper case', altered(sub {
    change($_[0], 'authorization',
        sub { $_[0] =~ s/content-type/Content-Type/r })
}));

passes('an unsigned header that may be', altered(sub {
    push @{$_[0]{headers}}, ['X-Forwarded-For', '1.2.3.4'];
}));
passes('a signed header of two lines',
    call(@call, headers => [['X-Two', 'a'], ['X-Two', 'b']]));
refused('signature_mismatch', 'one of its lines dropped', altered(sub {
    pop @{$_[0]{headers}} while $_[0]{headers}[-1][0] ne 'X-Two';
    pop @{$_[0]{headers}};
    my @line = grep { $_->[0] =~ /^(X-Amz-Date|Authorization)$/ }
        @{$_[1]};
    push @{$_[0]{headers}}, @line;
}, headers => [['X-Two', 'a'], ['X-Two', 'b']]));
passes('blanks within a value',
    call(@call, headers => [['X-Blank', 'a   b  c']]));


# scope

refused('scope_region', 'another region', call(@call, region => 'eu-west-1'));
refused('scope_service', 'another service',
    call(@call, service => 'workspaces-instances'));
refused('scope_service', 'a service that is signed right for another call',
    call('workspaces-instances' => 'ListRegions', {},
        service => 'workspaces'));
refused('scope_date', 'another day', altered(sub {
    change($_[0], 'authorization', sub { $_[0] =~ s{/\d{8}/}{/20200101/}r });
}));
refused('scope_terminator', 'another terminator', altered(sub {
    change($_[0], 'authorization', sub { $_[0] =~ s/aws4_request/aws5/r });
}));
refused('signature_algorithm', 'another algorithm', altered(sub {
    change($_[0], 'authorization', sub { $_[0] =~ s/SHA256/SHA512/r });
}));
refused('signature_algorithm', 'the asymmetric algorithm', altered(sub {
    change($_[0], 'authorization',
        sub { $_[0] =~ s/HMAC-SHA256/ECDSA-P256-SHA256/r });
}));

foreach my $part (qw/Credential SignedHeaders Signature/) {
    refused('signature_incomplete', "no $part", altered(sub {
        change($_[0], 'authorization', sub { $_[0] =~ s/$part=[^,]*,? ?//r });
    }));
}

refused('signature_mismatch', 'a digit of the signature', altered(sub {
    change($_[0], 'authorization',
        sub { my $c = chop $_[0]; $_[0] . ($c eq '0' ? '1' : '0') });
}));


# clocks

refused('signature_expired', '16 minutes late',
    call(@call, time => time - 16 * 60));
refused('signature_early', '16 minutes early',
    call(@call, time => time + 16 * 60));
passes('within a skew of its own', call(@call, time => time - 50,
    port => 8081));
refused('signature_expired', 'beyond a skew of its own',
    call(@call, time => time - 70, port => 8081));
refused('signature_early', 'beyond it the other way',
    call(@call, time => time + 70, port => 8081));
refused('signature_expired', 'presigned and expired',
    presigned(expires => 60, time => time - 62));
refused('signature_early', 'presigned for later',
    presigned(expires => 60, time => time + 16 * 60));
refused('presign_lifetime', 'a lifetime of more than a week',
    presigned(expires => 604801));
refused('presign_lifetime', "a lifetime of $_", presigned(expires => $_))
    foreach '-1', '1e3', '18446744073709551617';

my $expired = call(@call, time => time - 16 * 60);

is(error_type($expired), 'InvalidSignatureException', 'its exception');
like(json_of($expired)->{message}, qr/^Signature expired: \d{8}T\d{6}Z is now/,
    "and AWS's words");

passes('Date in place of X-Amz-Date', dated(time));
refused('signature_expired', 'an old Date', dated(time - 3600));
refused('header_unsigned', 'an unsigned Date', dated(time,
    qw/content-type host x-amz-target/));
refused('signature_incomplete', 'X-Amz-Date twice', altered(sub {
    push @{$_[0]{headers}}, grep { $_->[0] eq 'X-Amz-Date' } @{$_[1]};
}));
refused('signature_incomplete', 'no date at all', altered(sub {
    drop($_[0], 'x-amz-date')
}));
refused('signature_incomplete', "an X-Amz-Date of $_->[0]", altered(sub {
    my ($date) = $_->[1];
    change($_[0], 'x-amz-date', sub { $date });
})) foreach ['another form', '2026-06-15T08:09:10Z'], ['no form', 'now'],
    ['the 31st of February', '20260231T000000Z'], ['nothing', ''];
passes('X-Amz-Date goes before Date', call(@call,
    headers => [['Date', 'Mon, 01 Jan 2001 00:00:00 GMT']]));


# keys

refused('key_unknown', 'unknown key',
    call(@call, access_key => 'AKIDNOBODY'));
refused('key_inactive', 'disabled', call(@call, as => one('AKIDOFF')));
refused('key_inactive', 'not valid yet', call(@call, as => one('AKIDEARLY')));
passes('valid now', call(@call, as => one('AKIDSOON')));

my $late = call(@call, as => one('AKIDLATE'));

like(refusal_of($t, $late), qr/^(key_inactive|session_expired)$/, 'expired');

passes('with its session token', call(@call, as => \%CAROL,
    session_token => $TOKEN));
passes('with its session token, presigned', presigned(as => \%CAROL,
    session_token => $TOKEN));
refused('session_token', 'without', call(@call, as => \%CAROL));
refused('session_token', 'with another', call(@call, as => \%CAROL,
    session_token => 'x' x length $TOKEN));
refused('session_token', 'with a longer one', call(@call, as => \%CAROL,
    session_token => "${TOKEN}x"));
refused('session_token', 'superfluous', call(@call,
    session_token => $TOKEN));

my @wrong = (call(@call, access_key => 'AKIDNOBODY'),
    call(@call, as => one('AKIDOFF')), call(@call, as => \%CAROL));

is(error_type($_), 'UnrecognizedClientException', 'one answer for them all')
    foreach @wrong;
is($wrong[$_]{body} =~ s/"[0-9a-f-]{36}"//r,
    $wrong[0]{body} =~ s/"[0-9a-f-]{36}"//r, 'in one text') foreach 1, 2;


# a wrong secret: what the log tells

my $answer = call(@call, access_key => $ALICE{access_key},
    secret_key => $EVE{secret_key});

refused('signature_mismatch', 'wrong secret', $answer);

my ($line) = reverse grep { /canonical request/ } split /\n/, $t->log;
my ($hash, $host, $names) = $line =~ /request\ has\ sha256\ ([0-9a-f]{64}),
    \ host\ "([^"]*)",\ signed\ headers\ "([^"]*)"/x;

is($names, 'content-type;host;x-amz-date;x-amz-target', 'header names');
is($host, 'localhost', 'received host');

my $record = record_of($t, $answer);
my %hashes = map { canonical_hash(Deskgate::SigV4::amz_date(time - $_)) => 1 }
    0 .. 30;

ok($hashes{$hash || ''}, 'the hash is that of the canonical request');
is($record->{userIdentity}{arn}, undef, 'an unverified caller is nobody');
is($record->{additionalEventData}{deskgate}{claimed}{accessKeyId},
    $ALICE{access_key}, 'whom it claims to be is beside');
is(error_type($answer), 'InvalidSignatureException', 'the exception');

$record = record_of($t, call(@call, access_key => 'AKIDNOBODY'));
is($record->{additionalEventData}{deskgate}{claimed}{accessKeyId},
    'AKIDNOBODY', 'an unknown key is claimed');
ok(!exists $record->{requestParameters} || !defined
    $record->{requestParameters}, 'and nothing of its body is believed');
like($t->log, qr/refused: key_unknown, \S+, caller claims to be "AKIDNOBODY",/,
    'the log says which key that was');
like($t->log, qr/refused: scope_region, .*: "Credential should be scoped to a/,
    'and what a client of another region was told');


# texts

my %texts = (
    'two keys, sorted by value' => '/?a=2&a=1',
    'two keys, out of order'    => '/?b=1&a=1',
    'no value'                  => '/?a',
    'an empty value'            => '/?a=',
    'a plus'                    => '/?a=x+y',
    'a blank'                   => '/?a=x%20y',
    'UTF-8'                     => '/?a=%C3%A9&%E2%82%AC=1',
    'lower-case escapes'        => '/?a=%c3%a9',
    'an escaped letter'         => '/?%61=%62',
    'an equals sign'            => '/?a=b%3Dc',
    'a slash'                   => '/?a=b/c',
    'an asterisk and a tilde'   => '/?a=*~',
);

foreach my $name (sort keys %texts) {
    my $target = $texts{$name};
    my $plus = $target =~ /\+/;

    # a raw + is what a signer escapes to %2B
    passes("query with $name", call(@call, target => $target)) if !$plus;
    passes("query form with $name", presigned(target => $target)) if !$plus;
}

refused('signature_mismatch', 'another order of values that changes nothing'
    . ' still counts as signed', altered(sub { $_[0]{target} = '/?a=1&a=3' },
    target => '/?a=1&a=2'));
passes('another order of the same query', altered(sub {
    $_[0]{target} = '/?b=2&a=1'
}, target => '/?a=1&b=2'));
refused('signature_mismatch', 'a parameter added', altered(sub {
    $_[0]{target} = '/?a=1&b=2'
}, target => '/?a=1'));
isnt(altered(sub { $_[0]{target} = '/?a=x+y' }, target => '/?a=x%20y')
    ->{status}, 200, 'a plus is not a blank');

my $tag = '{"ResourceId":"ws-12345678","Tags":[{"Key":"k","Value":"%s"}]}';
my $input = sprintf $tag, "caf\xc3\xa9";

passes('a body in UTF-8', call(workspaces => 'CreateTags', $input));
refused('signature_mismatch', 'its accent decomposed', altered(sub {
    $_[0]{body} = sprintf $tag, "cafe\xcc\x81";
}, call => [workspaces => 'CreateTags', $input]));

foreach my $path ('/sessionConnectionData/a%20b/%C3%A9',
    '/sessionConnectionData/a/corp%5Calice', '/sessionConnectionData/a/b~c')
{
    passes("path $path", call('dcv-session-manager' => 'x', '',
        method => 'GET', target => $path));
}


my %link = signed_call('dcv-session-manager' => 'x', '', method => 'GET',
    target => '/sessionConnectionData/a/alice', form => 'query');

$link{headers} = [['Host', 'localhost']];
isnt(http_request(%link)->{status}, 200,
    'a presigned link without a header that it signs');

%link = (method => 'GET', headers => [['Host', 'localhost']], body => '',
    target => '/sessionConnectionData/a/alice');
$link{target} = Deskgate::SigV4::presign(%link, %ALICE,
    region => 'us-east-1', service => 'dcv-session-manager');
passes('a presigned link', http_request(%link));
is((($broker->requests)[-1])->{target}, '/sessionConnectionData/a/alice',
    'goes upstream without its signature');


# a client that is not ours

my @curl = ('--user', "$ALICE{access_key}:$ALICE{secret_key}",
    '-H', 'Host: localhost');
my $url = 'http://127.0.0.1:' . port(8080);

passes('curl: target', $t->curl(@curl,
    '--aws-sigv4', 'aws:amz:us-east-1:workspaces',
    '-H', 'Content-Type: application/x-amz-json-1.1',
    '-H', 'X-Amz-Target: WorkspacesService.DescribeWorkspaces',
    '-d', '{}', "$url/"));
passes('curl: broker', $t->curl(@curl,
    '--aws-sigv4', 'aws:amz:us-east-1:dcv-session-manager',
    '-H', 'Content-Type: application/json', '-d', '{}',
    "$url/describeSessions"));
refused('signature_mismatch', 'curl: wrong secret', $t->curl('--user',
    "$ALICE{access_key}:$EVE{secret_key}", '-H', 'Host: localhost',
    '--aws-sigv4', 'aws:amz:us-east-1:dcv-session-manager',
    '-H', 'Content-Type: application/json', '-d', '{}',
    "$url/describeSessions"));

is(join(',', grep { $_ ne 'ok' } map { $_->{verdict} } $aws->requests), '',
    'all that was forwarded was signed');
ok(!(grep { $_->{raw} =~ /AKIDALICE|X-Amz-Signature=/ } $aws->requests),
    "and nothing of the clients' signatures left");

$t->finish;


sub entry {
    my ($id, $user, %more) = @_;

    my $secret = one($id)->{secret_key};

    $t->secret($secret);

    return { access_key_id => $id, secret_access_key => $secret,
        principal => "arn:aws:iam::$ACCOUNT:user/$user", %more };
}


sub one {
    my ($id) = @_;

    return $id eq 'AKIDCAROL' ? \%CAROL
        : { access_key => $id, secret_key => "secret-of-$id-000000" };
}


sub rfc3339 { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }


sub presigned {
    my (%opt) = @_;

    return call(@call, %opt, form => 'query');
}


# A call that is changed after it was signed
sub altered {
    my ($code, %opt) = @_;

    my %request = signed_call(@{delete $opt{call} || [@call]}, %opt);
    my @before = @{$request{headers}};

    $code->(\%request, \@before);

    return http_request(%request);
}


sub drop {
    my ($request, $name) = @_;

    @{$request->{headers}} = grep { lc $_->[0] ne $name }
        @{$request->{headers}};
}


sub change {
    my ($request, $name, $code) = @_;

    $request->{headers} = [map {
        lc $_->[0] eq $name ? [$_->[0], $code->($_->[1])] : $_
    } @{$request->{headers}}];
}


sub without { return [grep { $_ ne $_[0] } @all] }


# Signed over Date alone: the signer's X-Amz-Date is taken out of everything
sub dated {
    my ($when, @names) = @_;

    @names = qw/content-type date host x-amz-target/ if !@names;

    my %request = Deskgate::Gateway::operation_request(@call, headers =>
        [['Date', strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime $when)]]);
    my $stamp = Deskgate::SigV4::amz_date($when);
    my $scope = substr($stamp, 0, 8) . '/us-east-1/workspaces/aws4_request';
    my $canonical = Deskgate::SigV4::canonical_request('POST', '/', '',
        $request{headers}, \@names, sha256_hex('{}'));
    my $signature = Digest::SHA::hmac_sha256_hex(
        Deskgate::SigV4::string_to_sign($stamp, $scope, $canonical),
        Deskgate::SigV4::signing_key($ALICE{secret_key}, $scope));

    push @{$request{headers}}, ['Authorization', 'AWS4-HMAC-SHA256 '
        . "Credential=$ALICE{access_key}/$scope, SignedHeaders="
        . join(';', @names) . ", Signature=$signature"];

    return http_request(%request);
}


sub canonical_hash {
    my ($stamp) = @_;

    my %request = Deskgate::Gateway::operation_request(@call,
        headers => [['X-Amz-Date', $stamp]]);

    return sha256_hex(Deskgate::SigV4::canonical_request('POST', '/', '',
        $request{headers}, [@all], sha256_hex('{}')));
}


sub passes {
    my ($name, $answer) = @_;

    is($answer->{status}, 200, $name)
        or diag(refusal_of($t, $answer));
}


sub refused {
    my ($refusal, $name, $answer) = @_;

    is(refusal_of($t, $answer), $refusal, "$name: $refusal");
}


sub count_passed {
    my $count = grep { $_->{eventSource} eq 'workspaces.amazonaws.com'
        && !$_->{additionalEventData}{deskgate}{refusal} }
        $t->wait_records($t->record_lines);

    return $count;
}

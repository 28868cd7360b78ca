#!/usr/bin/perl

# What proxy_pass would send is compared with what was signed, and whom it is
# sent to with what is safe: each difference is refused, nothing is sent.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw/time/;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new()->need('openssl');
my $g = Deskgate::Send->new($t);

# 192.0.2.0/24 is for documentation (RFC 5737): nobody is there
my $TO = 'proxy_pass http://127.0.0.1:8081;';
my $FAR = 'proxy_pass https://192.0.2.1;';
my $VERIFY = 'proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;';

# [name, lines of the location, refusal, part of the reason]
my @differences = (
    ['proxy_set_body', "proxy_set_body '{\"a\":1}'; $TO", qr/proxy_set_body/],
    ['proxy_set_body of the same length', "proxy_set_body '[]'; $TO",
        qr/proxy_set_body/],
    ['proxy_set_body of the very body', "proxy_set_body \$request_body; $TO",
        qr/proxy_set_body/],
    ['proxy_method', "proxy_method PUT; $TO", qr/proxy_method/],
    ['proxy_set_header Authorization',
        "proxy_set_header Authorization 'Bearer another-token'; $TO",
        qr/a signed header: remove its proxy_set_header/],
    ['proxy_set_header Authorization, empty',
        "proxy_set_header Authorization ''; $TO", qr/missing/],
    ['proxy_set_header X-Amz-Date',
        "proxy_set_header X-Amz-Date 20200101T000000Z; $TO",
        qr/a signed header/],
    ['proxy_set_header X-Amz-Target',
        "proxy_set_header X-Amz-Target WorkspacesService.DeleteTags; $TO",
        qr/a signed header/],
    ['proxy_set_header Content-Type',
        "proxy_set_header Content-Type text/plain; $TO", qr/a signed header/],
    ['proxy_set_header X-Amz-Foo', "proxy_set_header X-Amz-Foo bar; $TO",
        qr/only deskgate sets/],
    ['proxy_set_header X_Amz_Foo', "proxy_set_header X_Amz_Foo bar; $TO",
        qr/only deskgate sets/],
    ['proxy_set_header X-Amz-Security-Token',
        "proxy_set_header X-Amz-Security-Token bar; $TO",
        qr/only deskgate sets/],
    ['proxy_set_header X-Forwarded-For',
        "proxy_set_header X-Forwarded-For 198.51.100.1; $TO",
        qr/only deskgate sets/],
    ['proxy_set_header Cookie', "proxy_set_header Cookie a=b; $TO",
        qr/only deskgate sets/],
    ['proxy_set_header Accept-Encoding',
        "proxy_set_header Accept-Encoding gzip; $TO", qr/only deskgate sets/],
    ['proxy_set_header Content-Length',
        "proxy_set_header Content-Length 1; $TO", qr/length/],
    ['proxy_set_header Content-Length, empty',
        "proxy_set_header Content-Length ''; $TO", qr/length/],
    ['proxy_set_header Transfer-Encoding',
        "proxy_set_header Transfer-Encoding chunked; $TO",
        qr/only deskgate sets/],
    ['proxy_set_header Host', "proxy_set_header Host \$http_host; $TO",
        qr/Host: add proxy_set_header Host/],
    ['a URI in proxy_pass', 'proxy_pass http://127.0.0.1:8081/x/;',
        qr/method or target/],
    ['a URI in proxy_pass with variables',
        'set $to 127.0.0.1:8081; proxy_pass http://$to/x/;',
        qr/method or target/],
    ['a query added', "set \$args a=b; rewrite ^(.*)\$ \$1 break; $TO",
        qr/method or target/],
    ['proxy_pass_request_headers off',
        "proxy_pass_request_headers off; $TO", qr/missing/],
    ['proxy_pass_request_body off', "proxy_pass_request_body off; $TO",
        qr/body/],
    ['proxy_cache', "proxy_cache cold; $TO", qr/proxy_cache/],
    ['proxy_cache with a variable',
        "set \$zone cold; proxy_cache \$zone; $TO", qr/proxy_cache/],
    ['proxy_store', "proxy_store %%TESTDIR%%/store; $TO", qr/proxy_store/],
    ['proxy_next_upstream non_idempotent',
        "proxy_next_upstream error non_idempotent; $TO",
        qr/non_idempotent/],
    ['a line break', "proxy_set_header X-Path 'a\r\n\r\nGET /'; $TO",
        qr/line break/],
    ['a line break alone', "proxy_set_header X-Path 'a\nX-Evil: 1'; $TO",
        qr/line break/],
    ['another module than proxy', 'fastcgi_pass 127.0.0.1:8081;',
        qr/method or target/],
);

my @peers = (
    ['variables to an unknown name',
        'set $to nowhere.example; proxy_pass http://$to;',
        qr/must name a configured upstream/],
    ['variables to an address',
        'set $to 127.0.0.1:1; proxy_pass http://$to;',
        qr/must name a configured upstream/],
    ['no TLS', 'proxy_pass http://192.0.2.1;', qr{use proxy_pass https://}],
    ['no TLS, by variables', 'set $to far; proxy_pass http://$to;',
        qr{use proxy_pass https://}],
    ['no TLS, one server of two', 'proxy_pass http://mixed;',
        qr{use proxy_pass https://}],
    ['no verification', $FAR, qr/proxy_ssl_verify on/],
    ['no server name', "$VERIFY $FAR", qr/proxy_ssl_server_name on/],
);

# these send, or try to
my @allowed = (
    ['variables to an upstream', 'set $to near; proxy_pass http://$to;'],
    ['variables in the whole address',
        'set $to http://near; proxy_pass $to;'],
    ['variables with an address that is configured too',
        'set $to 127.0.0.1:8081; proxy_pass http://$to;'],
    ['a unix socket', 'proxy_pass http://unix:%%TESTDIR%%/up.sock:;'],
    ['TLS on this host', 'proxy_pass https://127.0.0.1:8088;'],
    ['TLS that is verified', "$VERIFY proxy_ssl_server_name on; "
        . 'proxy_ssl_name upstream.example; proxy_pass https://tls;'],
    ['other headers', "proxy_set_header X-Trace abc; $TO"],
    ['headers out of it', "proxy_set_header User-Agent ''; $TO"],
    ['buffering off', "proxy_buffering off; proxy_request_buffering off; "
        . $TO],
);

my (%port, $servers);
my $number = 8100;

foreach my $case (@differences, @peers, @allowed) {
    my ($name, $lines) = @$case;
    my $location = $name eq 'proxy_set_header Host'
        ? $g->aws(bare => 1) : $g->aws;

    $port{$name} = $number++;
    $servers .= <<"EOF_SERVER";
    server {
        listen  127.0.0.1:$port{$name};

        location / {
            $location
            $lines
        }
    }
EOF_SERVER
}

my ($bare, $aws, $broker, $cached) = ($g->aws(bare => 1), $g->aws,
    $g->broker, $g->broker(inject => 'cached'));

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}

    proxy_cache_path  %%TESTDIR%%/cold keys_zone=cold:1m;
    proxy_connect_timeout  2s;

    deskgate_broker cached {
        token               /_deskgate/cached;
        client_id           gateway;
        client_secret_file  broker.secret;
    }

    upstream near {
        server  127.0.0.1:8081;
    }

    # a name of its own: sessions of unverified connections are shared
    upstream tls {
        server  127.0.0.1:8088;
    }

    upstream far {
        server  192.0.2.1:80;
    }

    upstream mixed {
        server  127.0.0.1:8081;
        server  192.0.2.1:80;
    }

$servers

    # no Host line at all: proxy sends the name of the upstream
    server {
        listen  127.0.0.1:8082;

        location / {
            $bare
            proxy_pass  http://near;
        }
    }

    server {
        listen  127.0.0.1:8083;

        location / {
            $aws
            deskgate_insecure_upstream  on;
            proxy_pass  http://mixed;
        }
    }

    server {
        listen  127.0.0.1:8090;

        location / {
            $aws
            rewrite     ^ /other break;
            proxy_pass  http://near;
        }
    }

    # other ways that lead to proxy_pass
    server {
        listen  127.0.0.1:8084;

        location / {
            $aws
            mirror      /mirror;
            proxy_pass  http://near;
        }

        location = /mirror {
            internal;
            proxy_pass  http://127.0.0.1:8086\$request_uri;
        }
    }

    server {
        listen  127.0.0.1:8085;

        location / {
            $aws
            proxy_pass  http://192.0.2.1;
            error_page  500 = \@elsewhere;
        }

        location \@elsewhere {
            proxy_pass  http://127.0.0.1:8086;
        }
    }

    server {
        listen  127.0.0.1:8087;
        client_max_body_size  10;

        location / {
            $aws
            proxy_pass  http://near;
            error_page  413 = \@elsewhere;
        }

        location \@elsewhere {
            proxy_pass  http://127.0.0.1:8086;
        }
    }

    # something after the answer
    server {
        listen  127.0.0.1:8091;

        location / {
            $aws
            post_action  /after;
            proxy_pass   http://near;
        }

        location = /after {
            internal;
            proxy_pass  http://127.0.0.1:8086;
        }
    }

    # the token endpoint is guarded as well
    server {
        listen  127.0.0.1:8092;

        location / {
            $cached
            proxy_pass  http://127.0.0.1:8086;
        }

        location = /_deskgate/cached {
            internal;
            proxy_cache  cold;
            proxy_pass   http://127.0.0.1:8086/oauth2/token;
        }
    }

    server {
        listen  127.0.0.1:8089;

        location / {
            $broker
            proxy_pass  http://127.0.0.1:8086;
        }

        location = /_deskgate/token {
            internal;
            proxy_pass  http://192.0.2.1/oauth2/token;
        }
    }

    server {
        listen  127.0.0.1:8088 ssl;
        listen  unix:%%TESTDIR%%/up.sock;
        ssl_certificate      upstream.pem;
        ssl_certificate_key  upstream.key;

        location / {
            proxy_set_header  Host \$http_host;
            proxy_pass  http://127.0.0.1:8081;
        }
    }
}

EOF_CONF

sub certificate {
    my $dir = $t->testdir;

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        . " -nodes -days 2 -subj /CN=upstream.example"
        . " -addext subjectAltName=DNS:upstream.example"
        . " -keyout $dir/upstream.key -out $dir/upstream.pem 2>/dev/null")
        and die 'openssl';
    system('cp', "$dir/upstream.pem", "$dir/ca.pem");
}

certificate();

my $up = $g->upstream;
my $elsewhere = Deskgate::Upstream->start($t, port => 8086,
    name => 'elsewhere');

$t->run();

my $records = 0;
my $lines = 0;


# Refused by the guard: in the service's form, logged once, recorded once,
# and nobody was sent anything
sub refused {
    my ($name, $answer, $refusal, $reason) = @_;

    $records++;
    is($answer->{status}, 500, "$name: refused");
    is((json_of($answer) || {})->{__type}, 'InternalFailure',
        "$name: in the service's form") or diag($answer->{body});
    is($up->count, 0, "$name: nothing was sent");
    $up->clear;

    my @refusals = grep { /deskgate refused/ } split /\n/, $t->log;
    my @new = @refusals[$lines .. $#refusals];

    $lines = @refusals;
    is(scalar @new, 1, "$name: one line in the error log");
    like($new[0], qr/refused: $refusal,.*: .*$reason/, "$name: with why");
}

foreach my $case (@differences) {
    my ($name, undef, $reason) = @$case;

    refused($name, $g->call('DescribeWorkspaces', port => $port{$name}),
        'sent_differs', $reason);
}

refused('no Host line', $g->call('DescribeWorkspaces', port => 8082),
    'sent_differs', qr/proxy_set_header Host \$deskgate_host/);

is($g->call('DescribeWorkspaces', port => 8090)->{status}, 400,
    'a rewritten path is not the call any more');
is($up->count, 0, 'and is not sent');
$records++;
$lines++;

foreach my $case (@peers) {
    my ($name, undef, $reason) = @$case;
    my $start = time;

    refused($name, $g->call('DescribeWorkspaces', port => $port{$name}),
        'upstream_insecure', $reason);
    cmp_ok(time - $start, '<', 1.5, "$name: no connection is tried");
}

ok($t->log !~ qr/192\.0\.2\.1.*(timed out|unreachable|refused)/,
    'nobody was connected to');

foreach my $case (@allowed) {
    my ($name) = @$case;
    my $answer = $g->call('DescribeWorkspaces', port => $port{$name});

    $records++;
    is($answer->{status}, 200, "$name: is sent")
        or diag($answer->{body}, $t->log =~ /(.*refused.*)\n\z/);
    is(($up->requests)[0]{verdict}, 'ok', "$name: as signed");
    $up->clear;
}

# twice: one of the two servers is this host
foreach (1, 2) {
    $g->call('DescribeWorkspaces', port => 8083);
    $records++;
}

cmp_ok($up->count, '>=', 1, 'deskgate_insecure_upstream on: is sent');
$up->clear;


# a refusal of the guard uses up no signature

{
    my $q = $g->aws_request('StopWorkspaces', port => $port{proxy_method},
        body => '{"StopWorkspaceRequests":[{"WorkspaceId":"ws-123456789"}]}');

    is(http_request(%$q)->{status}, 500, 'a change that the guard refuses')
        foreach 1, 2;
    $records += 2;
    $lines += 2;
    is(http_request(%$q, port => 8084)->{status}, 200,
        'is sent when it may');
    is($up->count, 1, 'once');
    $up->clear;
    $records++;
    like(http_request(%$q, port => 8084)->{status}, qr/^4/, 'and not again');
    $records++;
    $lines++;
    is($up->count, 0, 'nor sent');
    $up->clear;
}


# other ways

{
    my $answer = $g->call('DescribeWorkspaces', port => 8084);

    $records++;
    is($answer->{status}, 200, 'mirror: the call itself is answered');
    ok($t->wait_log(qr/deskgate stopped a subrequest: .*mirror/),
        'mirror: is stopped, and said so');
    is($elsewhere->count, 0, 'mirror: nothing was sent there');
    is($up->count, 1, 'mirror: the call was sent once');
    $up->clear;
}

refused('error_page after a refusal of the guard',
    $g->call('DescribeWorkspaces', port => 8085), 'upstream_insecure',
    qr{use proxy_pass https://});
is($elsewhere->count, 0, 'error_page does not send it elsewhere');

{
    my $q = $g->aws_request('DescribeWorkspaces', port => 8087,
        body => '{"Limit":20, "NextToken":"abc"}');

    delete $q->{body};

    my $answer = http_request(%$q,
        chunked => ['{"Limit":20,', ' "NextToken":"abc"}']);

    $records++;
    is($answer->{status}, 500, 'error_page for a body too large');
    is($elsewhere->count, 0, 'does not send a call that was not let go');
    $lines = grep { /deskgate refused/ } split /\n/, $t->log;
}

{
    my $answer = $g->call('DescribeWorkspaces', port => 8091);

    $records++;
    is($answer->{status}, 200, 'post_action: the call is answered');
    ok($t->wait_for(sub { $t->record_lines >= $records }),
        'post_action: and recorded');
    is($elsewhere->count, 0, 'post_action: nothing is sent there');
    is($up->count, 1, 'post_action: the call was sent once');
    $up->clear;
}

{
    my $answer = $g->broker_call('POST', '/describeSessions', port => 8092,
        body => '{}');

    $records++;
    is($answer->{status}, 503, 'a token is not cached by nginx');
    is($elsewhere->count, 0, 'nor asked for so');
    ok($t->log =~ qr{refused: broker_token_unavailable,.*proxy_cache},
        'the reason is said');
}

{
    my $start = time;
    my $answer = $g->broker_call('POST', '/describeSessions', port => 8089,
        body => '{}');

    $records++;
    is($answer->{status}, 503, 'the token endpoint is guarded');
    is($elsewhere->count, 0, 'and the call is not sent without a token');
    cmp_ok(time - $start, '<', 1.5, 'no connection was tried');
    ok($t->log =~ qr{refused: broker_token_unavailable,.*use proxy_pass https},
        'the reason is said');
}

is(scalar $t->wait_records($records), $records, 'one record for each call');

my @refused = grep { ($_->{errorCode} || '') eq 'InternalFailure' }
    $t->records;

is(scalar @refused, @peers + @differences + 5,
    'the records say which were refused');

$t->finish;

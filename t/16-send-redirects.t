#!/usr/bin/perl

# Ways through nginx that end at another location: the call is still the same
# one, authenticated, charged and recorded once.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Send;
use Deskgate::Upstream;

my $t = Deskgate->new();
my $g = Deskgate::Send->new($t);
my $aws = $g->aws;
my $proxy = $g->proxy;
my $throttle = 'deskgate_throttle rate=1r/m burst=3 key=caller;';

mkdir $t->testdir . '/html', 0700;
$t->write_file('html/page.html', 'a page of the operator');

$t->write_file_expand('nginx.conf', <<"EOF_CONF");

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%
@{[$g->objects]}

    root  %%TESTDIR%%/html;

    # try_files to a named location
    server {
        listen  127.0.0.1:8080;

        location / {
            $aws
            $throttle
            try_files  /nothing \@send;
        }

        location \@send {
            $proxy
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # the same, and both have deskgate
    server {
        listen  127.0.0.1:8082;

        location / {
            $aws
            $throttle
            try_files  /nothing \@send;
        }

        location \@send {
            $aws
            $throttle
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # error_page to another upstream, deskgate in both
    server {
        listen  127.0.0.1:8083;

        location / {
            $aws
            $throttle
            proxy_pass  http://127.0.0.1:8086;
            error_page  502 = \@send;
        }

        location \@send {
            $aws
            $throttle
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # rewrite ... last before any location of deskgate
    server {
        listen  127.0.0.1:8084;

        location = /old {
            rewrite  ^ / last;
        }

        location / {
            $aws
            $throttle
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # rewrite to the very same path
    server {
        listen  127.0.0.1:8085;

        location / {
            $aws
            $throttle
            rewrite     ^/\$ / break;
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # pages for errors of the upstream and of the gateway
    server {
        listen  127.0.0.1:8087;

        location / {
            $aws
            $throttle
            proxy_pass  http://127.0.0.1:8086;
            error_page  400 403 429 500 502 503 504 /page.html;
        }

        location = /page.html {
            internal;
        }
    }

    # a location that is only reached from inside
    server {
        listen  127.0.0.1:8088;

        location / {
            error_page  418 = \@send;
            return      418;
        }

        location \@send {
            $aws
            $throttle
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # X-Accel-Redirect of the upstream
    server {
        listen  127.0.0.1:8089;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8091;
        }

        location = /inside {
            internal;
            $proxy
            proxy_pass  http://127.0.0.1:8090;
        }
    }
}

EOF_CONF

my $up = $g->upstream;
my $other = Deskgate::Upstream->start($t, port => 8090, name => 'other');
my $accel = Deskgate::Upstream->start($t, port => 8091, name => 'accel',
    answer => sub {
        return { headers => [['X-Accel-Redirect', '/inside']], body => '{}' };
    });

$t->run();

my $records = 0;


# `burst` calls pass and the next one does not: each was charged once
sub charged_once {
    my ($name, $port, $status) = @_;

    foreach my $i (1 .. 3) {
        my $answer = $g->call('DescribeWorkspaces', port => $port,
            body => qq({"Limit":$i}));

        $records++;
        is($answer->{status}, $status, "$name: call $i")
            or diag($answer->{body});

        next if $status != 200;

        my @requests = $up->requests;

        $up->clear;
        is(scalar @requests, 1, "$name: sent once");
        is($requests[0]{verdict}, 'ok', "$name: as signed");
        is($requests[0]{access_key}, 'AKIDEGRESS', "$name: by the gateway");
    }

    my $answer = $g->call('DescribeWorkspaces', port => $port);

    $records++;
    is((json_of($answer) || {})->{__type}, 'ThrottlingException',
        "$name: the fourth is one too many") or diag($answer->{body});
    is($up->count, 0, "$name: which is not sent");

    $t->wait_for(sub { $t->record_lines >= $records });
    is($t->record_lines, $records, "$name: one record for each");
}

charged_once('try_files', 8080, 200);

# the throttle's key is the caller: what one location took the next one lacks
foreach my $case (['try_files, deskgate in both', 8082],
    ['error_page, deskgate in both', 8083],
    ['rewrite to the same path', 8085], ['a named location only', 8088])
{
    charged_once(@$case, 200);
}

charged_once('an operator\'s error page', 8087, 502);

{
    my $answer = $g->call('DescribeWorkspaces', port => 8084);

    $records++;
    is($answer->{status}, 200, 'the path itself');
    $up->clear;
    $answer = $g->call('DescribeWorkspaces', port => 8084, target => '/old');
    $records++;
    is($answer->{status}, 404, 'rewrite ... last: not the call that was made');
    is($up->count, 0, 'and is not sent');
}

{
    my $answer = $g->call('DescribeWorkspaces', port => 8089);

    $records++;
    isnt($answer->{status}, 200, 'X-Accel-Redirect of the upstream');
    is($accel->count, 1, 'the upstream had the call');
    is($other->count, 0, 'and cannot send it elsewhere');
}

is(scalar $t->wait_records($records), $records, 'one record for each call');

$t->finish;

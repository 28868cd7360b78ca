#!/usr/bin/perl

# Detours that end at an upstream: what was sent stays sent for the replay
# table, whatever an error page says later; a subrequest is no way around the
# steps; a connection is not handed over to the client.

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

    # error_page to another upstream
    server {
        listen  127.0.0.1:8080;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8086;
            error_page  502 = \@again;
        }

        location \@again {
            $aws
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # error_page to a status that upstreams give when they did nothing
    server {
        listen  127.0.0.1:8082;

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8086;
            error_page  502 = \@busy;
        }

        location \@busy {
            return  503 'come again';
        }
    }

    # a subrequest of a request that is no call
    server {
        listen  127.0.0.1:8083;

        location = /page.html {
            mirror  /;
        }

        location / {
            $aws
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    # the same, where it is only looked at
    server {
        listen  127.0.0.1:8085;

        location = /page.html {
            mirror  /;
        }

        location / {
            $aws
            deskgate_mode  observe;
            proxy_pass     http://127.0.0.1:8081;
        }
    }

    # from where calls are looked at to where they are judged
    server {
        listen  127.0.0.1:8087;

        location / {
            $aws
            deskgate_mode  observe;
            try_files      /nothing \@judged;
        }

        location \@judged {
            $aws
            proxy_pass  http://127.0.0.1:8081;
        }
    }

    server {
        listen  127.0.0.1:8088;

        location / {
            $aws
            deskgate_mode  observe;
            try_files      /nothing \@observed;
        }

        location \@observed {
            $aws
            deskgate_mode  observe;
            proxy_pass     http://127.0.0.1:8081;
        }
    }

    # a page that leaves no record, for a call that leaves one
    server {
        listen  127.0.0.1:8089;

        location / {
            $aws
            deskgate_mode  observe;
            proxy_pass     http://127.0.0.1:8086;
            error_page     502 /ready;
        }

        location = /ready {
            deskgate_ready;
        }
    }

    # what is copied for WebSocket
    server {
        listen  127.0.0.1:8084;

        location / {
            $aws
            proxy_set_header  Upgrade \$http_upgrade;
            proxy_pass        http://127.0.0.1:8081;
        }
    }
}

EOF_CONF

my $up = $g->upstream;
my $drop = Deskgate::Upstream->start($t, port => 8086, name => 'drop',
    answer => sub { return { drop => 1 } });

$t->run();

foreach my $case (['another upstream', 8080], ['a status 503', 8082]) {
    my ($name, $port) = @$case;
    my $request = $g->aws_request('TerminateWorkspaces', port => $port,
        body => qq({"TerminateWorkspaceRequests":
                    [{"WorkspaceId":"ws-12345$port"}]}));

    my $answer = http_request(%$request);

    isnt($answer->{status}, 200, "error_page to $name: first");
    is($drop->count, 1, "error_page to $name: sent");

    $answer = http_request(%$request);

    isnt($answer->{status}, 200, "error_page to $name: replayed");
    is($drop->count, 1, "error_page to $name: not sent again");
    is($up->count, 0, "error_page to $name: nor elsewhere");

    $drop->clear;
    $up->clear;
}

foreach my $case (['judged', 8083, 0], ['observed', 8085, 1]) {
    my ($name, $port, $count) = @$case;
    my $answer = http_request(method => 'GET', target => '/page.html',
        port => $port, headers => [['Host', 'localhost'],
                                   ['Authorization', 'Bearer abc']]);

    is($answer->{status}, 200, "subrequest, $name: the page");
    $t->wait_for(sub { $up->count }, $count ? 5 : 1);
    is($up->count, $count, "subrequest, $name: what was sent");
    $up->clear;
}

foreach my $case (['judges', 8087, 500, 0], ['observes', 8088, 403, 1]) {
    my ($name, $port, $status, $count) = @$case;
    my $answer = http_request(port => $port, method => 'POST', body => '{}',
        headers => [['Host', 'localhost'],
                    $g->operation('DescribeWorkspaces')]);

    is($answer->{status}, $status, "observed, then one that $name: status");
    is($up->count, $count, "observed, then one that $name: what was sent");
    $up->clear;
}

{
    my $page = http_request(port => 8089, method => 'GET',
        target => '/ready', headers => [['Host', 'localhost']]);

    is($page->{status}, 200, 'the page of readiness');

    $t->wait_for(sub { $t->record_lines >= 6 });
    is($t->record_lines, 6, 'a record for each call so far');

    $g->call('DescribeWorkspaces', port => 8089);
    $t->wait_for(sub { $t->record_lines > 6 }, 3);
    is($t->record_lines, 7, 'the call that it answers: a record');
    $up->clear;
}

{
    my $answer = $g->call('DescribeWorkspaces', port => 8084,
        headers => [['Upgrade', 'websocket']]);

    is($answer->{status}, 200, 'Upgrade: the call') or diag($answer->{body});

    my ($request) = $up->requests;

    is_deeply([grep { lc $_->[0] eq 'upgrade' } @{$request->{headers}}], [],
        'Upgrade: not sent');
}

$t->finish;

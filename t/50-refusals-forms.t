#!/usr/bin/perl

# Refusals in the form of each protocol, over HTTP/1.1 and HTTP/2: status,
# media type, body, headers, request id and record agree.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Deskgate;
use Deskgate::Gateway;
use Deskgate::Refusal;

my $t = Deskgate->new()->need('curl');

my $deny = { Effect => 'Deny', Principal => '*', Resource => '*', Action => [
    'workspaces:DescribeAccount', 'workspaces-instances:ListInstanceTypes',
    'ssm-guiconnect:DeleteConnectionRecordingPreferences',
    'dcv-session-manager:DescribeSessions'] };

my %denied = ('aws-json-1.1' => 'DescribeAccount',
    'aws-json-1.0' => 'ListInstanceTypes', 'cbor' => 'ListInstanceTypes',
    'rest-json' => 'DeleteConnectionRecordingPreferences',
    'broker' => 'DescribeSessions');

my $h2 = 'listen 127.0.0.1:8083 http2; client_max_body_size 20k;';

sub beside {
    my ($number, %opt) = @_;

    my $location = gateway_location(%opt);
    my $second = $number + 20;

    return <<"EOF_CONF";
    server {
        listen       127.0.0.1:$number;
        listen       127.0.0.1:$second http2;
        server_name  localhost;
        $opt{server}

        location / {
            $location
        }

        location = /_token {
            internal;
            proxy_http_version  1.1;
            proxy_set_header    Connection "";
            proxy_pass          http://broker/oauth2/token;
        }
    }
EOF_CONF
}

my $http = join "\n",
    'limit_req_zone $server_port zone=nginx:1m rate=1r/m;',
    'upstream gone { server 127.0.0.1:8199; }',
    beside(8110, server => ''),
    beside(8111, server => 'proxy_read_timeout 300ms;'),
    beside(8112, server => 'limit_req zone=nginx;'),
    beside(8113, server => 'limit_req zone=nginx; limit_req_status 429;'),
    beside(8114, server => '',
        location => 'proxy_set_header X-Amz-Date 20200101T000000Z;'),
    beside(8115, server => 'deny all;'),
    beside(8116, server => '',
        location => 'deskgate_throttle rate=1r/h burst=1 '
            . 'key=service,operation,$http_smithy_protocol;');

Deskgate::Gateway::configure($t, statements => [allow_all(), $deny],
    server => $h2, http => $http);

# one of them leads to an upstream that is down
my $text = $t->read_file('nginx.conf');
my $gone = port(8110);

$text =~ s{(listen\s+127\.0\.0\.1:$gone;.*?)proxy_pass\s+http://\$desk_upstream}
          {$1proxy_pass http://gone}s;
$t->write_file('nginx.conf', $text);

my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

$t->run();

my @forms = qw/aws-json-1.1 aws-json-1.0 cbor rest-json broker/;

# sends over both and judges both
sub both {
    my ($form, $number, $request, %want) = @_;

    my $second = $number == 8080 ? 8083 : $number + 20;

    refusal_is($t, http_request(%{$request->()}, port => $number), $form,
        "$want{refusal} over HTTP/1.1", %want);
    refusal_is($t, over_http2($t, $second, %{$request->()}), $form,
        "$want{refusal} over HTTP/2", %want);
}


sub request { my @args = @_; return sub { return { form_request(@args) } } }

foreach my $form (@forms) {
    my $wrong = $form eq 'cbor' ? "\xbf" : '{"a":';

    both($form, 8080, request($form, body => $wrong), status => 400,
        type => 'SerializationException', refusal => 'body_malformed');

    both($form, 8080, request($form, operation => $denied{$form}),
        status => status_of($form, 'denied'),
        type => 'AccessDeniedException', refusal => 'denied_explicit');

    both($form, 8080, request($form, unsigned => 1),
        status => status_of($form, 'missing'),
        type => type_of($form, 'missing'),
        refusal => 'credentials_missing');

    my $big = $form eq 'cbor' ? "\xa0" . 'x' x 30000
                              : '{"a":"' . 'x' x 30000 . '"}';

    both($form, 8080, request($form, body => $big), status => 413,
        type => 'RequestEntityTooLargeException',
        refusal => 'body_too_large');

    both($form, 8110, request($form), status => 502,
        type => type_of($form, 'unavailable'), refusal => 'bad_gateway');

    both($form, 8114, request($form), status => 500, type => type_of($form,
        'internal'), refusal => 'sent_differs') if $form ne 'broker';

    both($form, 8115, request($form), status => 403,
        type => 'AccessDeniedException', refusal => 'forbidden');

    is(http_request(form_request($form), port => 8116)->{status},
        200, "$form: the bucket holds one call");

    both($form, 8116, request($form), status => status_of($form, 'throttled'),
        type => type_of($form, 'throttled'), refusal => 'throttled');

    my $again = http_request(form_request($form), port => 8116);

    cmp_ok(header($again, 'Retry-After') || 0, '>', 3500,
        "$form: a throttled caller is told when");
    cmp_ok(header($again, 'x-amz-retry-after') || 0, '>', 3_500_000,
        "$form: in milliseconds too");
}

http_request(form_request('broker'), port => 8112);
http_request(form_request('broker'), port => 8113);
over_http2($t, 8132, form_request('broker'));
over_http2($t, 8133, form_request('broker'));

foreach my $form (@forms) {
    both($form, 8112, request($form), status => 503,
        type => type_of($form, 'unavailable'), refusal => 'unavailable');
    both($form, 8113, request($form), status => 429,
        type => type_of($form, 'throttled'), refusal => 'rate');
}

$aws->behave(hang => 1);

foreach my $form (grep { $_ ne 'broker' } @forms) {
    both($form, 8111, request($form), status => 504,
        type => type_of($form, 'unavailable'), refusal => 'gateway_timeout');
}

$aws->behave();

$t->finish;


# what the services' references say of these faults
sub status_of {
    my ($form, $what) = @_;

    my %statuses = (
        'rest-json' => { denied => 403, throttled => 429 },
        'broker' => { missing => 401, denied => 403, throttled => 429 },
    );

    return $statuses{$form}{$what} || 400;
}


sub type_of {
    my ($form, $what) = @_;

    return 'InternalServerException'
        if $what eq 'internal' && $form =~ /^(aws-json-1.0|cbor|rest-json)$/;

    return 'ServiceUnavailableException'
        if $what eq 'unavailable' && $form eq 'broker';

    my %types = (missing => 'MissingAuthenticationTokenException',
        throttled => 'ThrottlingException', internal => 'InternalFailure',
        unavailable => 'ServiceUnavailable');

    return $types{$what};
}

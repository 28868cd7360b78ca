#!/usr/bin/perl

# The description of the broker's API: it says what the model says, in the
# form that is on the wire; who asks for it is judged as for every call, and
# gets it from the gateway or, where configured, from the broker.

use warnings;
use strict;

use CPAN::Meta::YAML;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::Broker;
use Deskgate::Gateway;

my $FILE = "$FindBin::Bin/../src/models/dcv-session-manager-api.yaml";
my $PATH = '/dcv-session-manager-api.yaml';

my $t = Deskgate->new();

my $text = read_text($FILE);
my $api = CPAN::Meta::YAML->read_string($text)->[0];
my $model = JSON::PP->new->decode(read_text($FILE =~ s/-api\.yaml/.json/r));
my $overlay = JSON::PP->new->decode(
    read_text($FILE =~ s/-api\.yaml/.overlay.json/r));
my $shapes = { %{$model->{shapes}}, %{$overlay->{shapes}} };
my $schemas = $api->{components}{schemas};

# what the broker's own documents call it
my %names = (DescribeSessionsRequest => 'DescribeSessionsRequestData',
    DescribeServersRequest => 'DescribeServersRequestData');
my %types = (string => 'string', boolean => 'boolean',
    integer => 'integer int32', long => 'integer int64',
    float => 'number float', timestamp => 'string date-time');
my %compared;
my $asked = 0;

operations();
answered();
$t->finish;


sub read_text {
    open my $in, '<', $_[0] or die "$_[0]: $!";
    local $/;
    return <$in>;
}


# every operation, its wire form, and all that its input and output consist of
sub operations {
    my (%seen, @outputs);

    foreach my $name (sort keys %{$model->{operations}}, 'GetAccessToken') {
        my $more = $overlay->{operations}{$name};
        my $operation = { %{$model->{operations}{$name} || {}}, %$more };
        my $http = $operation->{http};
        my $said = $api->{paths}{$http->{requestUri}}{lc $http->{method}};

        $seen{$http->{requestUri}}++;
        is($said->{operationId}, lcfirst $name, "$name is described");
        is_deeply([sort grep { $_ != 200 } keys %{$said->{responses}}],
            [statuses($operation)], "$name: with the statuses of its errors");
        is(schema_of($said->{responses}{200}),
            wanted($operation->{output}{shape}), "$name: its output");

        input($name, $operation, $said);
        push @outputs, $operation->{output}{shape};
    }

    # failures repeat the item that failed: what is an input stays one
    compare($_, 0) foreach @outputs;

    is_deeply([sort keys %{$api->{paths}}], [sort keys %seen],
        'nothing else is described');
    is_deeply([sort grep { $_ ne 'Error' } keys %$schemas],
        [sort map { $names{$_} || $_ } keys %compared],
        'and no other type');
}


sub statuses {
    my ($operation) = @_;

    my %status = map { $shapes->{$_->{shape}}{error}{httpStatusCode} => 1 }
        @{$operation->{errors}};

    return sort keys %status;
}


sub schema_of {
    my ($content) = @_;

    return $content->{content}{'application/json'}{schema}{'$ref'} || '';
}


sub wanted { return '#/components/schemas/' . ($names{$_[0]} || $_[0]) }


sub input {
    my ($name, $operation, $said) = @_;

    my $shape = $shapes->{$operation->{input}{shape}};
    my %required = map { $_ => 1 } @{$shape->{required} || []};
    my $list = $operation->{bareArray};

    if ($list) {
        my $schema = $said->{requestBody}{content}{'application/json'}{schema};
        my $item = $shapes->{$shape->{members}{$list}{shape}}{member}{shape};

        is_deeply([keys %{$shape->{members}}], [$list], "$name: one list");
        is($schema->{type}, 'array', "$name: takes a bare array");
        is($schema->{items}{'$ref'}, wanted($item), "$name: of its items");
        compare($item, 1);
        return;
    }

    if (!$said->{parameters}) {
        is(schema_of($said->{requestBody}),
            wanted($operation->{input}{shape}), "$name: its input");
        compare($operation->{input}{shape}, 1);
        return;
    }

    my %where = (uri => 'path', querystring => 'query');
    my @members = grep { $_->{location} ne 'header' }
        values %{$shape->{members}};

    is_deeply([sort map { "$_->{in} $_->{name} $_->{schema}{type}" }
        @{$said->{parameters}}], [sort map {
        "$where{$_->{location}} $_->{locationName} "
        . $types{$shapes->{$_->{shape}}{type}} } @members],
        "$name: its parameters");
}


# A structure and all in it, once; values that are enumerated are bounds of
# an input, and known values of an answer
sub compare {
    my ($name, $is_input) = @_;

    return if $compared{$name}++;

    my $shape = $shapes->{$name};
    my $schema = $schemas->{$names{$name} || $name} || {};
    my $properties = $schema->{properties} || {};

    is($schema->{type}, 'object', "$name: an object");
    is_deeply([sort keys %$properties], [sort keys %{$shape->{members}}],
        "$name: its members");
    is_deeply([sort @{$schema->{required} || []}],
        [sort @{$shape->{required} || []}], "$name: those that must be there")
        if $name ne 'GetAccessTokenResponse';

    member("$name.$_", $shape->{members}{$_}{shape}, $properties->{$_},
        $is_input) foreach sort keys %{$shape->{members}};
}


sub member {
    my ($name, $shape_name, $schema, $is_input) = @_;

    my $shape = $shapes->{$shape_name};

    if ($shape->{type} eq 'structure') {
        is($schema->{'$ref'}, wanted($shape_name), "$name: its type");
        compare($shape_name, $is_input);
        return;
    }

    if ($shape->{type} eq 'list') {
        is($schema->{type}, 'array', "$name: a list");
        member("$name\[]", $shape->{member}{shape}, $schema->{items},
            $is_input);
        return;
    }

    is(join(' ', grep { defined } @$schema{qw/type format/}),
        $types{$shape->{type}}, "$name: its type");
    is_deeply([@$schema{qw/minimum maximum/}], [@$shape{qw/min max/}],
        "$name: its range");

    return if !$shape->{enum};

    is_deeply($schema->{enum}, $is_input ? $shape->{enum} : undef,
        "$name: values are bounds of inputs only");
    is_deeply([grep { $schema->{description} !~ /\b$_\b/ } @{$shape->{enum}}],
        [], "$name: known values are told") if !$is_input;
}


sub answered {
    configure();

    my ($aws, $broker) = Deskgate::Gateway::upstreams($t);

    $t->run();

    my $answer = get(8080);

    is($answer->{status}, 200, 'the description');
    is($answer->{body}, $text, 'is the one that ships');
    is(header($answer, 'content-type'), 'application/yaml', 'as YAML');
    is($broker->count, 0, 'and the broker is not asked');

    my $record = record_of($t, $answer);

    is("$record->{eventSource} $record->{eventName}",
        'dcv-session-manager GetApiDescription', 'the call is recorded');
    is($record->{additionalEventData}{deskgate}{decision}, 'allowed',
        'as allowed');
    ok($record->{readOnly} && !$record->{additionalEventData}{deskgate}
        {upstream}, 'as one that reads, and had no upstream');

    is(refusal_of($t, get(8080, as => \%BOB)), 'denied_explicit',
        'a policy can deny it');
    is(http_get($PATH)->{status}, 401, 'nobody gets it unasked');
    is(get(8080, method => 'POST')->{status}, 404, 'by GET only');
    is(get(8080, target => "$PATH/")->{status}, 404, 'at its path only');

    my @throttled = map { get(8081)->{status} } 1 .. 2;

    is("@throttled", '200 429', 'it is limited');

    $answer = get(8082);
    is($answer->{body}, '{}', 'the broker\'s own where configured');
    like((($broker->requests)[-1])->{target}, qr/^\Q$PATH\E\?/,
        'at the same path');
    is(record_of($t, $answer)->{additionalEventData}{deskgate}{upstream}
        {status}, 200, 'recorded as sent');

    my $wrong = $t->read_file('nginx.conf');

    $wrong =~ s/description broker;/description none;/;
    $t->write_file('wrong.conf', $wrong);

    my ($good, $out) = $t->check('wrong.conf');

    ok(!$good, 'nobody else can give it');
    like($out, qr/"description" takes "own".*or "broker"/, 'and that is told');

    $t->quit_nginx;
    without();
}


# models of somebody who has no description
sub without {
    my $conf = $t->read_file('nginx.conf');
    my $models = $t->testdir . '/models';

    mkdir $models;

    foreach my $file (glob "$FindBin::Bin/../src/models/*.json") {
        $t->write_file('models/' . ($file =~ s{.*/}{}r), read_text($file));
    }

    $conf =~ s/deskgate_models\s+\S+;/deskgate_models $models;/;
    $t->write_file('nginx.conf', $conf);
    $t->run;

    my $answer = get(8080);

    is($answer->{status}, 404, 'none where none lies beside the model');
    is(refusal_of($t, $answer), 'not_found', 'and that is recorded');
    like($t->log, qr/no description lies beside the model/, 'and logged');
}


sub get {
    my ($port, %opt) = @_;

    return call('dcv-session-manager' => 'x', '', method => 'GET',
        target => "$PATH?n=" . ++$asked, port => $port, %opt);
}


sub configure {
    Deskgate::Gateway::configure($t, statements => [allow_all(),
        { Effect => 'Deny', Action => 'dcv-session-manager:GetApiDescription',
          Principal => { AWS => "arn:aws:iam::${ACCOUNT}:user/bob" },
          Resource => '*' }],
        http => '
    deskgate_broker asked {
        token               /_token;
        client_id           gateway;
        client_secret_file  %%TESTDIR%%/broker.secret;
        description broker;
    }

    server {
        listen       127.0.0.1:8081;
        server_name  localhost;

        location / {
            ' . gateway_location(location => 'deskgate_throttle rate=1r/h '
                                 . 'burst=1;') . '
        }
    }

    server {
        listen       127.0.0.1:8082;
        server_name  localhost;

        location / {
            ' . (gateway_location() =~ s/inject lab/inject asked/r) . '
        }

        location = /_token {
            internal;
            proxy_pass  http://broker/oauth2/token;
        }
    }');
}

#!/usr/bin/perl

# Every operation of the AWS services, one after the other, as a client that
# creates, describes, changes and deletes would call them: what one call
# changed, the next one shows.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;

use Deskgate;
use Deskgate::SigV4;

my $t = Deskgate->new();

$t->{modules} = ['ngx_http_deskgate_sandbox_module.so'];

my %key = (access_key => 'AKIDSANDBOX', secret_key => 'a-secret-of-the-tests');

$t->secret($key{secret_key});

$t->write_file('keys.json', encode_json({ version => 1, keys => [{
    access_key_id => $key{access_key},
    secret_access_key => $key{secret_key},
    principal => 'arn:aws:iam::111122223333:user/tests',
}]}));

$t->write_file_expand('nginx.conf', <<'EOF_CONF');

%%TEST_GLOBALS%%

events {
}

http {
    %%TEST_GLOBALS_HTTP%%

    client_max_body_size     4m;
    deskgate_sandbox_zone    sandbox:8m;
    deskgate_sandbox_models  %%ROOT%%/src/models;
    deskgate_sandbox_keys    keys.json;

    server {
        listen  127.0.0.1:8080;

        location / {
            deskgate_sandbox  workspaces region=eu-west-1 account=444455556666;
        }
    }

    server {
        listen  127.0.0.1:8081;

        location / {
            deskgate_sandbox  workspaces-instances;
        }
    }

    server {
        listen  127.0.0.1:8082;

        location / {
            deskgate_sandbox  ssm-guiconnect;
        }
    }
}

EOF_CONF

$t->run();

my %called;
my $json = JSON::PP->new->utf8->canonical;
my $directory = 'd-90670ca123';
my $bundle = 'wsb-bh8rsxt14';

workspaces();
directories();
ip_groups();
bundles_and_images();
aliases();
applications();
pools();
accounts();
branding();
instances();
preferences();

foreach my $service (qw/workspaces workspaces-instances ssm-guiconnect/) {
    my $model = $json->decode($t->read_file($t->root
        . "/src/models/$service.json"));
    my @missing = grep { !$called{$_} } sort keys %{$model->{operations}};

    is("@missing", '', "every operation of $service was called");
}

$t->finish();


# One signed call; its answer decoded, with the status as {status}.
sub ask {
    my ($service, $operation, $input) = @_;

    my %service = (
        'workspaces' => [8080, 'eu-west-1', 'WorkspacesService', '1.1'],
        'workspaces-instances' => [8081, 'us-east-1',
            'EUCMIFrontendAPIService', '1.0'],
        'ssm-guiconnect' => [8082, 'us-east-1'],
    );

    my ($port, $region, $target, $version) = @{$service{$service}};
    my $body = $json->encode($input || {});
    my @headers = (['Host', "$service.$region.amazonaws.com"],
        ['Content-Type', $target ? "application/x-amz-json-$version"
                                 : 'application/json']);

    push @headers, ['X-Amz-Target', "$target.$operation"] if $target;

    my %request = (method => 'POST', target => $target ? '/' : "/$operation",
        body => $body);

    my $headers = Deskgate::SigV4::sign(%request, %key, headers => \@headers,
        region => $region, service => $service);

    my $answer = http_request(%request, port => $port, headers => $headers);

    $called{$operation} = 1;

    my $decoded = eval { $json->decode($answer->{body}) } || {};

    return { %$decoded, status => $answer->{status} };
}


# A call that succeeds
sub good {
    my ($service, $operation, $input) = @_;

    my $answer = ask($service, $operation, $input);

    is($answer->{status}, 200, "$operation succeeds")
        or diag($json->encode($answer));

    return $answer;
}


# A call that is refused with that error
sub bad {
    my ($service, $operation, $input, $type) = @_;

    my $answer = ask($service, $operation, $input);

    $answer->{__type} = '' if !defined $answer->{__type};
    $answer->{__type} =~ s/.*#//;

    is("$answer->{status} $answer->{__type}", "400 $type",
        "$operation says $type");

    return $answer;
}


sub ws { return good('workspaces', @_) }
sub no_ws { return bad('workspaces', @_) }


# state of a workspace, "" when it is gone
sub state_of {
    my ($id) = @_;

    my $list = ask('workspaces', 'DescribeWorkspaces',
        { WorkspaceIds => [$id] })->{Workspaces};

    return @$list ? $list->[0]{State} : '';
}


sub workspaces {
    my $made = ws('CreateWorkspaces', { Workspaces => [
        map { { DirectoryId => $directory, BundleId => $bundle,
                UserName => $_, Tags => [{ Key => 'user', Value => $_ }] } }
            qw/ada bob cyd/
    ]});

    is(scalar @{$made->{PendingRequests}}, 3, 'three are pending');

    my ($id, $second, $third) =
        map { $_->{WorkspaceId} } @{$made->{PendingRequests}};

    is($made->{PendingRequests}[0]{State}, 'PENDING', 'a new one is pending');
    is(state_of($id), 'AVAILABLE', 'and then available');

    my $again = ws('CreateWorkspaces', { Workspaces => [
        { DirectoryId => $directory, BundleId => $bundle, UserName => 'ada' },
        { DirectoryId => 'd-0000000000', BundleId => $bundle,
          UserName => 'eve' },
    ]});

    is_deeply([map { $_->{ErrorCode} } @{$again->{FailedRequests}}],
        ['ResourceAlreadyExistsException', 'ResourceNotFound.Directory'],
        'a second one for a user, and one in no directory, fail alone')
        or diag($json->encode($again));
    is($again->{FailedRequests}[1]{WorkspaceRequest}{UserName}, 'eve',
        'a failure shows its request');

    my $first = ws('DescribeWorkspaces', { Limit => 2 });
    my $rest = ws('DescribeWorkspaces', { Limit => 2,
        NextToken => $first->{NextToken} });

    is(scalar @{$first->{Workspaces}}, 2, 'a page of two');
    is(scalar @{$rest->{Workspaces}}, 1, 'and the rest');
    ok(!exists $rest->{NextToken}, 'no token behind the last page');

    no_ws('DescribeWorkspaces', { Limit => 2, UserName => 'ada',
        NextToken => $first->{NextToken} }, 'InvalidParameterValuesException');
    no_ws('DescribeWorkspaces', { Limit => 2,
        NextToken => 'A' . substr($first->{NextToken}, 1) },
        'InvalidParameterValuesException');

    is(scalar @{ws('DescribeWorkspaces', { UserName => 'bob',
        DirectoryId => $directory })->{Workspaces}}, 1, 'filters hold');

    is_deeply(ws('DescribeTags', { ResourceId => $id })->{TagList},
        [{ Key => 'user', Value => 'ada' }], 'tags of the creation');
    ws('CreateTags', { ResourceId => $id,
        Tags => [{ Key => 'team', Value => 'x' }] });
    ws('DeleteTags', { ResourceId => $id, TagKeys => ['user'] });
    is_deeply(ws('DescribeTags', { ResourceId => $id })->{TagList},
        [{ Key => 'team', Value => 'x' }], 'tags come and go');

    ws('StopWorkspaces', { StopWorkspaceRequests => [{ WorkspaceId => $id }]});
    is(state_of($id), 'STOPPED', 'stopped');

    my $failed = ws('RebootWorkspaces', { RebootWorkspaceRequests =>
        [{ WorkspaceId => $id }, { WorkspaceId => $second }] });

    is_deeply([map { $_->{WorkspaceId} } @{$failed->{FailedRequests}}], [$id],
        'a stopped one does not reboot, the other one does');

    ws('StartWorkspaces', { StartWorkspaceRequests =>
        [{ WorkspaceId => $id }]});
    is(state_of($id), 'AVAILABLE', 'started');

    ws('RebuildWorkspaces', { RebuildWorkspaceRequests =>
        [{ WorkspaceId => $id }]});
    ws('RestoreWorkspace', { WorkspaceId => $id });

    ws('ModifyWorkspaceProperties', { WorkspaceId => $id,
        WorkspaceProperties => { RunningMode => 'AUTO_STOP',
            RunningModeAutoStopTimeoutInMinutes => 60 } });

    my $p = ws('DescribeWorkspaces', { WorkspaceIds => [$id] })
        ->{Workspaces}[0]{WorkspaceProperties};

    is("$p->{RunningMode} $p->{RunningModeAutoStopTimeoutInMinutes} "
        . "$p->{RootVolumeSizeGib}", 'AUTO_STOP 60 80',
        'properties are merged');

    ws('ModifyWorkspaceState', { WorkspaceId => $id,
        WorkspaceState => 'ADMIN_MAINTENANCE' });
    is(state_of($id), 'ADMIN_MAINTENANCE', 'its state is as told');
    ws('ModifyWorkspaceState', { WorkspaceId => $id,
        WorkspaceState => 'AVAILABLE' });

    is(ws('DescribeWorkspacesConnectionStatus', { WorkspaceIds => [$id] })
        ->{WorkspacesConnectionStatus}[0]{ConnectionState}, 'DISCONNECTED',
        'nobody is connected');
    ok(ws('DescribeWorkspaceSnapshots', { WorkspaceId => $id })
        ->{RestoreSnapshots}[0]{SnapshotTime}, 'it has snapshots');
    no_ws('DescribeWorkspaceSnapshots', { WorkspaceId => 'ws-000000000' },
        'ResourceNotFoundException');

    my $moved = ws('MigrateWorkspace', { SourceWorkspaceId => $third,
        BundleId => 'wsb-clj85qzj1' });

    is($moved->{SourceWorkspaceId}, $third, 'the source is named');
    is(state_of($third), '', 'and gone');
    is(state_of($moved->{TargetWorkspaceId}), 'AVAILABLE', 'the target is');

    is(scalar @{ws('CreateStandbyWorkspaces', { PrimaryRegion => 'us-west-2',
        StandbyWorkspaces => [{ PrimaryWorkspaceId => 'ws-123456789',
            DirectoryId => $directory }] })->{PendingStandbyRequests}}, 1,
        'a standby is pending');

    my $ended = ws('TerminateWorkspaces', { TerminateWorkspaceRequests =>
        [{ WorkspaceId => $id }, { WorkspaceId => 'ws-000000000' }] });

    is(scalar @{$ended->{FailedRequests}}, 1, 'what is not there fails');
    is(state_of($id), '', 'what was there is gone');
}


sub directory {
    my ($id) = @_;

    return ask('workspaces', 'DescribeWorkspaceDirectories',
        { DirectoryIds => [$id] })->{Directories}[0];
}


sub directories {
    my $made = ws('RegisterWorkspaceDirectory', { WorkspaceType => 'POOLS',
        WorkspaceDirectoryName => 'pool directory',
        WorkspaceDirectoryDescription => 'for pools',
        UserIdentityType => 'CUSTOMER_MANAGED' });
    my $id = $made->{DirectoryId};

    like($id, qr/^wsd-/, 'a directory of pools has its own id');
    is(directory($id)->{State}, 'REGISTERED', 'registered');

    is(scalar @{ws('DescribeWorkspaceDirectories', { Filters =>
        [{ Name => 'WORKSPACE_TYPE', Values => ['PERSONAL'] }]})
        ->{Directories}}, 1, 'directories are filtered by type');

    my %resource = (ResourceId => $id);

    ws('ModifySelfservicePermissions', { %resource,
        SelfservicePermissions => { RebuildWorkspace => 'ENABLED' } });
    ws('ModifyWorkspaceAccessProperties', { %resource,
        WorkspaceAccessProperties => { DeviceTypeWeb => 'ALLOW' } });
    ws('ModifyWorkspaceCreationProperties', { %resource,
        WorkspaceCreationProperties => { EnableMaintenanceMode =>
            JSON::PP::true } });
    ws('ModifySamlProperties', { %resource, SamlProperties =>
        { Status => 'ENABLED', UserAccessUrl => 'https://idp.example.com',
          RelayStateParameterName => 'relay' } });
    ws('ModifySamlProperties', { %resource, PropertiesToDelete =>
        ['SAML_PROPERTIES_USER_ACCESS_URL'] });
    ws('ModifyCertificateBasedAuthProperties', { %resource,
        CertificateBasedAuthProperties => { Status => 'ENABLED' } });
    ws('ModifyStreamingProperties', { %resource, StreamingProperties =>
        { StreamingExperiencePreferredProtocol => 'TCP' } });
    ws('ModifyEndpointEncryptionMode', { DirectoryId => $id,
        EndpointEncryptionMode => 'FIPS_VALIDATED' });

    my $d = directory($id);

    is($d->{SelfservicePermissions}{RebuildWorkspace}, 'ENABLED',
        'permissions are kept');
    is($d->{WorkspaceAccessProperties}{DeviceTypeWeb}, 'ALLOW',
        'access properties are kept');
    ok($d->{WorkspaceCreationProperties}{EnableMaintenanceMode},
        'creation properties are kept');
    is_deeply($d->{SamlProperties}, { Status => 'ENABLED',
        RelayStateParameterName => 'relay' }, 'a property is deleted');
    is($d->{EndpointEncryptionMode}, 'FIPS_VALIDATED', 'mode is kept');
    is($d->{CertificateBasedAuthProperties}{Status}, 'ENABLED',
        'certificate properties are kept');
    is($d->{StreamingProperties}{StreamingExperiencePreferredProtocol}, 'TCP',
        'streaming properties are kept');

    ws('ModifyClientProperties', { %resource, ClientProperties =>
        { ReconnectEnabled => 'ENABLED' } });
    is(ws('DescribeClientProperties', { ResourceIds => [$id] })
        ->{ClientPropertiesList}[0]{ClientProperties}{ReconnectEnabled},
        'ENABLED', 'client properties are kept');

    my $added = ws('CreateConnectClientAddIn', { %resource, Name => 'add',
        URL => 'https://add.example.com/a' });

    ws('UpdateConnectClientAddIn', { %resource, AddInId => $added->{AddInId},
        Name => 'changed' });
    is(ws('DescribeConnectClientAddIns', \%resource)->{AddIns}[0]{Name},
        'changed', 'an add-in changes');
    ws('DeleteConnectClientAddIn', { %resource,
        AddInId => $added->{AddInId} });
    is_deeply(ws('DescribeConnectClientAddIns', \%resource)->{AddIns}, [],
        'and goes');

    no_ws('DeregisterWorkspaceDirectory', { DirectoryId => $directory },
        'InvalidResourceStateException');
    ws('DeregisterWorkspaceDirectory', { DirectoryId => $id });
    ok(!directory($id), 'an unused directory goes');
}


sub ip_groups {
    my $id = ws('CreateIpGroup', { GroupName => 'office',
        GroupDesc => 'of the office',
        UserRules => [{ ipRule => '192.0.2.0/24' }] })->{GroupId};

    no_ws('CreateIpGroup', { GroupName => 'office' },
        'ResourceAlreadyExistsException');
    ws('AuthorizeIpRules', { GroupId => $id, UserRules =>
        [{ ipRule => '198.51.100.0/24', ruleDesc => 'two' }] });

    my $group = ws('DescribeIpGroups', { GroupIds => [$id] })->{Result}[0];

    is_deeply([map { $_->{ipRule} } @{$group->{userRules}}],
        ['192.0.2.0/24', '198.51.100.0/24'], 'rules are added');
    is($group->{groupDesc}, 'of the office', 'answers have their own case');

    ws('RevokeIpRules', { GroupId => $id, UserRules => ['192.0.2.0/24'] });
    is_deeply([map { $_->{ipRule} } @{ws('DescribeIpGroups',
        { GroupIds => [$id] })->{Result}[0]{userRules}}],
        ['198.51.100.0/24'], 'and revoked');
    ws('UpdateRulesOfIpGroup', { GroupId => $id, UserRules =>
        [{ ipRule => '203.0.113.0/24' }] });
    is_deeply([map { $_->{ipRule} } @{ws('DescribeIpGroups',
        { GroupIds => [$id] })->{Result}[0]{userRules}}],
        ['203.0.113.0/24'], 'and replaced');

    ws('AssociateIpGroups', { DirectoryId => $directory, GroupIds => [$id] });
    is_deeply(directory($directory)->{ipGroupIds}, [$id], 'associated');
    no_ws('DeleteIpGroup', { GroupId => $id }, 'ResourceAssociatedException');
    ws('DisassociateIpGroups', { DirectoryId => $directory,
        GroupIds => [$id] });
    ws('DeleteIpGroup', { GroupId => $id });
    is_deeply(ws('DescribeIpGroups', {})->{Result}, [], 'deleted');
}


sub bundles_and_images {
    my $workspace = ws('DescribeWorkspaces', {})->{Workspaces}[0]{WorkspaceId};
    my $image = ws('CreateWorkspaceImage', { Name => 'Mine',
        Description => 'of mine', WorkspaceId => $workspace });

    is($image->{State}, 'PENDING', 'an image begins as pending');

    my $id = $image->{ImageId};

    ws('CopyWorkspaceImage', { Name => 'Copied', SourceImageId => $id,
        SourceRegion => 'us-east-1' });
    ws('CreateUpdatedWorkspaceImage', { Name => 'Updated',
        Description => 'updated', SourceImageId => $id });
    ws('ImportWorkspaceImage', { Ec2ImageId => 'ami-0123456789abcdef0',
        IngestionProcess => 'BYOL_REGULAR', ImageName => 'Imported',
        ImageDescription => 'imported' });

    my $custom = ws('ImportCustomWorkspaceImage', { ImageName => 'Custom',
        ImageDescription => 'custom', ComputeType => 'BASE',
        Protocol => 'DCV', Platform => 'WINDOWS', OsVersion => 'Windows_11',
        ImageSource => { Ec2ImageId => 'ami-0123456789abcdef0' },
        InfrastructureConfigurationArn => 'arn:aws:imagebuilder:eu-west-1:'
            . '444455556666:infrastructure-configuration/one' });

    is(ws('DescribeCustomWorkspaceImageImport',
        { ImageId => $custom->{ImageId} })->{ImageSource}{Ec2ImageId},
        'ami-0123456789abcdef0', 'the import shows its source');

    is(scalar @{ws('DescribeWorkspaceImages', { MaxResults => 25 })
        ->{Images}}, 6, 'the images are listed');

    ws('UpdateWorkspaceImagePermission', { ImageId => $id,
        SharedAccountId => '777788889999',
        AllowCopyImage => JSON::PP::true });
    is_deeply(ws('DescribeWorkspaceImagePermissions', { ImageId => $id })
        ->{ImagePermissions}, [{ SharedAccountId => '777788889999' }],
        'shared');
    ws('UpdateWorkspaceImagePermission', { ImageId => $id,
        SharedAccountId => '777788889999',
        AllowCopyImage => JSON::PP::false });
    is_deeply(ws('DescribeWorkspaceImagePermissions', { ImageId => $id })
        ->{ImagePermissions}, [], 'and no more');

    my $made = ws('CreateWorkspaceBundle', { BundleName => 'Ours',
        BundleDescription => 'our bundle', ImageId => $id,
        ComputeType => { Name => 'STANDARD' },
        UserStorage => { Capacity => '50' } })->{WorkspaceBundle};

    is("$made->{Name} $made->{Owner}", 'Ours 444455556666',
        'a bundle of the account');

    my $own = ws('DescribeWorkspaceBundles', { Owner => '444455556666' })
        ->{Bundles};

    is_deeply([map { $_->{BundleId} } @$own], [$made->{BundleId}],
        'found by its owner');

    no_ws('DeleteWorkspaceImage', { ImageId => $id },
        'ResourceAssociatedException');
    ws('UpdateWorkspaceBundle', { BundleId => $made->{BundleId},
        ImageId => 'wsi-golden001' });
    ws('DeleteWorkspaceImage', { ImageId => $id });
    ws('DeleteWorkspaceBundle', { BundleId => $made->{BundleId} });
    no_ws('DeleteWorkspaceBundle', { BundleId => $bundle },
        'ResourceAssociatedException');
}


sub aliases {
    my $id = ws('CreateConnectionAlias',
        { ConnectionString => 'desks.example.com' })->{AliasId};
    my $made = ws('AssociateConnectionAlias', { AliasId => $id,
        ResourceId => $directory });

    like($made->{ConnectionIdentifier}, qr/^\w+$/, 'an identifier is given');
    is(ws('DescribeConnectionAliases', { ResourceId => $directory })
        ->{ConnectionAliases}[0]{Associations}[0]{ConnectionIdentifier},
        $made->{ConnectionIdentifier}, 'and described');
    no_ws('DeleteConnectionAlias', { AliasId => $id },
        'ResourceAssociatedException');

    ws('UpdateConnectionAliasPermission', { AliasId => $id,
        ConnectionAliasPermission => { SharedAccountId => '777788889999',
            AllowAssociation => JSON::PP::true } });
    is(ws('DescribeConnectionAliasPermissions', { AliasId => $id })
        ->{ConnectionAliasPermissions}[0]{SharedAccountId}, '777788889999',
        'permissions are kept');

    ws('DisassociateConnectionAlias', { AliasId => $id });
    ws('DeleteConnectionAlias', { AliasId => $id });
    is_deeply(ws('DescribeConnectionAliases', { AliasIds => [$id] })
        ->{ConnectionAliases}, [], 'deleted');
}


sub applications {
    my $workspace = ws('DescribeWorkspaces', {})->{Workspaces}[0]{WorkspaceId};
    my %pair = (WorkspaceId => $workspace, ApplicationId => 'wsa-editor001');

    is(scalar @{ws('DescribeApplications', { LicenseType => 'LICENSED' })
        ->{Applications}}, 1, 'applications are filtered');

    my $made = ws('AssociateWorkspaceApplication', \%pair)->{Association};

    is($made->{State}, 'PENDING_INSTALL_DEPLOYMENT', 'waits for deployment');
    no_ws('AssociateWorkspaceApplication', \%pair,
        'ResourceAlreadyExistsException');
    is(ws('DeployWorkspaceApplications', { WorkspaceId => $workspace })
        ->{Deployment}{Associations}[0]{State}, 'INSTALLING', 'deployed');
    is(ws('DescribeWorkspaceAssociations', { WorkspaceId => $workspace,
        AssociatedResourceTypes => ['APPLICATION'] })
        ->{Associations}[0]{State}, 'COMPLETED', 'installed');
    is(ws('DescribeApplicationAssociations',
        { ApplicationId => 'wsa-editor001',
          AssociatedResourceTypes => ['WORKSPACE'] })
        ->{Associations}[0]{AssociatedResourceId}, $workspace,
        'seen from the application');
    ws('DisassociateWorkspaceApplication', \%pair);

    is(scalar @{ws('DescribeBundleAssociations', { BundleId => $bundle,
        AssociatedResourceTypes => ['APPLICATION'] })->{Associations}}, 1,
        'a bundle contains an application');
    is(scalar @{ws('DescribeImageAssociations',
        { ImageId => 'wsi-golden001',
          AssociatedResourceTypes => ['APPLICATION'] })->{Associations}}, 1,
        'an image does');
}


sub pool_state {
    return ask('workspaces', 'DescribeWorkspacesPools',
        { PoolIds => [$_[0]] })->{WorkspacesPools}[0]{State};
}


sub pools {
    my $made = ws('CreateWorkspacesPool', { PoolName => 'many',
        Description => 'many desks', BundleId => $bundle,
        DirectoryId => 'wsd-desks0001',
        Capacity => { DesiredUserSessions => 3 } })->{WorkspacesPool};
    my %pool = (PoolId => $made->{PoolId});

    is($made->{CapacityStatus}{DesiredUserSessions}, 3, 'capacity as asked');
    is(pool_state($made->{PoolId}), 'STOPPED', 'a new pool is stopped');
    ws('UpdateWorkspacesPool', { %pool, Description => 'more desks',
        Capacity => { DesiredUserSessions => 5 } });
    ws('StartWorkspacesPool', \%pool);
    is(pool_state($made->{PoolId}), 'RUNNING', 'started');
    no_ws('TerminateWorkspacesPool', \%pool, 'InvalidResourceStateException');
    ws('StopWorkspacesPool', \%pool);

    my $p = ws('DescribeWorkspacesPools', { Filters => [{ Name => 'PoolName',
        Operator => 'CONTAINS', Values => ['man'] }] })->{WorkspacesPools};

    is(scalar @$p, 1, 'found by a part of its name');
    is("$p->[0]{Description} $p->[0]{CapacityStatus}{DesiredUserSessions}",
        'more desks 5', 'updated');

    ws('TerminateWorkspacesPool', \%pool);
    is(scalar @{ws('DescribeWorkspacesPools', {})->{WorkspacesPools}}, 1,
        'one pool is left');

    my $sessions = ws('DescribeWorkspacesPoolSessions',
        { PoolId => 'wspool-sandbox01' })->{Sessions};

    is($sessions->[0]{UserId}, 'alice', 'a pool has sessions');
    ws('TerminateWorkspacesPoolSession',
        { SessionId => $sessions->[0]{SessionId} });
    is_deeply(ws('DescribeWorkspacesPoolSessions',
        { PoolId => 'wspool-sandbox01' })->{Sessions}, [], 'that end');
}


sub accounts {
    is(ws('DescribeAccount', {})->{DedicatedTenancySupport}, 'DISABLED',
        'no dedicated tenancy');
    ws('ModifyAccount', { DedicatedTenancySupport => 'ENABLED' });
    is(ws('DescribeAccount', {})->{DedicatedTenancySupport}, 'ENABLED',
        'it was modified');
    is(ws('DescribeAccountModifications', {})
        ->{AccountModifications}[0]{DedicatedTenancySupport}, 'ENABLED',
        'the modification is listed');

    my $ranges = ws('ListAvailableManagementCidrRanges',
        { ManagementCidrRangeConstraint => '10.0.0.0/8', MaxResults => 2 });

    is(scalar @{$ranges->{ManagementCidrRanges}}, 2, 'ranges are texts');
    ok($ranges->{NextToken}, 'and there are more');

    my $link = ws('CreateAccountLinkInvitation',
        { TargetAccountId => '777788889999', ClientToken => 'one' })
        ->{AccountLink};

    is(ws('CreateAccountLinkInvitation',
        { TargetAccountId => '777788889999', ClientToken => 'one' })
        ->{AccountLink}{AccountLinkId}, $link->{AccountLinkId},
        'the same token and input: the same answer');
    no_ws('CreateAccountLinkInvitation',
        { TargetAccountId => '000000000001', ClientToken => 'one' },
        'ConflictException');

    my %link = (LinkId => $link->{AccountLinkId});

    ws('AcceptAccountLinkInvitation', \%link);
    is(ws('GetAccountLink', \%link)->{AccountLink}{AccountLinkStatus},
        'LINKED', 'accepted');
    no_ws('RejectAccountLinkInvitation', \%link, 'ConflictException');

    my $second = ws('CreateAccountLinkInvitation',
        { TargetAccountId => '000000000002' })->{AccountLink};

    ws('RejectAccountLinkInvitation', { LinkId => $second->{AccountLinkId} });
    is(scalar @{ws('ListAccountLinks', { LinkStatusFilter => ['REJECTED'] })
        ->{AccountLinks}}, 1, 'links are filtered by status');
    ws('DeleteAccountLinkInvitation', { LinkId => $second->{AccountLinkId} });
    no_ws('GetAccountLink', { LinkId => $second->{AccountLinkId} },
        'ResourceNotFoundException');
}


sub branding {
    my $made = ws('ImportClientBranding', { ResourceId => $directory,
        DeviceTypeWindows => { Logo => 'bG9nbw==',
            SupportEmail => 'help@example.com' },
        DeviceTypeWeb => { SupportEmail => 'web@example.com' } });

    is($made->{DeviceTypeWindows}{SupportEmail}, 'help@example.com',
        'branding is imported');
    like($made->{DeviceTypeWindows}{LogoUrl}, qr{^https://},
        'a logo has an address');

    ws('DeleteClientBranding', { ResourceId => $directory,
        Platforms => ['DeviceTypeWindows'] });

    my $left = ws('DescribeClientBranding', { ResourceId => $directory });

    ok(!$left->{DeviceTypeWindows} && $left->{DeviceTypeWeb},
        'that of one platform is deleted');
}


sub in { return good('workspaces-instances', @_) }
sub no_in { return bad('workspaces-instances', @_) }


sub instances {
    my %new = (ClientToken => 'token', ManagedInstance =>
        { InstanceType => 'm5.large', ImageId => 'ami-0123456789abcdef0' },
        Tags => [{ Key => 'a', Value => 'b' }]);
    my $id = in('CreateWorkspaceInstance', \%new)->{WorkspaceInstanceId};

    is(in('CreateWorkspaceInstance', \%new)->{WorkspaceInstanceId}, $id,
        'a repeated call makes no second instance');

    my $got = in('GetWorkspaceInstance', { WorkspaceInstanceId => $id });

    is($got->{ProvisionState}, 'ALLOCATED', 'it is allocated');
    like($got->{EC2ManagedInstance}{InstanceId}, qr/^i-[0-9a-f]{17}$/,
        'with an instance');
    is(in('ListWorkspaceInstances', { ProvisionStates => ['ALLOCATED'] })
        ->{WorkspaceInstances}[0]{WorkspaceInstanceId}, $id, 'listed');

    my %instance = (WorkspaceInstanceId => $id);

    in('TagResource', { %instance, Tags => [{ Key => 'c', Value => 'd' }] });
    in('UntagResource', { %instance, TagKeys => ['a'] });
    is_deeply(in('ListTagsForResource', \%instance)->{Tags},
        [{ Key => 'c', Value => 'd' }], 'tags come and go');

    my $volume = in('CreateVolume', { AvailabilityZone => 'us-east-1a',
        SizeInGB => 10 })->{VolumeId};

    in('AssociateVolume', { %instance, VolumeId => $volume,
        Device => '/dev/sdf' });
    no_in('AssociateVolume', { %instance, VolumeId => $volume,
        Device => '/dev/sdg' }, 'ConflictException');
    no_in('DeleteVolume', { VolumeId => $volume }, 'ConflictException');
    no_in('DeleteWorkspaceInstance', \%instance, 'ConflictException');
    in('ModifyVolume', { VolumeId => $volume, SizeInGB => 20 });
    in('DisassociateVolume', { %instance, VolumeId => $volume });
    in('DeleteVolume', { VolumeId => $volume });
    no_in('DeleteVolume', { VolumeId => $volume },
        'ResourceNotFoundException');

    in('DeleteWorkspaceInstance', \%instance);
    is(in('GetWorkspaceInstance', \%instance)->{ProvisionState},
        'DEALLOCATED', 'deallocated');

    is(scalar @{in('ListRegions', {})->{Regions}}, 3, 'regions');

    my $types = in('ListInstanceTypes', { MaxResults => 2 });

    is(in('ListInstanceTypes', { MaxResults => 2,
        NextToken => $types->{NextToken} })->{InstanceTypes}[0]{InstanceType},
        'r6i.large', 'instance types are paged');
}


sub preferences {
    my %want = (KMSKeyArn => 'arn:aws:kms:us-east-1:111122223333:key/one',
        RecordingDestinations => { S3Buckets => [{ BucketName => 'recordings',
            BucketOwner => '111122223333' }] });
    my $gui = 'ssm-guiconnect';

    is(ask($gui, 'GetConnectionRecordingPreferences')->{status}, 404,
        'none are there');

    my $set = good($gui, 'UpdateConnectionRecordingPreferences',
        { ClientToken => 'a', ConnectionRecordingPreferences => \%want });

    is($set->{ClientToken}, 'a', 'the token is told');
    is_deeply(good($gui, 'GetConnectionRecordingPreferences')
        ->{ConnectionRecordingPreferences}, \%want, 'kept as set');
    good($gui, 'DeleteConnectionRecordingPreferences');
    is(ask($gui, 'GetConnectionRecordingPreferences')->{status}, 404,
        'gone');
}

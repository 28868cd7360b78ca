/*
 * The AWS SDK for JavaScript as a client of the gateway; prints one line of
 * JSON per case.  The environment and the cases are those of Judge.pm.
 */

import * as desks from '@aws-sdk/client-workspaces';
import * as machines from '@aws-sdk/client-workspaces-instances';
import { SmithyRpcV2CborProtocol } from '@smithy/core/cbor';

const env = process.env;
const user = env.SDK_USER;
const good = { accessKeyId: env.SDK_KEY, secretAccessKey: env.SDK_SECRET };
const once = { maxAttempts: 1 };

const instances = {
    make: (options) => new machines.WorkspacesInstancesClient(options),

    details: async (client) => {
        const made = await client.send(
            new machines.CreateWorkspaceInstanceCommand({
                ManagedInstance: { InstanceType: 't3.large' },
                BillingConfiguration: { BillingMode: 'HOURLY' },
                Tags: [{ Key: 'user', Value: user }] }));
        const got = await client.send(
            new machines.GetWorkspaceInstanceCommand({
                WorkspaceInstanceId: made.WorkspaceInstanceId }));

        got.details = {
            WorkspaceInstanceId: got.WorkspaceInstanceId,
            ProvisionState: got.ProvisionState,
            InstanceId: got.EC2ManagedInstance.InstanceId,
            BillingMode: got.BillingConfiguration.BillingMode };
        return got;
    },

    read: (client) => client.send(
        new machines.ListWorkspaceInstancesCommand({})),
    denied: (client) => client.send(
        new machines.DeleteWorkspaceInstanceCommand({
            WorkspaceInstanceId: 'wsinst-0123456789abc' })),
    invalid: (client) => client.send(
        new machines.GetWorkspaceInstanceCommand({
            WorkspaceInstanceId: 'this is not an id' })),
};

const services = {
    'workspaces': {
        make: (options) => new desks.WorkSpacesClient(options),

        details: async (client) => {
            const made = await client.send(new desks.CreateWorkspacesCommand({
                Workspaces: [{ DirectoryId: 'd-90670ca123', UserName: user,
                               BundleId: 'wsb-bh8rsxt14' }] }));
            const ident = made.PendingRequests[0].WorkspaceId;
            const got = await client.send(new desks.DescribeWorkspacesCommand({
                WorkspaceIds: [ident] }));
            const { WorkspaceId, DirectoryId, UserName, BundleId, State }
                = got.Workspaces[0];

            got.details = { WorkspaceId, DirectoryId, UserName, BundleId,
                            State };
            return got;
        },

        read: (client) => client.send(new desks.DescribeWorkspacesCommand({})),
        denied: (client) => client.send(new desks.RebuildWorkspacesCommand({
            RebuildWorkspaceRequests: [{ WorkspaceId: 'ws-0123456789' }] })),
        invalid: (client) => client.send(new desks.DescribeWorkspacesCommand({
            WorkspaceIds: ['not an id'] })),
    },

    'workspaces-instances': instances,

    'workspaces-instances cbor': {
        ...instances,
        make: (options) => new machines.WorkspacesInstancesClient({
            ...options, protocol: SmithyRpcV2CborProtocol,
            protocolSettings: {
                errorTypeRegistries: machines.errorTypeRegistries,
                defaultNamespace: 'com.amazonaws.workspacesinstances',
                version: '2022-07-26',
                serviceTarget: 'EUCMIFrontendAPIService' } }),
    },
};


function client(service, gateway, options)
{
    return service.make({
        region: 'us-east-1', endpoint: env[`SDK_${gateway}`],
        credentials: good, ...options });
}


/* Prints how one call ended; returns how often it was sent. */
async function run(service, name, call)
{
    const line = { service, case: name };
    let meta = {};

    try {
        const answer = await call();

        meta = answer.$metadata;
        line.answer = answer.details || {};

    } catch (error) {
        if (error.$metadata && error.$response) {
            meta = error.$metadata;
            line.error = {
                class: error.constructor.name, code: error.name,
                message: error.message, status: meta.httpStatusCode };

        } else {
            line.fault = String(error);
        }
    }

    line.requestId = meta.requestId;
    line.attempts = meta.attempts;
    console.log(JSON.stringify(line));
    return line.attempts;
}


async function all(name, service)
{
    const { details, read, denied, invalid } = service;
    const stranger = { credentials: { ...good,
                                      accessKeyId: 'AKIAUNKNOWNUNKNOWN77' } };
    const forger = { ...once, credentials: {
        ...good, secretAccessKey: 'not the secret of that key' } };

    await run(name, 'call', () => details(client(service, 'NOW')));
    await run(name, 'unknown-key', () => read(client(service, 'NOW',
                                                     stranger)));
    await run(name, 'bad-signature', () => read(client(service, 'NOW',
                                                       forger)));
    await run(name, 'denied', () => denied(client(service, 'NOW')));
    await run(name, 'validation', () => invalid(client(service, 'NOW')));
    await run(name, 'unknown-operation',
              () => read(client(service, 'NARROW')));

    const closed = client(service, 'CLOSED', once);

    await read(closed).catch(() => {});
    await run(name, 'throttled', () => read(closed));

    const slow = client(service, 'SLOW');

    for (let i = 0; i < 40; i++) {
        if (await run(name, 'retry', () => read(slow)) > 1) {
            break;
        }
    }

    for (const gateway of ['AHEAD10', 'AHEAD60', 'BEHIND60']) {
        await run(name, gateway.toLowerCase(),
                  () => read(client(service, gateway)));
    }
}


for (const [name, service] of Object.entries(services)) {
    await all(name, service);
}

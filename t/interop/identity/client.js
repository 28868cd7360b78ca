/*
 * The AWS SDK for JavaScript with its own chain of credential providers: three
 * calls, the last after the credentials of the first have expired.
 */

import { DescribeWorkspacesCommand, WorkSpacesClient }
    from '@aws-sdk/client-workspaces';

const client = new WorkSpacesClient({ region: 'us-east-1',
                                      endpoint: process.env.GATEWAY });

for (const pause of [0, 1, Number(process.env.PAUSE)]) {
    await new Promise((done) => setTimeout(done, pause * 1000));

    const got = await client.send(new DescribeWorkspacesCommand({}));
    const { accessKeyId } = await client.config.credentials();

    console.log(`${got.Workspaces.length} ${accessKeyId}`);
}

/*
 * oidc-provider as an identity provider:
 *
 *     node provider.js PORT CLIENTS.json
 *
 * Signs with ES256.  Tokens for the resource urn:deskgate are JWT after
 * RFC 9068, tokens for none are opaque.  CLIENTS.json holds the clients.
 */

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const [port, clients] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }),
              use: 'sig', alg: 'ES256', kid: 'node-1' };

const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: JSON.parse(readFileSync(clients)),
    jwks: { keys: [key] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        resourceIndicators: {
            enabled: true,
            getResourceServerInfo: () => ({
                scope: 'desks', audience: 'deskgate',
                accessTokenFormat: 'jwt', accessTokenTTL: 300,
                jwt: { sign: { alg: 'ES256' } } }),
        },
    },
    scopes: ['desks'],
    extraTokenClaims: (ctx, token) => ({ sub: token.clientId,
                                         groups: ['robots'] }),
});

provider.listen(Number(port), '127.0.0.1');

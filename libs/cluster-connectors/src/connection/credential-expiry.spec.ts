import { X509Certificate } from 'node:crypto';
import { Secret } from '@image-factory/domain';
import { systemClock } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import { CERTIFICATE } from '../auth/pem.fixture.js';
import type { ClusterIdentity } from './cluster-access.js';
import { credentialExpiry } from './credential-expiry.js';

const RULES = { allowedDirs: [], anyPath: false };

const jwt = (payload: unknown): string => `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`;
const token = (text: string): ClusterIdentity => ({ kind: 'token', token: { kind: 'value', value: new Secret(text) } });

describe('the end of a credential', () => {
  it.each<[string, string, Date | undefined]>([
    ['of a JWT is its exp', jwt({ exp: 1_893_456_000 }), new Date('2030-01-01T00:00:00Z')],
    ['is not known of a JWT without exp', jwt({ iss: 'x' }), undefined],
    ['is not known of a JWT with another exp', jwt({ exp: 'soon' }), undefined],
    ['is not known of an opaque token', 'opaque', undefined],
    ['is not known of what only looks like a JWT', 'a.b.c', undefined],
  ])('%s', async (_name, text, expected) => {
    const found = await credentialExpiry(token(text), RULES, systemClock);
    expect(found?.expiresAt).toEqual(expected);
    if (found !== undefined) expect(found.replaced).toBe(false);
  });

  it('is that of a client certificate, and not known while its file cannot be read', async () => {
    const certificate = { kind: 'value', value: new Secret(CERTIFICATE) } as const;
    const found = await credentialExpiry({ kind: 'client-cert', certificate, key: certificate }, RULES, systemClock);
    expect(found?.expiresAt).toEqual(new X509Certificate(CERTIFICATE).validToDate);
    const gone = { kind: 'file', path: '/nowhere/tls.crt' } as const;
    const none = await credentialExpiry({ kind: 'client-cert', certificate: gone, key: gone }, RULES, systemClock);
    expect(none).toBeUndefined();
  });
});

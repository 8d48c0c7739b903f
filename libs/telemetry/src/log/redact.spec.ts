import { DomainError, Secret } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { redact, redactText } from './redact.js';

describe('redact', () => {
  it.each([
    'password',
    'registryPassword',
    'client_secret',
    'accessToken',
    'token',
    'Authorization',
    'set-cookie',
    'privateKey',
    'kubeconfig',
    'dockerConfigJson',
    'credential_sealed',
    'clientKeyData',
    'IF_ENCRYPTION_KEYS',
    'secret_access_key',
  ])('hides the value of the key %s', (key) => {
    expect(redact({ [key]: 'canary-value' })).toEqual({ [key]: '[redacted]' });
  });

  it.each(['tokens_used', 'key', 'keyId', 'secretName', 'fingerprint', 'build_id', 'queue_key', 'tokenCount'])(
    'keeps the value of the key %s',
    (key) => {
      expect(redact({ [key]: 'seen' })).toEqual({ [key]: 'seen' });
    },
  );

  it.each([
    ['Authorization: Bearer abcdef0123456789'],
    ['key ifk_abcdefghijklmnop refused'],
    ['clone of https://user:hunter2secret@git.example/x.git failed'],
    ['-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----'],
    ['eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl'],
  ])('hides what looks like a secret in the text %j', (text) => {
    expect(redactText(text)).toContain('[redacted]');
    expect(redactText(text)).not.toMatch(/abcdef0123456789|abcdefghijklmnop|hunter2secret|\nabc\n|c2lnbmF0dXJl/);
  });

  it('prints Secret instances, bytes, dates, sets and errors without what they hide', () => {
    const error = new DomainError({
      kind: 'NotFound',
      reason: 'NotFound',
      message: 'no such build',
      details: { password: 'canary-value' },
      cause: new Error('https://u:canary-value@host'),
    });
    const logged = redact({
      value: new Secret('canary-value'),
      data: new Uint8Array(3),
      at: new Date(0),
      in: new Set([1]),
      error,
    });
    expect(JSON.stringify(logged)).not.toContain('canary-value');
    expect(logged).toMatchObject({
      value: '[secret]',
      data: '3 bytes',
      at: '1970-01-01T00:00:00.000Z',
      in: [1],
      error: { kind: 'NotFound', reason: 'NotFound', message: 'no such build' },
    });
  });

  it('ends on a cycle and cuts long texts', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    expect(JSON.stringify(redact(cyclic))).toContain('[deeper]');
    expect(redactText('x'.repeat(20_000)).length).toBeLessThan(9000);
  });
});

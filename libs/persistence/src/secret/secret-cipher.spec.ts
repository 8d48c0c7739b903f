import { describe, expect, it } from 'vitest';
import { Secret } from '@image-factory/domain';
import { generateEncryptionKeys, parseEncryptionKeys } from './encryption-keys.js';
import { fingerprintsOf } from './fingerprint.js';
import { SecretCipher } from './secret-cipher.js';

const PLAIN = 'canary-7f3a';

describe('sealed secrets', () => {
  const cipher = new SecretCipher(parseEncryptionKeys(generateEncryptionKeys()));

  it('open again in their context, and never look the same twice', () => {
    const first = cipher.seal(new Secret(PLAIN), 'provider:1');
    const second = cipher.seal(PLAIN, 'provider:1');
    expect(first.sealed.equals(second.sealed)).toBe(false);
    expect(first.sealed.includes(PLAIN)).toBe(false);
    for (const { sealed, keyId } of [first, second])
      expect(cipher.open(sealed, keyId, 'provider:1').reveal()).toBe(PLAIN);
  });

  it('do not open in another row, with a changed byte, or cut short; the error does not show them', () => {
    const { sealed, keyId } = cipher.seal(PLAIN, 'provider:1');
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1);
    const tries: [Buffer, string][] = [
      [sealed, 'provider:2'],
      [changed, 'provider:1'],
      [sealed.subarray(0, 20), 'provider:1'],
      [Buffer.alloc(0), 'provider:1'],
    ];
    for (const [bytes, context] of tries) {
      const open = (): unknown => cipher.open(bytes, keyId, context);
      expect(open).toThrow(expect.objectContaining({ reason: 'CredentialUnreadable' }));
      expect(open).not.toThrow(PLAIN);
    }
  });

  it('open with an older key after a new one was put in front, and say which key is missing', () => {
    const older = generateEncryptionKeys();
    const { sealed, keyId } = new SecretCipher(parseEncryptionKeys(older)).seal(PLAIN, 'c');
    const rotated = new SecretCipher(parseEncryptionKeys(`${generateEncryptionKeys()},${older}`));
    expect(rotated.open(sealed, keyId, 'c').reveal()).toBe(PLAIN);
    expect(rotated.seal(PLAIN, 'c').keyId).not.toBe(keyId);
    expect(() => cipher.open(sealed, keyId, 'c')).toThrow(expect.objectContaining({ reason: 'EncryptionKeyMissing' }));
  });
});

describe('IF_ENCRYPTION_KEYS', () => {
  const key = Buffer.alloc(32, 1).toString('base64');

  it.each([
    ['', 1],
    ['nokey', 1],
    [`a:${key},a:${key}`, 1],
    [`a:${Buffer.alloc(16).toString('base64')},b c:${key},:${key}`, 3],
    [`a:not base64!`, 1],
  ])('is refused with every problem: %s', (text, count) => {
    try {
      parseEncryptionKeys(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ kind: 'InvalidInput' });
      expect((error as { issues: unknown[] }).issues).toHaveLength(count);
      expect(JSON.stringify(error)).not.toContain(key);
    }
  });

  it('seals with its first key', () => {
    expect(parseEncryptionKeys(`a:${key}, b:${key}`)).toMatchObject({ primaryId: 'a' });
  });
});

describe('a fingerprint', () => {
  it('is the same for the same secret, and short', () => {
    const cipher = new SecretCipher(parseEncryptionKeys(generateEncryptionKeys()));
    expect(fingerprintsOf(cipher, new Secret(PLAIN))).toEqual(fingerprintsOf(cipher, PLAIN));
    expect(fingerprintsOf(cipher, PLAIN)[0]).toMatch(/^hmac:[0-9a-f]{12}$/);
    expect(fingerprintsOf(cipher, 'other')[0]).not.toBe(fingerprintsOf(cipher, PLAIN)[0]);
  });

  it('cannot be guessed without the keys, and is known again after a rotation', () => {
    const [older, newer] = [generateEncryptionKeys(), generateEncryptionKeys()];
    const before = new SecretCipher(parseEncryptionKeys(older));
    const after = new SecretCipher(parseEncryptionKeys(`${newer},${older}`));
    const stranger = new SecretCipher(parseEncryptionKeys(newer));
    const [shown] = fingerprintsOf(before, PLAIN);
    expect(fingerprintsOf(after, PLAIN)[0]).not.toBe(shown);
    expect(fingerprintsOf(after, PLAIN)).toContain(shown);
    expect(fingerprintsOf(stranger, PLAIN)).not.toContain(shown);
    expect(before.marks(PLAIN, 'idempotency')[0].toString('hex')).not.toContain(shown.slice('hmac:'.length));
  });
});

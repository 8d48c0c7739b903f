import { randomBytes } from 'node:crypto';
import { invalidInput, Secret, type Issue } from '@image-factory/domain';

const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_.-]{1,32}$/;

/** Keys for sealing at rest: the primary seals, every one opens. */
export interface EncryptionKeyring {
  readonly primaryId: string;
  readonly keys: ReadonlyMap<string, Secret<Buffer>>;
}

/**
 * Reads `IF_ENCRYPTION_KEYS`: `id:base64(32 bytes)`, several by comma, the first one seals.
 * @throws DomainError InvalidInput ValidationFailed with every problem; no key material is in it
 */
export function parseEncryptionKeys(text: string): EncryptionKeyring {
  const keys = new Map<string, Secret<Buffer>>();
  const issues: Issue[] = [];
  for (const [index, entry] of text.split(',').entries()) {
    const path = `IF_ENCRYPTION_KEYS[${index}]`;
    const separator = entry.indexOf(':');
    const id = entry.slice(0, Math.max(separator, 0)).trim();
    const encoded = entry.slice(separator + 1).trim();
    const key = Buffer.from(encoded, 'base64');
    if (separator < 0 || !KEY_ID.test(id))
      issues.push({ path, message: 'must be id:key with an id of A-Z a-z 0-9 _ . -' });
    else if (key.length !== KEY_BYTES || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) {
      issues.push({ path, message: `must have a base64 key of ${KEY_BYTES} bytes` });
    } else if (keys.has(id)) issues.push({ path, message: `repeats the id ${id}` });
    else keys.set(id, new Secret(key));
  }
  const [primaryId] = keys.keys();
  if (issues.length > 0 || primaryId === undefined) {
    throw invalidInput('ValidationFailed', 'IF_ENCRYPTION_KEYS is not a list of id:base64 keys', issues);
  }
  return { primaryId, keys };
}

/** A fresh value for `IF_ENCRYPTION_KEYS` with one key. */
export function generateEncryptionKeys(): string {
  return `k${randomBytes(4).toString('hex')}:${randomBytes(KEY_BYTES).toString('base64')}`;
}

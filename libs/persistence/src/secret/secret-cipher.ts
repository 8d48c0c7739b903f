import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { DomainError, Secret } from '@image-factory/domain';
import type { EncryptionKeyring } from './encryption-keys.js';

export interface SealedSecret {
  /** Version byte, nonce, tag, ciphertext. */
  readonly sealed: Buffer;
  readonly keyId: string;
}

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MARK_KEY_BYTES = 32;
const HEADER_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/**
 * Seals secrets for storage with AES-256-GCM. The context, such as `provider:<id>`, and the key id are authenticated:
 * a sealed value that was copied into another row does not open there.
 */
export class SecretCipher {
  constructor(private readonly keyring: EncryptionKeyring) {}

  seal(plain: Secret | string, context: string): SealedSecret {
    const keyId = this.keyring.primaryId;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key(keyId), nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associated(keyId, context));
    const text = typeof plain === 'string' ? plain : plain.reveal();
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return { sealed: Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]), keyId };
  }

  /** @throws DomainError Internal EncryptionKeyMissing (no such key), CredentialUnreadable (changed, or another context) */
  open(sealed: Buffer, keyId: string, context: string): Secret {
    const key = this.#key(keyId);
    try {
      if (sealed.length < HEADER_BYTES || sealed[0] !== VERSION) throw new Error('not a sealed secret');
      const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEADER_BYTES));
      decipher.setAAD(associated(keyId, context));
      const body = Buffer.concat([decipher.update(sealed.subarray(HEADER_BYTES)), decipher.final()]);
      return new Secret(body.toString('utf8'));
    } catch (error) {
      throw new DomainError({
        kind: 'Internal',
        reason: 'CredentialUnreadable',
        message: `the stored secret of ${context} cannot be opened with key ${keyId}; store it again`,
        cause: error,
      });
    }
  }

  /**
   * Marks by which a text is known again and that nobody without the keys can search for it: HMAC-SHA-256 under a key
   * derived from each key of the ring, the primary's first. Store the first; a stored one that equals any of them, also
   * of a key that was primary before, is of the same text. Marks of different purposes cannot be compared.
   */
  marks(plain: Secret | string, purpose: string): readonly [Buffer, ...Buffer[]] {
    const text = typeof plain === 'string' ? plain : plain.reveal();
    const markBy = (keyId: string): Buffer => {
      const derived = hkdfSync('sha256', this.#key(keyId), '', `image-factory mark: ${purpose}`, MARK_KEY_BYTES);
      return createHmac('sha256', Buffer.from(derived)).update(text, 'utf8').digest();
    };
    const { primaryId, keys } = this.keyring;
    return [markBy(primaryId), ...[...keys.keys()].filter((keyId) => keyId !== primaryId).map(markBy)];
  }

  #key(keyId: string): Buffer {
    const key = this.keyring.keys.get(keyId);
    if (key === undefined) {
      throw new DomainError({
        kind: 'Internal',
        reason: 'EncryptionKeyMissing',
        message: `IF_ENCRYPTION_KEYS has no key ${keyId}, which a stored secret was sealed with; add it back`,
      });
    }
    return key.reveal();
  }
}

function associated(keyId: string, context: string): Buffer {
  return Buffer.from(`${keyId}\n${context}`, 'utf8');
}

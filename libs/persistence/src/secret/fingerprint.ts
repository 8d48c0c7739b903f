import type { Secret } from '@image-factory/domain';
import type { SecretCipher } from './secret-cipher.js';

/**
 * Short marks by which people tell two secrets apart without seeing them. Keyed, because even a short plain hash lets
 * who reads it try passwords until one fits. The first is stored and shown; the others are what the same secret was
 * shown as while another key of the ring was the primary one.
 */
export function fingerprintsOf(cipher: SecretCipher, secret: Secret | string): readonly [string, ...string[]] {
  const [first, ...older] = cipher.marks(secret, 'fingerprint');
  return [toFingerprint(first), ...older.map(toFingerprint)];
}

function toFingerprint(mark: Buffer): string {
  return `hmac:${mark.toString('hex').slice(0, 12)}`;
}

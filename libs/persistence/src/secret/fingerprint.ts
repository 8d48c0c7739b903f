import { createHash } from 'node:crypto';
import type { Secret } from '@image-factory/domain';

/** A short hash by which people recognise a secret without seeing it: 48 bits, far too few to search for its value. */
export function fingerprintOf(secret: Secret | string): string {
  const plain = typeof secret === 'string' ? secret : secret.reveal();
  return `sha256:${createHash('sha256').update(plain).digest('hex').slice(0, 12)}`;
}

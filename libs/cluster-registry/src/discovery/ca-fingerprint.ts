import { createHash } from 'node:crypto';

/** What is kept of a CA that a cloud gives in base64, so that a change of it is seen; undefined when it gives none. */
export function caFingerprint(base64: string | undefined): string | undefined {
  const pem = Buffer.from(base64 ?? '', 'base64').toString('utf8');
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  return `sha256:${createHash('sha256').update(pem).digest('hex')}`;
}

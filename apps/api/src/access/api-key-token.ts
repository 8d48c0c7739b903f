import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '@image-factory/domain';

/** Marks our keys, so that scanners find leaked ones. */
const PREFIX = 'ifk_';
const KEY_BYTES = 32;

/** RFC 6750, section 2.1, at most 4096 characters. */
const BEARER = /^Bearer ([A-Za-z0-9._~+/-]{1,4096}=*)$/i;

/** A new API key: 256 random bits. */
export function newApiKeyToken(): Secret {
  return new Secret(PREFIX + randomBytes(KEY_BYTES).toString('base64url'));
}

/** What is stored of a key. Keys have full entropy, so a plain hash is enough and can be looked up. */
export function hashOfToken(token: Secret): Buffer {
  return createHash('sha256').update(token.reveal()).digest();
}

/** The token of an `Authorization` header; undefined when there is none that has the form. */
export function bearerToken(authorization: string | undefined): Secret | undefined {
  const match = BEARER.exec(authorization ?? '');
  return match?.[1] === undefined ? undefined : new Secret(match[1]);
}

import { AUTH_METHOD_TABLE, AUTH_METHODS, Secret } from '@image-factory/domain';
import type { SecretCipher } from '../secret/secret-cipher.js';
import { fingerprintsOf } from '../secret/fingerprint.js';
import type { StoredSettings } from './provider-row.js';

/** Every field of every auth method that is sealed and never returned. */
export const SECRET_CONFIG_FIELDS: readonly string[] = [
  ...new Set(AUTH_METHODS.flatMap((method) => AUTH_METHOD_TABLE[method].secret)),
];

/** A provider's config, taken apart into what may be read and what is sealed. */
export interface SplitConfig {
  readonly settings: StoredSettings;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Takes the secret fields out of a config. Whatever the method, a field of a secret's name never stays readable. */
export function splitConfig(config: Readonly<Record<string, unknown>>): SplitConfig {
  const settings: Record<string, unknown> = {};
  const secrets: Record<string, string> = {};
  for (const [field, value] of Object.entries(config)) {
    if (value === undefined || value === null) continue;
    if (!SECRET_CONFIG_FIELDS.includes(field)) settings[field] = value;
    else secrets[field] = value instanceof Secret ? String(value.reveal()) : String(value);
  }
  return { settings, secrets };
}

/** Columns of a sealed credential; all null when the method needs no secret. */
export interface SealedCredential {
  readonly sealed: Buffer | null;
  readonly keyId: string | null;
  readonly fingerprint: string | null;
  /** What the same secrets may be stored as, under older keys too; the empty text stands for none. */
  readonly sameFingerprints: readonly string[];
}

export function sealSecrets(
  cipher: SecretCipher,
  providerId: string,
  secrets: Readonly<Record<string, string>>,
): SealedCredential {
  if (Object.keys(secrets).length === 0) {
    return { sealed: null, keyId: null, fingerprint: null, sameFingerprints: [''] };
  }
  const plain = new Secret(JSON.stringify(secrets, Object.keys(secrets).sort()));
  const { sealed, keyId } = cipher.seal(plain, providerContext(providerId));
  const sameFingerprints = fingerprintsOf(cipher, plain);
  return { sealed, keyId, fingerprint: sameFingerprints[0], sameFingerprints };
}

/** @throws DomainError Internal EncryptionKeyMissing */
export function openSecrets(
  cipher: SecretCipher,
  providerId: string,
  sealed: Buffer | null,
  keyId: string | null,
): Record<string, Secret> {
  if (sealed === null || keyId === null) return {};
  const plain = JSON.parse(cipher.open(sealed, keyId, providerContext(providerId)).reveal()) as Record<string, string>;
  return Object.fromEntries(Object.entries(plain).map(([field, value]) => [field, new Secret(value)]));
}

function providerContext(providerId: string): string {
  return `provider:${providerId}`;
}

import { createHash } from 'node:crypto';

/** A manifest or index as the registry stores it: `digest` is the sha256 of exactly `bytes`. */
export interface Manifest {
  /** `sha256:<64 hex>` */
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** Every manifest type that this product promotes. Docker schema 1 is not one: its digest is not that of its bytes. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** `sha256:<hex>` of the bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * The manifest's media type: the answer's Content-Type, else the document's own `mediaType`, if it is one that we
 * know; undefined otherwise.
 */
export function mediaTypeOf(contentType: string | undefined, bytes: Buffer): string | undefined {
  const declared = contentType?.split(';')[0]?.trim().toLowerCase();
  if (declared !== undefined && MANIFEST_MEDIA_TYPES.includes(declared)) return declared;
  try {
    const own = (JSON.parse(bytes.toString('utf8')) as { mediaType?: unknown }).mediaType;
    return typeof own === 'string' && MANIFEST_MEDIA_TYPES.includes(own) ? own : undefined;
  } catch {
    return undefined;
  }
}

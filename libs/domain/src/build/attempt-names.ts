import { createHash } from 'node:crypto';

/** Identity of an attempt: everything that its names are a function of. */
export interface AttemptIdentity {
  readonly installationId: string;
  readonly buildId: string;
  /** 1 for the first. */
  readonly attempt: number;
}

/** Label and annotation keys on every object that we make on a cluster. `*.tekton.dev` keys are Tekton's. */
export const LABELS = {
  managedBy: 'app.kubernetes.io/managed-by',
  installation: 'image-factory.io/installation',
  tenant: 'image-factory.io/tenant',
  project: 'image-factory.io/project',
  build: 'image-factory.io/build',
  execution: 'image-factory.io/execution',
  attempt: 'image-factory.io/attempt',
  shard: 'image-factory.io/shard',
} as const;

export const ANNOTATIONS = {
  documentHash: 'image-factory.io/document-hash',
  contentHash: 'image-factory.io/content-hash',
  installationNonce: 'image-factory.io/nonce',
} as const;

export const MANAGED_BY = 'image-factory';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  let bits = 0;
  let value = 0;
  let text = '';
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32.charAt((value >>> bits) & 31);
    }
  }
  return text;
}

/**
 * Name of the attempt's PipelineRun: a pure function of installation, build and attempt, DNS-1123, 36 characters or
 * fewer so that Tekton's derived names (`<run>-build-pod`) need no hashing. 20 hash characters are 100 bits.
 */
export function pipelineRunName(identity: AttemptIdentity): string {
  const digest = createHash('sha256')
    .update(`${identity.installationId}\n${identity.buildId}\n${identity.attempt}`)
    .digest();
  return `if-${base32(digest).slice(0, 20)}-${identity.attempt}`;
}

/** Name of the attempt's own Secret (correctness rules 3 and 10). */
export function attemptSecretName(identity: AttemptIdentity): string {
  return `${pipelineRunName(identity)}-credentials`;
}

/**
 * Tag that the attempt pushes to; the user's tags are put on its manifest only after the outcome (rule 5). Within the
 * OCI grammar for tags: `if-` + 36 + `-` + digits is far below 128 characters.
 */
export function attemptTag(identity: Pick<AttemptIdentity, 'buildId' | 'attempt'>): string {
  return `if-${identity.buildId}-${identity.attempt}`;
}

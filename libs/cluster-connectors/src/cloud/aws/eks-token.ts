import { createHash, createHmac } from 'node:crypto';
import type { HttpRequest } from '@smithy/protocol-http';
import type { SignatureV4 } from '@smithy/signature-v4';
import type { EndingValue } from '../../broker/renewed-value.js';
import { urlOf } from './aws-handler.js';
import { stsHost } from './aws-partitions.js';

/** What signs: an access key, with the session's token and end when it has them. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** The server takes a token for 15 minutes from its date; as aws-iam-authenticator does, one is kept back. */
const TOKEN_LIFE_MS = 14 * 60_000;
/** A token dies with the session that signed it; so much is kept back then. */
const SESSION_MARGIN_MS = 60_000;
const PREFIX = 'k8s-aws-v1.';

/**
 * A token for an EKS cluster's API server: `GetCallerIdentity`, presigned for this cluster's name alone, which the
 * server replays at STS to learn who we are (kubernetes-sigs/aws-iam-authenticator, pkg/token). Nothing is sent here.
 */
export async function eksToken(
  clusterName: string,
  region: string,
  keys: AwsKeys,
  now: Date,
): Promise<EndingValue<string>> {
  const request = await stsRequest(region, { 'x-k8s-aws-id': clusterName });
  const signer = await stsSigner(region, keys);
  // The header must stay one: hoisted into the query it would be refused there.
  const only = new Set(['host', 'x-k8s-aws-id']);
  const signed = await signer.presign(request, {
    expiresIn: 60,
    signingDate: now,
    unhoistableHeaders: new Set(['x-k8s-aws-id']),
    signableHeaders: only,
  });
  const url = urlOf(signed);
  const sessionEndMs = keys.expiration === undefined ? Infinity : keys.expiration.getTime() - SESSION_MARGIN_MS;
  return {
    value: PREFIX + Buffer.from(url).toString('base64url'),
    expiresAt: new Date(Math.min(now.getTime() + TOKEN_LIFE_MS, sessionEndMs)),
  };
}

/** `GetCallerIdentity` of a region, to be signed. */
export async function stsRequest(region: string, headers: Readonly<Record<string, string>>): Promise<HttpRequest> {
  const { HttpRequest } = await import('@smithy/protocol-http');
  const host = stsHost(region);
  return new HttpRequest({
    method: 'GET',
    protocol: 'https:',
    hostname: host,
    path: '/',
    query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
    headers: { host, ...headers },
  });
}

/** Signs for STS of a region. */
export async function stsSigner(region: string, keys: AwsKeys): Promise<SignatureV4> {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  return new SignatureV4({ service: 'sts', region, credentials: keys, sha256: NodeSha256 });
}

/** SHA-256 and its HMAC in the shape that the signer asks for. */
class NodeSha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytes(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}

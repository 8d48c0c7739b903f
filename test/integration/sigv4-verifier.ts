import { createHash, createHmac } from 'node:crypto';

/*
 * Verification of a presigned AWS request, written from the specification ("Signature Version 4 signing process" and
 * "Authenticating requests: using query parameters") with node:crypto alone, and of an EKS token, written from what
 * aws-iam-authenticator's server accepts. It shares no code with the signer.
 */

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text, 'utf8').digest();
const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** RFC 3986: everything but unreserved characters, in upper case hex. */
function uriEncode(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9_.~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** kSigning = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request") */
export function signingKey(secret: string, date: string, region: string, service: string): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), 'aws4_request');
}

const QUERY_ALLOWED = [
  'Action',
  'Version',
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Security-Token',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
];

export interface EksTokenFacts {
  readonly accessKeyId: string;
  readonly sessionToken: string | undefined;
  readonly signedAt: Date;
}

/** Who signed the token; an Error that says what is wrong with it when the server would refuse it. */
export function verifyEksToken(
  token: string,
  clusterName: string,
  region: string,
  secretOf: (accessKeyId: string) => string | undefined,
): EksTokenFacts {
  if (token.length > 4096 || !/^k8s-aws-v1\.[A-Za-z0-9_-]+$/.test(token)) throw new Error('not a token');
  const url = new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString('utf8'));
  const host = `sts.${region}.amazonaws.com`;
  if (url.protocol !== 'https:' || url.host !== host || url.pathname !== '/') throw new Error(`wrong URL ${url.host}`);
  const query = [...url.searchParams];
  const names = query.map(([name]) => name);
  if (new Set(names).size !== names.length) throw new Error('a parameter is given twice');
  const unknown = names.find((name) => !QUERY_ALLOWED.includes(name));
  if (unknown !== undefined) throw new Error(`the server refuses the parameter ${unknown}`);
  const get = (name: string): string => url.searchParams.get(name) ?? '';
  if (get('Action') !== 'GetCallerIdentity' || get('Version') !== '2011-06-15') throw new Error('wrong action');
  if (get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') throw new Error('wrong algorithm');
  if (get('X-Amz-SignedHeaders') !== 'host;x-k8s-aws-id') throw new Error('wrong signed headers');
  const [accessKeyId = '', date = '', scopeRegion, service, end] = get('X-Amz-Credential').split('/');
  if (scopeRegion !== region || service !== 'sts' || end !== 'aws4_request') throw new Error('wrong scope');
  const time = get('X-Amz-Date');
  if (!/^\d{8}T\d{6}Z$/.test(time) || !time.startsWith(date)) throw new Error('wrong date');
  const canonicalQuery = query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`)
    .sort()
    .join('&');
  const canonicalRequest = [
    'GET',
    '/',
    canonicalQuery,
    `host:${host}`,
    `x-k8s-aws-id:${clusterName}`,
    '',
    'host;x-k8s-aws-id',
    sha256(''),
  ].join('\n');
  const stringToSign = ['AWS4-HMAC-SHA256', time, `${date}/${region}/sts/aws4_request`, sha256(canonicalRequest)].join(
    '\n',
  );
  const secret = secretOf(accessKeyId);
  if (secret === undefined) throw new Error(`unknown access key ${accessKeyId}`);
  const expected = hmac(signingKey(secret, date, region, 'sts'), stringToSign).toString('hex');
  if (expected !== get('X-Amz-Signature')) throw new Error('the signature does not match');
  const signedAt = new Date(time.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z'));
  return { accessKeyId, sessionToken: url.searchParams.get('X-Amz-Security-Token') ?? undefined, signedAt };
}

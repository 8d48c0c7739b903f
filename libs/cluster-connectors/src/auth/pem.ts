import { createPrivateKey, X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** What is wrong with a PEM bundle of certificates; undefined when it has at least one and all parse. */
export function certificateProblem(pem: string): string | undefined {
  const blocks = pem.match(CERTIFICATE);
  if (blocks === null) return 'must be PEM with BEGIN CERTIFICATE';
  try {
    blocks.forEach((block) => new X509Certificate(block));
    return undefined;
  } catch {
    return 'has a certificate that cannot be parsed';
  }
}

/** What is wrong with a client certificate: as {@link certificateProblem}, and whether it has expired. */
export function clientCertificateProblem(pem: string, now: Date): string | undefined {
  const problem = certificateProblem(pem);
  if (problem !== undefined) return problem;
  const until = new X509Certificate(pem.match(CERTIFICATE)?.[0] ?? '').validToDate;
  return until < now ? `has expired on ${until.toISOString()}` : undefined;
}

/** What is wrong with an unencrypted PEM private key; undefined when it parses and fits the certificate (when given). */
export function privateKeyProblem(pem: string, certificatePem: string | undefined): string | undefined {
  if (!/-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/.test(pem)) return 'must be PEM with BEGIN PRIVATE KEY, not encrypted';
  try {
    const key = createPrivateKey(pem);
    if (certificatePem === undefined || certificateProblem(certificatePem) !== undefined) return undefined;
    const leaf = new X509Certificate(certificatePem.match(CERTIFICATE)?.[0] ?? '');
    return leaf.checkPrivateKey(key) ? undefined : 'does not belong to the client certificate';
  } catch {
    return 'cannot be parsed';
  }
}

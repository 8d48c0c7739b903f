import { X509Certificate } from 'node:crypto';

/** End of the first certificate of a PEM bundle; undefined when it cannot be read. */
export function certificateExpiry(pem: string): Date | undefined {
  try {
    return new X509Certificate(pem).validToDate;
  } catch {
    return undefined;
  }
}

/** `exp` of a token that is a JWT (RFC 7519), as Kubernetes' own are; undefined for others. Nothing is verified. */
export function tokenExpiry(token: string): Date | undefined {
  const parts = token.trim().split('.');
  if (parts.length !== 3) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')) as { exp?: unknown };
    return typeof exp === 'number' && exp > 0 && exp < 8_640_000_000_000 ? new Date(exp * 1000) : undefined;
  } catch {
    return undefined;
  }
}

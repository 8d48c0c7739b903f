import { isDomainError, Secret } from '@image-factory/domain';

const REDACTED = '[redacted]';
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;
const MAX_TEXT = 8192;

/** Words of a key (split at case changes, dashes and underscores) whose value never reaches a log. */
const SECRET_KEY = new RegExp(
  [
    'pass(word|phrase|wd)?$',
    'secret(s|_?key|_?access_?key)?$',
    '(^|[_-])(access|refresh|id|bearer|auth|client|session)?_?token$',
    'authorization$',
    'cookie$',
    'credentials?$',
    '(private|api|encryption|signing)_?keys?$',
    'client_?(key|cert)(_?data)?$',
    'kubeconfig$',
    'docker_?config(_?json)?$',
    'sealed$',
  ].join('|'),
  'i',
);

/** Secrets that travel inside texts: authorisation headers, our API keys, JWTs, and user names with passwords in URLs. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\bifk_[A-Za-z0-9_-]{8,}/g, REDACTED],
  [/\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*/g, REDACTED],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*:[^\s/@]+@/gi, `$1${REDACTED}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
];

/** The text without what looks like a secret, at most 8 KiB long. */
export function redactText(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
  return SECRET_TEXT.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), cut);
}

function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2'));
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const base = isDomainError(error)
    ? {
        kind: error.kind,
        reason: error.reason,
        message: redactText(error.message),
        details: redact(error.details, depth),
      }
    : {
        name: error.name,
        message: redactText(error.message),
        ...('code' in error ? { code: redact(error.code, depth) } : {}),
      };
  return {
    ...base,
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth) }),
    ...(isDomainError(error) && error.kind !== 'Internal' ? {} : { stack: redactText(error.stack ?? '') }),
  };
}

function redactObject(value: object, depth: number): unknown {
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redact(item, depth));
  if (value instanceof Map) return redactObject(Object.fromEntries(value), depth);
  if (value instanceof Set) return redactObject([...value], depth);
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_ITEMS)
      .map(([key, item]) => [key, isSecretKey(key) && typeof item !== 'number' ? REDACTED : redact(item, depth)]),
  );
}

/**
 * A copy of a logged value that is safe to write: `Secret` instances, values under keys that look like secrets and
 * secrets inside texts are replaced; errors become plain objects; depth and breadth are bounded, so a cycle ends.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return String(value).slice(0, 80);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Secret) return value.toString();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return redactError(value, depth + 1);
  return redactObject(value, depth + 1);
}

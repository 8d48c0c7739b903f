import { canonicalAddress } from './address-class.js';
import type { EgressPurpose, EgressRefusal } from './egress-verdict.js';

/** A URL's destination in one spelling: lower case, no trailing dot, no brackets, numeric hosts as addresses. */
export interface ParsedDestination {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  /** Set when the host is a literal address, in whatever notation it was written. */
  readonly literal: string | undefined;
}

export type ParseResult =
  | { readonly ok: true; readonly destination: ParsedDestination }
  | { readonly ok: false; readonly reason: EgressRefusal; readonly message: string };

const DEFAULT_PORTS: Readonly<Record<string, number>> = { https: 443, http: 80, ssh: 22 };

/** Schemes that a purpose may use at all; plain http may need the http allow list besides. */
const SCHEMES: Readonly<Record<EgressPurpose, readonly string[]>> = {
  git: ['https', 'http', 'ssh'],
  registry: ['https', 'http'],
  cluster: ['https', 'http'],
  proxy: ['https', 'http'],
};

const SCP_FORM = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?!\/\/)/;

/**
 * Reads a URL (or git's `user@host:path`) strictly: whatever parsers could read differently (white space, control
 * characters, backslashes, user information, percent signs or non-ASCII in the host) is refused, not repaired.
 */
export function parseDestination(text: string, purpose: EgressPurpose): ParseResult {
  if (text.length > 2048 || /[\u0000-\u0020\u007f-\uffff\\]/u.test(text)) {
    return refuse(
      'UrlInvalid',
      'has white space, control or non-ASCII characters, a backslash, or is longer than 2048',
    );
  }
  const scp = purpose === 'git' ? SCP_FORM.exec(text) : null;
  if (scp?.[1] !== undefined) return destinationOf('ssh', scp[1], undefined);
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(text);
  if (match === null) return refuse('UrlInvalid', 'must be an absolute URL with a host');
  const scheme = (match[1] ?? '').toLowerCase();
  if (!SCHEMES[purpose].includes(scheme)) {
    return refuse('SchemeForbidden', `must use ${SCHEMES[purpose].join(', ')}`);
  }
  return authorityOf(scheme, match[2] ?? '', purpose);
}

function authorityOf(scheme: string, authority: string, purpose: EgressPurpose): ParseResult {
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? '' : authority.slice(0, at);
  const sshUser = scheme === 'ssh' && purpose === 'git' && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(user);
  if (at >= 0 && !sshUser) return refuse('UserinfoForbidden', 'must not carry user information');
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::([0-9]{1,5}))?$/.exec(authority.slice(at + 1));
  if (match === null) return refuse('UrlInvalid', 'has a malformed host or port');
  return destinationOf(scheme, match[1] ?? '', match[2]);
}

function destinationOf(scheme: string, rawHost: string, rawPort: string | undefined): ParseResult {
  const port = rawPort === undefined ? (DEFAULT_PORTS[scheme] ?? 0) : Number(rawPort);
  if (port < 1 || port > 65_535) return refuse('UrlInvalid', 'has a port outside 1 to 65535');
  if (rawHost === '' || rawHost.includes('%')) return refuse('UrlInvalid', 'has an empty or percent-encoded host');
  const host = normalHost(rawHost);
  if (host === undefined) return refuse('UrlInvalid', 'has a malformed host');
  const literal = canonicalAddress(host);
  return { ok: true, destination: { scheme, host: literal ?? host, port, literal } };
}

/**
 * The WHATWG host parser reads numeric hosts as inet_aton does (`127.1`, `0x7f.1`, `2130706433`, `017700000001`), which
 * is what git, curl and getaddrinfo would connect to. Non-special schemes skip it, so it is asked explicitly.
 */
function normalHost(raw: string): string | undefined {
  const stripped = raw.replace(/\.+$/, '');
  let host: string;
  try {
    host = new URL(`http://${stripped}/`).hostname;
  } catch {
    return undefined;
  }
  const bare = host
    .replace(/^\[|\]$/g, '')
    .replace(/\.+$/, '')
    .toLowerCase();
  if (bare.includes(':')) return bare;
  return /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(
    bare,
  )
    ? bare
    : undefined;
}

function refuse(reason: EgressRefusal, message: string): ParseResult {
  return { ok: false, reason, message };
}

import { invalidInput, type Issue } from '@image-factory/domain';
import ipaddr from 'ipaddr.js';

/** One destination: host name or literal address, port, and the address it stands for (or resolved to). */
export interface Destination {
  readonly host: string;
  readonly port: number | undefined;
  readonly address: string | undefined;
}

type Entry =
  | { readonly kind: 'host'; readonly name: string; readonly suffix: boolean; readonly port: number | undefined }
  | { readonly kind: 'block'; readonly block: [ipaddr.IPv4 | ipaddr.IPv6, number]; readonly port: number | undefined };

/**
 * Destinations that an operator allows in spite of their class: `10.0.0.0/8`, `10.1.2.3:5000`, `[fd00::1]:5000`,
 * `registry.corp.example`, `registry.corp.example:5000`, `*.corp.example`. A wildcard covers private addresses but
 * not loopback, because anybody who may write a record under it could point it there.
 */
export class AllowList {
  readonly #entries: readonly Entry[];

  /** @throws DomainError InvalidInput with every malformed entry */
  constructor(patterns: readonly string[]) {
    const issues: Issue[] = [];
    const entries: Entry[] = [];
    patterns.forEach((pattern, index) => {
      const entry = parseEntry(pattern.trim().toLowerCase());
      if (entry === undefined) {
        issues.push({
          path: `[${index}]`,
          message: `"${pattern}" must be a CIDR block, an address or a host, each with an optional port`,
        });
      } else {
        entries.push(entry);
      }
    });
    if (issues.length > 0) throw invalidInput('ValidationFailed', 'The egress allow list has wrong entries.', issues);
    this.#entries = entries;
  }

  /** True when some entry names this destination. */
  allows(destination: Destination): boolean {
    return this.#entries.some((entry) => matches(entry, destination));
  }

  /** True when an entry names the host itself (exactly or by wildcard), without looking at addresses. */
  namesHost(host: string, port: number | undefined): boolean {
    return this.#entries.some((entry) => entry.kind === 'host' && hostMatches(entry, host, port));
  }

  /** True when an entry names exactly this destination, not by wildcard: what loopback asks for. */
  allowsExactly(destination: Destination): boolean {
    return this.#entries.some((entry) => (entry.kind === 'block' || !entry.suffix) && matches(entry, destination));
  }
}

function parseEntry(pattern: string): Entry | undefined {
  if (pattern.includes('/')) {
    if (!ipaddr.isValidCIDR(pattern)) return undefined;
    return { kind: 'block', block: ipaddr.parseCIDR(pattern), port: undefined };
  }
  if (ipaddr.IPv6.isValid(pattern)) return singleAddress(pattern, undefined);
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9*._-]+)(?::([0-9]{1,5}))?$/.exec(pattern);
  const host = match?.[1];
  if (host === undefined) return undefined;
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const bare = host.replace(/^\[|\]$/g, '');
  if (host.startsWith('[') || ipaddr.IPv4.isValidFourPartDecimal(bare)) {
    return ipaddr.isValid(bare) ? singleAddress(bare, port) : undefined;
  }
  const name = host.replace(/\.$/, '');
  if (/^[0-9.]+$/.test(name)) return undefined;
  if (!name.includes('*')) return { kind: 'host', name, suffix: false, port };
  return /^\*\.[^*]+$/.test(name) ? { kind: 'host', name: name.slice(1), suffix: true, port } : undefined;
}

function singleAddress(text: string, port: number | undefined): Entry {
  const address = ipaddr.process(text);
  return { kind: 'block', block: [address, address.kind() === 'ipv6' ? 128 : 32], port };
}

function matches(entry: Entry, destination: Destination): boolean {
  if (entry.kind === 'host') return hostMatches(entry, destination.host, destination.port);
  if (entry.port !== undefined && entry.port !== destination.port) return false;
  const text = destination.address;
  if (text === undefined || !ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  return address.kind() === entry.block[0].kind() && address.match(entry.block);
}

function hostMatches(entry: Entry & { kind: 'host' }, host: string, port: number | undefined): boolean {
  if (entry.port !== undefined && entry.port !== port) return false;
  return entry.suffix ? host.endsWith(entry.name) && host.length > entry.name.length : host === entry.name;
}

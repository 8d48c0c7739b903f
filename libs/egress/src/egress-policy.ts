import { lookup as dnsLookup } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import { addressClass, canonicalAddress, type AddressClass } from './address-class.js';
import { AllowList } from './allow-list.js';
import type { EgressPurpose, EgressRefusal, EgressVerdict } from './egress-verdict.js';
import { hostRefusal } from './host-name.js';
import { parseDestination, type ParsedDestination } from './parse-destination.js';

export interface EgressOptions {
  /** CIDR blocks, addresses or hosts (each with an optional port) that may be reached although they are private. */
  readonly allow: readonly string[];
  /** Destinations, in the same forms, to which plain http is spoken: registries and clusters need it, git does not. */
  readonly allowHttp?: readonly string[];
  /** How names are resolved; the system's resolver unless a test gives another. */
  readonly resolve?: (host: string) => Promise<readonly LookupAddress[]>;
  /** Milliseconds before a resolution counts as failed. */
  readonly resolveTimeoutMs?: number;
}

const NEVER: readonly AddressClass[] = ['metadata', 'link-local', 'unroutable'];
const TENANT_PURPOSES: readonly EgressPurpose[] = ['git', 'registry'];
const DEFAULT_RESOLVE_TIMEOUT_MS = 5_000;

/**
 * Which addresses may be reached, and on whose behalf. Closed by default: tenants reach public addresses only; admins'
 * clusters may be private; loopback needs the allow list; link-local, metadata and unroutable addresses are never
 * reached. A name is judged by every address it resolves to, and again when a socket is opened
 * (see `egressConnector`), so that an answer that changes in between does not pass.
 */
export class EgressPolicy {
  readonly #allow: AllowList;
  readonly #allowHttp: AllowList;
  readonly #resolve: (host: string) => Promise<readonly LookupAddress[]>;
  readonly #resolveTimeoutMs: number;

  /** @throws DomainError InvalidInput with every malformed pattern */
  constructor(options: EgressOptions) {
    this.#allow = new AllowList(options.allow);
    this.#allowHttp = new AllowList(options.allowHttp ?? []);
    this.#resolve = options.resolve ?? ((host) => dnsLookup(host, { all: true, verbatim: true }));
    this.#resolveTimeoutMs = options.resolveTimeoutMs ?? DEFAULT_RESOLVE_TIMEOUT_MS;
  }

  /** Judges a URL by what is written in it, without resolving names. `addresses` is empty for a name. */
  checkLiteral(url: string, purpose: EgressPurpose): EgressVerdict {
    const parsed = parseDestination(url, purpose);
    if (!parsed.ok) return { allowed: false, reason: parsed.reason, message: `The ${purpose} URL ${parsed.message}.` };
    const { destination } = parsed;
    // To a proxy only the host and port of a tunnel are said; TLS is spoken inside of it.
    const plainHttp = destination.scheme === 'http' && purpose !== 'git' && purpose !== 'proxy';
    if (plainHttp && !this.#speaksHttp(destination)) {
      return refusal('SchemeForbidden', `The ${purpose} host ${destination.host} must be reached over https.`);
    }
    if (destination.literal !== undefined) {
      return this.checkAddresses(destination.host, destination.port, [destination.literal], purpose);
    }
    const tenant = TENANT_PURPOSES.includes(purpose);
    const message = hostRefusal(destination.host, tenant && !this.#allow.namesHost(destination.host, destination.port));
    if (message !== undefined) return refusal('HostForbidden', `The ${purpose} host ${destination.host} ${message}.`);
    return { allowed: true, host: destination.host, port: destination.port, addresses: [] };
  }

  /** Judges a URL and every address that its host resolves to now. Redirects are the caller's to refuse or re-check. */
  async check(url: string, purpose: EgressPurpose): Promise<EgressVerdict> {
    const verdict = this.checkLiteral(url, purpose);
    if (!verdict.allowed || verdict.addresses.length > 0) return verdict;
    return this.checkHost(verdict.host, verdict.port, purpose);
  }

  /** Resolves a host and judges all its addresses: one forbidden address forbids the host. */
  async checkHost(host: string, port: number, purpose: EgressPurpose): Promise<EgressVerdict> {
    const bare = host
      .replace(/^\[|\]$/g, '')
      .replace(/\.+$/, '')
      .toLowerCase();
    const literal = canonicalAddress(bare);
    if (literal !== undefined) return this.checkAddresses(bare, port, [literal], purpose);
    const named = hostRefusal(bare, false);
    if (named !== undefined) return refusal('HostForbidden', `The ${purpose} host ${bare} ${named}.`);
    let addresses: readonly string[];
    try {
      addresses = (await this.#resolveInTime(bare)).map((entry) => entry.address);
    } catch {
      return refusal('ResolutionFailed', `The ${purpose} host ${bare} does not resolve to an address now.`);
    }
    if (addresses.length === 0) return refusal('ResolutionFailed', `The ${purpose} host ${bare} has no address.`);
    return this.checkAddresses(bare, port, addresses, purpose);
  }

  /** Judges addresses that are already known. `host` is what was asked for: allow-list entries may name it. */
  checkAddresses(host: string, port: number, addresses: readonly string[], purpose: EgressPurpose): EgressVerdict {
    for (const address of addresses) {
      const kind = addressClass(address) ?? 'unroutable';
      const destination = { host, port, address };
      const allowed =
        !NEVER.includes(kind) &&
        (kind === 'public' ||
          (kind === 'loopback'
            ? this.#allow.allowsExactly(destination)
            : !TENANT_PURPOSES.includes(purpose) || this.#allow.allows(destination)));
      if (allowed) continue;
      const remedy = NEVER.includes(kind) ? 'it is never reached' : 'an operator can allow it with IF_EGRESS_ALLOW';
      // What a name resolves to here is not a tenant's to learn.
      const hidden = host === address || TENANT_PURPOSES.includes(purpose);
      const shown = hidden ? host : `${host} (${address})`;
      return refusal('AddressForbidden', `The ${purpose} host ${shown} is a ${kind} address; ${remedy}.`);
    }
    return { allowed: true, host, port, addresses };
  }

  #speaksHttp(destination: ParsedDestination): boolean {
    return this.#allowHttp.allows({ host: destination.host, port: destination.port, address: destination.literal });
  }

  async #resolveInTime(host: string): Promise<readonly LookupAddress[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('resolution timed out')), this.#resolveTimeoutMs);
    });
    try {
      return await Promise.race([this.#resolve(host), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function refusal(reason: EgressRefusal, message: string): EgressVerdict {
  return { allowed: false, reason, message };
}

import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { EgressPolicy } from './egress-policy.js';
import { egressError, type EgressPurpose } from './egress-verdict.js';

/**
 * A `connect` for undici's Agent that asks the policy for each new socket: literal hosts before the socket is made
 * (node calls no `lookup` for them), names in the `lookup` whose answer the socket then uses, so that the addresses
 * that were judged are the addresses that are reached.
 */
export function egressConnector(
  policy: EgressPolicy,
  purpose: EgressPurpose,
  options: buildConnector.BuildOptions = {},
): buildConnector.connector {
  // One connector per port: it keeps the TLS sessions, and the port is part of what the allow list names.
  const connectors = new Map<number, buildConnector.connector>();
  const connectorFor = (port: number): buildConnector.connector => {
    const known = connectors.get(port);
    if (known !== undefined) return known;
    const made = buildConnector({ ...options, lookup: pinnedLookup(policy, purpose, port) });
    connectors.set(port, made);
    return made;
  };
  return (target, callback) => {
    const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
    const connect = connectorFor(port);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    if (!/^[0-9.]+$/.test(host) && !host.includes(':')) {
      connect(target, callback);
      return;
    }
    const verdict = policy.checkAddresses(host, port, [host], purpose);
    if (verdict.allowed) connect(target, callback);
    else callback(egressError(verdict), null);
  };
}

/** A `lookup` for sockets (`net`, `tls`, undici) that only ever answers addresses that the policy allows. */
export function pinnedLookup(policy: EgressPolicy, purpose: EgressPurpose, port: number): LookupFunction {
  return (hostname, options, callback) => {
    void policy.checkHost(hostname, port, purpose).then((verdict) => {
      if (!verdict.allowed) {
        callback(egressError(verdict), '');
        return;
      }
      const found = verdict.addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0);
      const fitting = family === 0 ? found : found.filter((entry) => entry.family === family);
      const first = fitting[0];
      if (first === undefined) {
        const error = new Error(`${hostname} has no address of that family`) as NodeJS.ErrnoException;
        error.code = 'ENOTFOUND';
        callback(error, '');
      } else if (options.all === true) {
        callback(null, fitting);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { pinnedLookup } from './egress-connector.js';
import type { EgressPolicy } from './egress-policy.js';
import { egressError, type EgressPurpose } from './egress-verdict.js';

/** Node's own agents, for libraries that take no other. */
export interface EgressAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** Agents that ask the policy for each new socket, as `egressConnector` does for undici. They keep no idle socket. */
export function egressAgents(policy: EgressPolicy, purpose: EgressPurpose): EgressAgents {
  return { http: new PolicedHttpAgent(policy, purpose), https: new PolicedHttpsAgent(policy, purpose) };
}

type Callback = (error: Error | null, stream: Duplex) => void;
type Target = AgentOptions & { readonly host?: string | null; readonly port?: number | string | null };

class PolicedHttpAgent extends HttpAgent {
  constructor(
    private readonly policy: EgressPolicy,
    private readonly purpose: EgressPurpose,
  ) {
    super({ keepAlive: false });
  }

  override createConnection(options: Target, callback?: Callback): Duplex | null | undefined {
    const judged = judge(this.policy, this.purpose, options, 80);
    if ('refused' in judged) return refuse(judged.refused, callback);
    return super.createConnection({ ...options, ...judged }, callback);
  }
}

class PolicedHttpsAgent extends HttpsAgent {
  constructor(
    private readonly policy: EgressPolicy,
    private readonly purpose: EgressPurpose,
  ) {
    super({ keepAlive: false });
  }

  override createConnection(options: Target, callback?: Callback): Duplex | null | undefined {
    const judged = judge(this.policy, this.purpose, options, 443);
    if ('refused' in judged) return refuse(judged.refused, callback);
    return super.createConnection({ ...options, ...judged }, callback);
  }
}

/** Literal addresses are judged here, because node asks no `lookup` for them; names when they are resolved. */
function judge(
  policy: EgressPolicy,
  purpose: EgressPurpose,
  target: Target,
  defaultPort: number,
): { readonly refused: Error } | { readonly lookup: ReturnType<typeof pinnedLookup> } {
  const port = Number(target.port) || defaultPort;
  const host = (target.host ?? 'localhost').replace(/^\[|\]$/g, '');
  if (/^[0-9.]+$/.test(host) || host.includes(':')) {
    const verdict = policy.checkAddresses(host, port, [host], purpose);
    if (!verdict.allowed) return { refused: egressError(verdict) };
  }
  return { lookup: pinnedLookup(policy, purpose, port) };
}

function refuse(error: Error, callback: Callback | undefined): undefined {
  process.nextTick(() => callback?.(error, undefined as never));
  return undefined;
}

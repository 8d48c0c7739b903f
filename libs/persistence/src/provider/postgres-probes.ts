import type { ProviderHealth } from '@image-factory/domain';
import type { Queryable } from '../database/transaction.js';
import { hasLease } from '../lease/judged-time.js';
import { orUndefined } from '../sql/assignments.js';
import { LAST_PROBES } from './probe-statements.js';
import { KEPT_PROBES } from './record-probe.js';

/** One probe as it was made; times in milliseconds, undefined for what was not answered. */
export interface KeptProbe {
  readonly probedAt: Date;
  /** What this probe alone said. */
  readonly verdict: ProviderHealth;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly versionMs: number | undefined;
  readonly tektonMs: number | undefined;
  readonly nodesMs: number | undefined;
}

/** What one dispatcher says of a provider with its heartbeat. */
export interface DispatcherSight {
  readonly dispatcherId: string;
  /** Age of the slowest watch there; undefined when it follows nothing there. */
  readonly watchAgeMs: number | undefined;
  /** Of its pool's connection: `idle`, `in_use` or `draining`; undefined when it has none. */
  readonly connection: string | undefined;
}

interface ProbeRow {
  probed_at: Date;
  verdict: ProviderHealth;
  reason: string | null;
  message: string | null;
  version_ms: number | null;
  tekton_ms: number | null;
  nodes_ms: number | null;
}

/** Reads what probes and dispatchers have left about a provider. */
export class PostgresProbes {
  constructor(private readonly database: Queryable) {}

  /** The probes that are kept, newest first. */
  async last(providerId: string): Promise<KeptProbe[]> {
    const rows = await this.database.query<ProbeRow>(LAST_PROBES, [providerId, KEPT_PROBES]);
    return rows.map((row) => ({
      probedAt: row.probed_at,
      verdict: row.verdict,
      reason: orUndefined(row.reason),
      message: orUndefined(row.message),
      versionMs: orUndefined(row.version_ms),
      tektonMs: orUndefined(row.tekton_ms),
      nodesMs: orUndefined(row.nodes_ms),
    }));
  }

  /** What each live dispatcher sees of the provider. Index: dispatchers has a handful of rows; a sequential scan. */
  async sights(providerId: string): Promise<DispatcherSight[]> {
    const rows = await this.database.query<{ id: string; age: number | null; connection: string | null }>(
      `SELECT id, (metrics -> 'watch_ages_ms' ->> $1::text)::double precision AS age,
              metrics -> 'connections' ->> $1::text AS connection
         FROM dispatchers d WHERE state = 'running' AND ${hasLease('d')} ORDER BY id`,
      [providerId],
    );
    return rows.map((row) => ({
      dispatcherId: row.id,
      watchAgeMs: orUndefined(row.age),
      connection: orUndefined(row.connection),
    }));
  }
}

import { REASONS_OF_OTHER_HOSTS, type ProviderHistory } from '@image-factory/domain';
import type { Queryable } from '../database/transaction.js';
import { OPEN_FOR_ALL, RECENT_ENDS, RUNNING_BY_TENANT, UNREACHED_REGISTRIES } from './statements.js';

const HOUR_MS = 3_600_000;
/** A registry that is not reached is tried again when what said so is that old. */
const REGISTRY_MS = 15 * 60_000;
/** Most attempts that one look reads, however many there were. */
const MOST_ATTEMPTS = 10_000;
/** Builds that must have met a registry's trouble on a provider before it counts as not reached from there. */
const ENOUGH_BUILDS = 3;

interface EndsRow {
  readonly provider_id: string;
  readonly ended: number;
  readonly failed: number;
  readonly start_seconds: number | null;
}

/** What the latest attempts say about their providers. */
export class PostgresPlacementHistory {
  constructor(private readonly database: Queryable) {}

  /** By provider id; a provider of which nothing is known is left out. */
  async read(): Promise<ReadonlyMap<string, ProviderHistory>> {
    const [ends, registries, running] = await Promise.all([
      this.database.query<EndsRow>(RECENT_ENDS, [HOUR_MS, MOST_ATTEMPTS]),
      this.database.query<{ provider_id: string; registry: string }>(UNREACHED_REGISTRIES, [
        REGISTRY_MS,
        MOST_ATTEMPTS,
        ENOUGH_BUILDS,
        REASONS_OF_OTHER_HOSTS,
      ]),
      this.database.query<{ provider_id: string; tenant_id: string; running: number }>(RUNNING_BY_TENANT),
    ]);
    const histories = new Map<string, MutableHistory>();
    const of = (providerId: string): MutableHistory => {
      const history = histories.get(providerId) ?? emptyHistory();
      histories.set(providerId, history);
      return history;
    };
    for (const { provider_id: id, ended, failed, start_seconds: startSeconds } of ends) {
      Object.assign(of(id), { ended, failed, startSeconds: startSeconds ?? undefined });
    }
    for (const { provider_id: id, registry } of registries) of(id).unreachedRegistries.push(registry);
    for (const row of running) of(row.provider_id).runningByTenant.set(row.tenant_id, row.running);
    return histories;
  }

  /** Ids of providers to which every living dispatcher sends nothing at present; none when no dispatcher lives. */
  async openForAll(): Promise<ReadonlySet<string>> {
    const rows = await this.database.query<{ id: string }>(OPEN_FOR_ALL);
    return new Set(rows.map(({ id }) => id));
  }
}

interface MutableHistory extends ProviderHistory {
  readonly unreachedRegistries: string[];
  readonly runningByTenant: Map<string, number>;
}

function emptyHistory(): MutableHistory {
  return { ended: 0, failed: 0, startSeconds: undefined, unreachedRegistries: [], runningByTenant: new Map() };
}

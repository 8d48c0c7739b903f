import {
  requirementsOf,
  wouldTake,
  type BuildMethod,
  type InfrastructureType,
  type Provider,
} from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { PROVIDER_SELECT, toProviderDetail, type ProviderRow } from '../provider/provider-row.js';
import { FIND_DUE, FIND_WAITING, LOCK_LANES, UNPARK_WRITE } from './statements.js';

export interface MovedBuild {
  readonly id: string;
  readonly tenantId: string;
}

interface BuildRow {
  readonly id: string;
  readonly tenant_id: string;
}

/** Builds that are looked past, of all tenants together, to find one that a provider would take. */
const LOOKED_PAST = 1_000;

/** A row of FIND_WAITING. */
interface WaitingRow extends BuildRow {
  readonly build_method: BuildMethod;
  readonly infrastructure_type: InfrastructureType;
  readonly cpu_millis: number;
  readonly memory_bytes: number;
  readonly requirements: unknown;
}

/** Puts parked builds whose time has come back in the claim order. */
export async function wakeDueBuilds(database: Database, limit: number, judgedAt: Date): Promise<MovedBuild[]> {
  return unpark(database, await database.query<BuildRow>(FIND_DUE, [limit, judgedAt]));
}

/** Puts parked builds that wait for `wakeOn` back in the claim order, the oldest of each tenant by the tenants' turn. */
export async function wakeBuilds(database: Database, wakeOn: string, limit: number): Promise<MovedBuild[]> {
  const waiting = await database.query<WaitingRow>(FIND_WAITING, [[wakeOn], limit, null]);
  return unpark(database, waiting.slice(0, limit));
}

/**
 * The same for those that wait for this provider or for any, `limit` of them together: the ones that it would take if it
 * had room. A build that it would not take has no use of its room, and would have it from those that do.
 */
export async function wakeForProvider(database: Database, providerId: string, limit: number): Promise<MovedBuild[]> {
  const events = [`provider:${providerId}`, 'provider:any'];
  const find = (count: number): Promise<WaitingRow[]> =>
    database.query<WaitingRow>(FIND_WAITING, [events, count, providerId]);
  const next = await find(limit);
  if (next.length === 0) return [];
  const [row] = await database.query<ProviderRow>(`${PROVIDER_SELECT} WHERE p.id = $1`, [providerId]);
  if (row === undefined) return [];
  const provider = toProviderDetail(row);
  if (provider.state !== 'enabled') return [];
  const takenOf = (waiting: readonly WaitingRow[]): WaitingRow[] =>
    waiting.filter((build) => isTakenBy(provider, build)).slice(0, limit);
  const taken = takenOf(next);
  const isShort = taken.length < limit && taken.length < next.length;
  return unpark(database, isShort ? takenOf(await find(limit + LOOKED_PAST)) : taken);
}

function isTakenBy(provider: Provider, row: WaitingRow): boolean {
  return wouldTake(provider, {
    tenantId: row.tenant_id,
    buildMethod: row.build_method,
    infrastructureType: row.infrastructure_type,
    requirements: requirementsOf(row.requirements),
    resources: { cpuMillis: row.cpu_millis, memoryBytes: row.memory_bytes },
  });
}

/** Lanes first, in order, then the builds, skipping who holds one: a cancel does, and waits for its lane. */
async function unpark(database: Database, candidates: readonly BuildRow[]): Promise<MovedBuild[]> {
  if (candidates.length === 0) return [];
  const rows = await database.transaction(async (tx) => {
    await tx.query(LOCK_LANES, [[...new Set(candidates.map((row) => row.tenant_id))]]);
    return tx.query<BuildRow>(UNPARK_WRITE, [candidates.map((row) => row.id)]);
  });
  return rows.map((row) => ({ id: row.id, tenantId: row.tenant_id }));
}

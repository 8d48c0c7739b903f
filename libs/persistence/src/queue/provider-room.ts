import type { Provider, ProviderUsability } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { verdictOf } from '../provider/provider-row.js';

/** Of a provider what decides whether it may take another build. */
export interface ProviderRoom extends Pick<
  Provider,
  'id' | 'state' | 'generation' | 'maxConcurrentBuilds' | 'running' | 'sweepBehind'
> {
  readonly health: ProviderUsability;
}

interface Row {
  readonly id: string;
  readonly state: Provider['state'];
  readonly generation: number;
  readonly max_concurrent_builds: number;
  readonly running: number;
  readonly sweep_behind: boolean;
  /** As probes left it: a stale watch is not in it. */
  readonly health: ProviderUsability['verdict'];
  readonly tekton_answers: boolean;
  readonly watch_fresh: boolean;
}

/** All providers, every second: so without their Conditions and settings, which are most of a row. A scan. Locks nothing. */
const ROOM_OF_PROVIDERS = `
  SELECT id, state, generation, max_concurrent_builds, running, sweep_behind, health, tekton_answers, watch_fresh
    FROM providers`;

/** In no order. */
export async function roomOfProviders(database: Database): Promise<ProviderRoom[]> {
  const rows = await database.query<Row>(ROOM_OF_PROVIDERS);
  return rows.map((row) => ({
    id: row.id,
    state: row.state,
    generation: row.generation,
    maxConcurrentBuilds: row.max_concurrent_builds,
    running: row.running,
    sweepBehind: row.sweep_behind,
    health: { verdict: verdictOf(row), tektonAnswers: row.tekton_answers, watchFresh: row.watch_fresh },
  }));
}

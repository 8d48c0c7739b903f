import type { Database } from '../database/database.js';
import { LANE_DRIFT, PROJECT_DRIFT, PROVIDER_DRIFT } from '../queue/counter-statements.js';
import { DUPLICATES, FOREIGN, ORPHANS, STRANDED, UNSEALED } from './invariant-statements.js';

/** What must never be; each is counted, and should be 0. */
export const INVARIANTS = ['orphans', 'stranded', 'duplicates', 'unsealed', 'drift', 'foreign'] as const;
export type InvariantName = (typeof INVARIANTS)[number];

/** How often an invariant is broken now, and some of what breaks it. */
export interface BrokenInvariant {
  readonly count: number;
  /** Whole sentences, at most twenty. */
  readonly examples: readonly string[];
}

export type InvariantReport = Readonly<Record<InvariantName, BrokenInvariant>>;

const MOST_EXAMPLES = 20;

/** Looks for what must never be. Reads only; nothing is locked and nothing is repaired. */
export class PostgresInvariants {
  constructor(private readonly database: Database) {}

  async read(): Promise<InvariantReport> {
    const [orphans, stranded, duplicates, unsealed, drift, foreign] = await Promise.all([
      this.#count(ORPHANS),
      this.#count(STRANDED),
      this.#count(DUPLICATES),
      this.#count(UNSEALED),
      this.#drift(),
      this.#count(FOREIGN),
    ]);
    return { orphans, stranded, duplicates, unsealed, drift, foreign };
  }

  async #count(sql: string): Promise<BrokenInvariant> {
    const [row] = await this.database.query<BrokenInvariant>(sql);
    return row ?? { count: 0, examples: [] };
  }

  /** Counters that do not say what they count, and limits that were not copied; the reconciliation of each minute sets them right. */
  async #drift(): Promise<BrokenInvariant> {
    const [lanes, projects, providers] = await Promise.all([
      this.database.query<{ tenant_id: string }>(LANE_DRIFT, [null]),
      this.database.query<{ project_id: string }>(PROJECT_DRIFT, [null]),
      this.database.query<{ provider_id: string }>(PROVIDER_DRIFT, [null]),
    ]);
    const examples = [
      ...lanes.map((lane) => `the counters or limits of tenant ${lane.tenant_id} are not what they should be`),
      ...projects.map((project) => `the counter or limit of project ${project.project_id} is not what it should be`),
      ...providers.map((provider) => `the counter of provider ${provider.provider_id} is not what it counts`),
    ];
    return { count: examples.length, examples: examples.slice(0, MOST_EXAMPLES) };
  }
}

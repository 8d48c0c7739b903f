/** What the last look at one provider found. */
export interface ProviderSweep {
  /** Objects of ours that no row explains, as `namespace/name`. */
  readonly orphans: readonly string[];
  /** The cluster is known to another installation, or to a copy of this database (correctness rule 1). */
  readonly foreign: boolean;
}

/** Most names that a heartbeat carries. */
const MOST_NAMED = 20;

/** What the sweeper found, as the heartbeat carries it to `GET /admin/invariants`. */
export function sweepReport(sweeps: ReadonlyMap<string, ProviderSweep>): Record<string, unknown> {
  const orphans = [...sweeps.values()].flatMap((sweep) => sweep.orphans);
  const foreign = [...sweeps].filter(([, sweep]) => sweep.foreign).map(([providerId]) => providerId);
  return { orphans: orphans.length, orphan_objects: orphans.slice(0, MOST_NAMED), foreign_providers: foreign };
}

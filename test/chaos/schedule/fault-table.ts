import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DoneFault, Fault } from '../fault/fault.ts';
import { CLUSTER_FAULTS } from '../fault/strike-cluster.ts';
import { crossingFault } from '../fault/strike-crossing.ts';
import { DATABASE_FAULTS } from '../fault/strike-database.ts';
import { PROCESS_FAULTS } from '../fault/strike-process.ts';
import { REGISTRY_FAULTS } from '../fault/strike-registry.ts';
import { type Crossing, crossingKey, type Phase } from '../process/crossing.ts';

const FILE = fileURLToPath(new URL('./crossings.json', import.meta.url));

/** A crossing that a census has met, and how often. */
export interface KnownCrossing extends Crossing {
  readonly seen: number;
}

/** Every crossing that the dispatchers are known to make; written by `--census`, read by every run. */
export function readCrossings(): readonly KnownCrossing[] {
  return JSON.parse(readFileSync(FILE, 'utf8')) as KnownCrossing[];
}

export function writeCrossings(crossed: ReadonlyMap<string, number>): number {
  const rows = [...crossed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, seen]) => toCrossing(key, seen));
  writeFileSync(FILE, `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n]\n`);
  return rows.length;
}

function toCrossing(key: string, seen: number): KnownCrossing {
  const at = key.lastIndexOf(' | ');
  return { label: key.slice(0, at), phase: key.slice(at + 3) as Phase, seen };
}

/** In the middle of a transaction: begun, or its COMMIT about to go out or to be answered. */
const IN_TRANSACTION = /^(BEGIN \| after|COMMIT of (?!reads).* \| (before|sent))$/;

/** A death at every crossing, a cut where a connection is crossed, and a freeze past the lease within each transaction. */
export function crossingFaults(crossings: readonly KnownCrossing[]): readonly Fault[] {
  return crossings.flatMap((crossing) => [
    crossingFault(crossing, 'kill', crossing.seen),
    ...(crossing.label === 'timer' ? [] : [crossingFault(crossing, 'cut', crossing.seen)]),
    ...(IN_TRANSACTION.test(crossingKey(crossing)) ? [crossingFault(crossing, 'freeze', crossing.seen)] : []),
  ]);
}

/** Everything that is no crossing. */
export const OTHER_FAULTS: readonly DoneFault[] = [
  ...PROCESS_FAULTS,
  ...DATABASE_FAULTS,
  ...CLUSTER_FAULTS,
  ...REGISTRY_FAULTS,
];

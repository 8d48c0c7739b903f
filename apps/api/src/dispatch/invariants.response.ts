import { INVARIANTS, type InvariantName, type InvariantReport } from '@image-factory/persistence';
import { Shown, ShownAs } from '../http/response/shown.js';

const MEANINGS: Readonly<Record<InvariantName, string>> = {
  orphans: 'Runs and Secrets of this installation on a cluster that no row explains; nothing is deleted',
  stranded: 'Executions whose owner is gone for longer than a takeover lasts, builds that run without an execution',
  duplicates: 'Builds with more than one live execution',
  unsealed:
    'Executions whose log is neither sealed nor marked with a gap within its time, or whose Secret does not go from its cluster',
  drift: 'Counters of tenants and providers that do not say what they count',
  foreign: 'Providers whose cluster knows another installation, or a copy of this database',
};

export class InvariantResponse {
  @Shown('text', { choices: [...INVARIANTS] }) readonly name!: string;
  @Shown('text') readonly meaning!: string;
  @Shown('integer', { description: 'How often it is broken now; 0 is right' }) readonly count!: number;
  @Shown('texts', { description: 'Some of what breaks it' }) readonly examples!: readonly string[];
}

export class InvariantsResponse {
  @Shown('boolean', { description: 'Every count is 0' }) readonly holds!: boolean;
  @ShownAs(() => InvariantResponse, { list: true }) readonly invariants!: readonly InvariantResponse[];
}

export function toInvariantsResponse(report: InvariantReport): InvariantsResponse {
  return {
    holds: INVARIANTS.every((name) => report[name].count === 0),
    invariants: INVARIANTS.map((name) => ({ name, meaning: MEANINGS[name], ...report[name] })),
  };
}

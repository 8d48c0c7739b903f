import type { DispatcherProcess, LoggedLine } from '../process/dispatcher-process.ts';
import type { Strikes } from '../strike-all.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import { ALLOWED_ERRORS } from './allowed-errors.ts';

/** Nobody died by himself, nobody said an error that no fault explains, and no rule was broken that a cluster sees by itself. */
export function checkProcesses(world: ChaosWorld, strikes: Strikes): string[] {
  return [
    ...world.clusters.flatMap((cluster) => cluster.facts.violations),
    ...world.live.violations,
    ...world.everStarted.flatMap((process) => checkProcess(process, strikes)),
  ];
}

function checkProcess({ name, unexpectedEnd, errors }: DispatcherProcess, strikes: Strikes): string[] {
  const unexplained = errors.filter((line) => !isExplained(line, strikes));
  const found = unexplained.map(({ text }) => `error: ${name}: ${text}`);
  return unexpectedEnd === undefined ? found : [`death: ${name}: ${unexpectedEnd}`, ...found];
}

function isExplained(line: LoggedLine, { struck, provoked }: Strikes): boolean {
  return ALLOWED_ERRORS.some(
    (allowed) =>
      line.message === allowed.message &&
      line.text.includes(allowed.with) &&
      (struck.some((fault) => allowed.faults?.test(fault)) || provoked.some((fault) => allowed.provoked?.test(fault))),
  );
}

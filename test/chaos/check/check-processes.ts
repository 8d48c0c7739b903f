import type { DispatcherProcess, LoggedLine } from '../process/dispatcher-process.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import { ALLOWED_ERRORS } from './allowed-errors.ts';

/**
 * Nobody died by himself, nobody said an error that no fault explains, and no rule was broken that a cluster sees by itself.
 * `tried`: what struck, and what was waited for in vain and may have been brought about.
 */
export function checkProcesses(world: ChaosWorld, tried: readonly string[]): string[] {
  return [
    ...world.clusters.flatMap((cluster) => cluster.facts.violations),
    ...world.live.violations,
    ...world.everStarted.flatMap((process) => checkProcess(process, tried)),
  ];
}

function checkProcess({ name, unexpectedEnd, errors }: DispatcherProcess, tried: readonly string[]): string[] {
  const unexplained = errors.filter((line) => !isExplained(line, tried));
  const found = unexplained.map(({ text }) => `error: ${name}: ${text}`);
  return unexpectedEnd === undefined ? found : [`death: ${name}: ${unexpectedEnd}`, ...found];
}

function isExplained(line: LoggedLine, tried: readonly string[]): boolean {
  return ALLOWED_ERRORS.some(
    (allowed) =>
      line.message === allowed.message &&
      line.text.includes(allowed.with) &&
      tried.some((fault) => allowed.faults.test(fault)),
  );
}

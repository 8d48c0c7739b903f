import { isProcessAlive } from '../process/process-table.js';
import { endRunProcesses, findRunProcesses, RUN_MARK_VARIABLE, type RunMark } from '../process/run-processes.js';
import type { RunDirectory } from '../workspace/run-directory.js';
import type { Ending, RunRecord, RunState } from '../workspace/run-state.js';

/** That a run has ended, as its supervisor wrote it or as it was found. */
export interface RunEnd {
  readonly ending: Ending;
  readonly endedAt: string;
}

const GIVE_UP_MS = 10_000;

/**
 * Whether and how a run has ended. A supervisor that is gone without an ending has lost its host or was killed: what it
 * left running is ended, and that is recorded once, so that every reader gives the same answer from then on.
 */
export async function findRunEnd(
  directory: RunDirectory,
  record: RunRecord,
  now: () => Date,
  wait: (ms: number) => Promise<void>,
): Promise<RunEnd | undefined> {
  const written = await writtenEnd(directory);
  if (written !== undefined) return written;
  const supervisor = await directory.findSupervisor();
  if (supervisor === undefined || (await isSupervisorAlive(directory))) return undefined;
  // It may have written its end and gone between the two looks.
  const late = await writtenEnd(directory);
  if (late !== undefined) return late;
  const mark = runMark(directory, record, await directory.findState());
  await endRunProcesses(mark, { graceMs: 0, giveUpMs: GIVE_UP_MS, wait });
  const message = 'The process that supervised the run is gone: it was killed, or the host restarted.';
  await directory.recordLoss({ kind: 'host-lost', message }, now());
  return await writtenEnd(directory);
}

/** True while the run's supervisor lives. */
export async function isSupervisorAlive(directory: RunDirectory): Promise<boolean> {
  const identity = (await directory.findSupervisor())?.process;
  return identity !== undefined && (await isProcessAlive(identity));
}

/** True when no process of an ended run lives. Its supervisor starts nothing more once the end is written. */
export async function isRunOver(directory: RunDirectory, record: RunRecord): Promise<boolean> {
  return (await findRunProcesses(runMark(directory, record, await directory.findState()))).length === 0;
}

/** How the processes of a run are known. */
export function runMark(directory: RunDirectory, record: RunRecord, state: RunState | undefined): RunMark {
  return {
    leaders: (state?.steps ?? []).flatMap((step) => step.leaders),
    environment: `${RUN_MARK_VARIABLE}=${record.uid}`,
    directory: directory.path,
    except: [process.pid],
  };
}

async function writtenEnd(directory: RunDirectory): Promise<RunEnd | undefined> {
  const state = await directory.findState();
  if (state?.ending !== undefined && state.endedAt !== undefined)
    return { ending: state.ending, endedAt: state.endedAt };
  return await directory.findLoss();
}

import type { Attempt } from '@image-factory/domain';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import { isEnded } from '../status/attempt-view.js';
import { podsOver } from '../status/pods-over.js';
import { readAttempt, type ReadAttempt } from './read-attempt.js';
import type { RunView } from './run-views.js';

const NONE = (): boolean => false;

interface EndedRead {
  readonly uid: string;
  readonly read: Promise<ReadAttempt | undefined>;
}

/**
 * Runs that the watches show as ended, read whole: the status and the log of an attempt both ask, and share the three
 * requests when the run has succeeded and its pods are over, because then nothing of it changes any more. One that was
 * cancelled or has failed is read for each who asks: a pod of it may still come. What both have had is not kept.
 */
export class EndedReads {
  readonly #reads = new Map<string, EndedRead>();

  /** Everything of the attempt, read after `run` was seen as it is; undefined when it is not there. */
  async read(connection: ClusterConnection, attempt: Attempt, run: RunView): Promise<ReadAttempt | undefined> {
    const { executionId } = attempt;
    if (run.verdict.status !== 'True') return readAttempt(connection, attempt);
    const known = this.#reads.get(executionId);
    if (known !== undefined) this.#reads.delete(executionId);
    if (known?.uid === run.uid) return known.read;
    const made: EndedRead = { uid: run.uid, read: readAttempt(connection, attempt) };
    this.#reads.set(executionId, made);
    let final = false;
    try {
      const read = await made.read;
      final =
        read !== undefined && read.view.run.uid === run.uid && areAllEnded(read) && podsOver(read.view.pods, NONE);
      return read;
    } finally {
      if (!final && this.#reads.get(executionId) === made) this.#reads.delete(executionId);
    }
  }

  forget(executionId: string): void {
    this.#reads.delete(executionId);
  }
}

/** Neither the run nor a TaskRun of it goes on. */
export function areAllEnded({ view }: ReadAttempt): boolean {
  return [view.run, ...view.taskRuns].every(({ verdict }) => isEnded(verdict));
}

import { open } from 'node:fs/promises';
import type { CreateOutcome } from '@image-factory/domain';
import { execa } from 'execa';
import { setTimeout as delay } from 'node:timers/promises';
import type { LocalExecutorSettings } from '../executor/local-executor-options.js';
import type { SupervisorOrder } from '../supervisor/supervisor-order.js';
import type { RunDirectory } from '../workspace/run-directory.js';

const CLAIM_POLL_MS = 20;
const CLAIM_LIMIT_MS = 20_000;

/**
 * Starts a supervisor for the run, in a session of its own, and waits until it (or another) has claimed the run. The order
 * goes through its standard input; its standard error into a file of the run.
 */
export async function startSupervisor(
  settings: LocalExecutorSettings,
  directory: RunDirectory,
  order: SupervisorOrder,
): Promise<CreateOutcome> {
  const errors = await open(directory.file('supervisor.err'), 'a', 0o600);
  let ended = false;
  try {
    const child = execa(process.execPath, [...settings.supervisorArguments, directory.path], {
      cwd: '/',
      env: { PATH: settings.path, LC_ALL: 'C.UTF-8' },
      extendEnv: false,
      detached: true,
      cleanup: false,
      buffer: false,
      reject: false,
      input: JSON.stringify(order),
      stdout: 'ignore',
      stderr: errors.fd as 3,
    });
    child.nodeChildProcess.unref();
    void child.then(() => (ended = true));
    for (let waitedMs = 0; waitedMs < CLAIM_LIMIT_MS; waitedMs += CLAIM_POLL_MS) {
      if ((await directory.findSupervisor()) !== undefined) return { kind: 'created', uid: order.uid };
      if (ended) break;
      await delay(CLAIM_POLL_MS);
    }
  } finally {
    await errors.close();
  }
  if ((await directory.findSupervisor()) !== undefined) return { kind: 'created', uid: order.uid };
  const message = `The supervisor of the run did not start; see ${directory.file('supervisor.err')}.`;
  return { kind: ended ? 'retryLater' : 'unknown', reason: 'ProcessFailed', message, retryAfterMs: 5_000 };
}

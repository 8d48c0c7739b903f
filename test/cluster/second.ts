import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Layout } from './machine/layout.ts';
import { isDaemonAlive } from './machine/processes.ts';
import { ClusterError } from './machine/progress.ts';
import {
  ensureSecondNetwork,
  insideArguments,
  isSecondNetworkThere,
  removeSecondNetwork,
} from './machine/second-network.ts';

/** Runs a command of the second cluster inside its network namespace, which `up` makes and `down` deletes. */
export async function runSecond(first: Layout, args: readonly string[]): Promise<number> {
  if (args[0] === 'up') {
    if (!isDaemonAlive(first, 'registry')) {
      throw new ClusterError(
        'The second cluster uses the registry of the first, which does not run.',
        'Run "up" first.',
      );
    }
    await ensureSecondNetwork();
  }
  if (!isSecondNetworkThere()) return args[0] === 'down' ? 0 : 1;
  const code = await runInside(args);
  if (args[0] === 'down' && code === 0) await removeSecondNetwork();
  return code;
}

function runInside(args: readonly string[]): Promise<number> {
  const script = fileURLToPath(new URL('cluster.ts', import.meta.url));
  const child = spawn('nsenter', insideArguments([process.execPath, script, ...args]), {
    stdio: 'inherit',
    env: { ...process.env, IF_CLUSTER_SECOND: 'true' },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

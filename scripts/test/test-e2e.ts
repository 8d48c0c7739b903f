/** `npm run test:e2e [-- FILTER…]`: the main job on the real cluster, which is started when it does not run. */
import { existsSync } from 'node:fs';
import { runCommand } from './command.ts';
import { runGate } from './gate.ts';
import { BUILD } from './gates.ts';
import { closing, type Tally } from './tally.ts';
import { runVitest } from './vitest-run.ts';

function failed(what: string): Tally {
  return { passed: 0, failed: 1, failures: [what] };
}

const CLUSTER = 'test/cluster/cluster.ts';

/** Why the cluster of plain processes cannot be started here; undefined when it can. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `This is ${process.platform} on ${process.arch}, not Linux on x86-64.`;
  if (process.getuid?.() !== 0) return 'This is not root, and containers, mounts and a bridge need it.';
  return undefined;
}

function cluster(command: string, live: boolean): ReturnType<typeof runCommand> {
  return runCommand(process.execPath, [CLUSTER, ...command.split(' ')], { live });
}

/** `ours` when this command started the cluster and so must stop it; undefined when there is none. */
async function ensureCluster(): Promise<'ours' | 'theirs' | undefined> {
  const given = process.env['IF_TEST_CLUSTER_FILE'];
  if (given !== undefined) {
    if (existsSync(given)) return 'theirs';
    process.stdout.write(`IF_TEST_CLUSTER_FILE names ${given}, which does not exist (test/cluster/README.md).\n`);
    return undefined;
  }
  const status = await cluster('status', false);
  if (status.code === 0) return 'theirs';
  const why = obstacle();
  if (why !== undefined) {
    process.stdout.write(`The end-to-end tests need a cluster, and none can be started here: ${why}\n`);
    process.stdout.write(
      'Run this as root on Linux, or make a cluster with kind and name it (test/cluster/README.md).\n',
    );
    return undefined;
  }
  const ours = status.output.startsWith('No cluster runs');
  process.stdout.write(
    '· starting the cluster; the first time its binaries are built, which takes up to 30 minutes …\n',
  );
  const { code } = await cluster('up', true);
  if (code === 0) return ours ? 'ours' : 'theirs';
  process.stdout.write('The cluster could not be started (see above).\n');
  if (ours) await cluster('down', true);
  return undefined;
}

/**
 * The second cluster runs beside one of ours, in a network of its own; of a given cluster's second one the file is given
 * too. Returns whether this command started it; undefined when there is none.
 */
async function ensureSecondCluster(): Promise<'ours' | 'theirs' | undefined> {
  if (process.env['IF_TEST_CLUSTER_FILE'] !== undefined) {
    const given = process.env['IF_TEST_SECOND_CLUSTER_FILE'] ?? '';
    if (existsSync(given)) return 'theirs';
    process.stdout.write(
      'Beside IF_TEST_CLUSTER_FILE, IF_TEST_SECOND_CLUSTER_FILE must name a second cluster’s file.\n',
    );
    return undefined;
  }
  if ((await cluster('second status', false)).code === 0) return 'theirs';
  process.stdout.write('· starting the second cluster …\n');
  if ((await cluster('second up', true)).code === 0) return 'ours';
  process.stdout.write('The second cluster could not be started (see above).\n');
  return undefined;
}

async function main(): Promise<number> {
  // The tests end on a signal by themselves; this process lives on to stop what it started.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const tallies: Tally[] = [await runGate(BUILD)];
  const owner = await ensureCluster();
  const second = owner === undefined ? undefined : await ensureSecondCluster();
  if (second === undefined) tallies.push(failed('the clusters could not be started'));
  else tallies.push(await runVitest('e2e', process.argv.slice(2)));
  if (second === 'ours' && (await cluster('second down', true)).code !== 0)
    tallies.push(failed('the second cluster could not be stopped'));
  if (owner === 'ours' && (await cluster('down', true)).code !== 0)
    tallies.push(failed('the cluster could not be stopped'));
  const { text, exitCode } = closing(tallies);
  process.stdout.write(text);
  return exitCode;
}

process.exitCode = await main();

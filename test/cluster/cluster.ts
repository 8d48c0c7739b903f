/**
 * The test cluster: a real Kubernetes and a real Tekton as plain processes on this machine.
 *
 *   node test/cluster/cluster.ts up | down [--purge] | status | repository NAME DIRECTORY
 *   node test/cluster/cluster.ts second up | down [--purge] | status
 */
import { bringDown } from './down.ts';
import { isSecond, layoutFromEnvironment } from './machine/layout.ts';
import { withLock } from './machine/lock.ts';
import { ClusterError, say } from './machine/progress.ts';
import { createRepositoryFromDirectory } from './parts/git-server.ts';
import { runSecond } from './second.ts';
import { printStatus } from './status.ts';
import { bringUp } from './up.ts';

const usage = `Usage: node test/cluster/cluster.ts COMMAND

  up                         start the cluster, or what of it does not run
  down                       stop it; its data stays, the next start takes seconds
  down --purge               stop it and delete its data (binaries and images stay in the cache)
  status                     what runs, and where it answers; exit code 0 when everything does
  repository NAME DIRECTORY  commit a directory to the git server's repository NAME
  second up|down|status      a second cluster beside the first, in a network namespace of its own

IF_CLUSTER_DIR (data) and XDG_CACHE_HOME (binaries, images) say where it lives.
`;

/** Runs one command and returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  const layout = layoutFromEnvironment();
  const isPurge = rest.length === 1 && rest[0] === '--purge';
  if (command === 'up' && rest.length === 0) {
    await withLock(layout, () => bringUp(layout));
    const isComplete = await printStatus(layout);
    say('the cluster is up');
    return isComplete ? 0 : 1;
  }
  if (command === 'down' && (rest.length === 0 || isPurge)) {
    if (!isSecond) await runSecond(layout, args);
    await withLock(layout, () => bringDown(layout, { purge: isPurge }));
    return 0;
  }
  if (command === 'status' && rest.length === 0) return (await printStatus(layout)) ? 0 : 1;
  if (command === 'repository' && rest.length === 2) {
    const created = await createRepositoryFromDirectory(layout, rest[0]!, rest[1]!);
    process.stdout.write(`${JSON.stringify(created, undefined, 2)}\n`);
    return 0;
  }
  if (command === 'second' && !isSecond) return runSecond(layout, rest);
  process.stderr.write(usage);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { advice, logFile } = error instanceof ClusterError ? error : { advice: undefined, logFile: undefined };
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  if (advice) process.stderr.write(`${advice}\n`);
  if (logFile) process.stderr.write(`Log: ${logFile}\n`);
  process.exitCode = 1;
}

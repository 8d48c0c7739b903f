import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, run } from './machine/command.ts';
import { removeControlGroups } from './machine/control-groups.ts';
import { addresses, isSecond, type Layout } from './machine/layout.ts';
import { isDaemonAlive, isRunning, listDaemons, stopDaemon } from './machine/processes.ts';
import { ClusterError, step, waitUntil } from './machine/progress.ts';
import { ctr } from './parts/node.ts';

/** Where the host-path provisioner keeps the volumes; the path is fixed in Kubernetes. */
const volumesDir = '/tmp/hostpath_pv';

/** What uses the API server or containerd stops before them. The webhook would drain for more than 10 s. */
const beforeContainers = ['tekton-webhook', 'service-relay', 'git-http', 'registry', 'tekton-controller', 'kubelet'];
const afterContainers = ['containerd', 'kube-scheduler', 'kube-controller-manager', 'kube-apiserver', 'etcd'];

async function stopDaemons(layout: Layout, names: readonly string[]): Promise<void> {
  await Promise.all(
    names.slice(0, -1).map((name) => stopDaemon(layout, name, name === 'tekton-webhook' ? 'SIGKILL' : 'SIGTERM')),
  );
  await stopDaemon(layout, names.at(-1)!, 'SIGTERM');
}

const lines = (text: string) => text.split('\n').filter((line) => line !== '');

async function removeContainers(layout: Layout): Promise<void> {
  if (!isDaemonAlive(layout, 'containerd')) return;
  const listTasks = async () => lines(await ctr(layout, ['tasks', 'list', '--quiet']));
  const ignoringGone = (work: Promise<string>) => work.catch(() => undefined);
  const tasks = await listTasks();
  await Promise.all(tasks.map((task) => ignoringGone(ctr(layout, ['tasks', 'kill', '--signal', 'SIGKILL', task]))));
  await Promise.all(tasks.map((task) => ignoringGone(ctr(layout, ['tasks', 'delete', '--force', task]))));
  const containers = lines(await ctr(layout, ['containers', 'list', '--quiet']));
  if (containers.length > 0) await ignoringGone(ctr(layout, ['containers', 'delete', ...containers]));
}

/** Shims outlive containerd; ours carry the socket of this data directory in their command line. */
async function killShims(layout: Layout): Promise<void> {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const shims = pids.filter((pid) => {
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return commandLine.includes('containerd-shim') && commandLine.includes(layout.containerdSocket);
    } catch {
      return false;
    }
  });
  for (const pid of shims) process.kill(pid, 'SIGKILL');
  await waitUntil(async () => !shims.some(isRunning), {
    what: 'End of the container shims',
    timeoutMs: 5000,
    intervalMs: 20,
  });
}

async function unmountAll(layout: Layout): Promise<void> {
  const mountPoints = lines(readFileSync('/proc/mounts', 'utf8')).map((line) => line.split(' ')[1]!);
  for (const mountPoint of mountPoints.filter((path) => path.startsWith(`${layout.dataDir}/`)).reverse()) {
    await run('umount', [mountPoint]).catch(() => run('umount', ['--lazy', mountPoint]));
  }
}

/** Deletes the bridge and the pods' network namespaces: those at the other end of the bridge's ports. */
async function removeNetwork(layout: Layout): Promise<void> {
  // Of the network namespace that this command runs in, which /sys is not.
  const listing = await run('ip', ['-oneline', 'link', 'show', 'master', addresses.bridgeName]).catch(
    (error: unknown) => {
      if (error instanceof CommandFailed) return undefined;
      throw error;
    },
  );
  if (listing !== undefined) {
    const namespaces = [...listing.matchAll(/link-netns (cni-[0-9a-f-]+)/g)].map((match) => match[1]!);
    for (const namespace of new Set(namespaces)) await run('ip', ['netns', 'delete', namespace]);
    await run('ip', ['link', 'delete', addresses.bridgeName]);
  }
  // Addresses of sandboxes that were removed by force would stay taken.
  rmSync(join(layout.dataDir, 'cni-ipam', 'tk'), { recursive: true, force: true });
  const results = '/var/lib/cni/results';
  const names = existsSync(results) ? readdirSync(results) : [];
  const sandboxes = new Set(names.flatMap((name) => /^tk-([0-9a-f]+)-/.exec(name)?.[1] ?? []));
  removeEntries(results, (name) => sandboxes.has(name.split('-').at(-2) ?? ''));
}

function removeEntries(directory: string, isOurs: (name: string) => boolean): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory).filter(isOurs)) rmSync(join(directory, name), { force: true });
}

function removeLogLinks(layout: Layout): void {
  const directory = '/var/log/containers';
  removeEntries(directory, (name) => {
    try {
      return readlinkSync(join(directory, name)).startsWith(layout.dataDir);
    } catch {
      return false;
    }
  });
}

/** Stops everything that `up` started, in an order in which nothing waits for what is gone. With `purge` also deletes the data. */
export async function bringDown(layout: Layout, options: { readonly purge: boolean }): Promise<void> {
  if (existsSync(layout.dataDir)) {
    if (process.getuid?.() !== 0)
      throw new ClusterError('Stopping the cluster needs root.', 'Run the same command as root.');
    await step('Tekton, git server, registry, kubelet stopped', () => stopDaemons(layout, beforeContainers));
    await step('containers removed', () => removeContainers(layout));
    await step('containerd and control plane stopped', () => stopDaemons(layout, afterContainers));
    for (const { name } of listDaemons(layout)) await stopDaemon(layout, name, 'SIGTERM');
    await step('shims, mounts, network, control groups removed', async () => {
      await killShims(layout);
      await unmountAll(layout);
      await removeNetwork(layout);
      removeLogLinks(layout);
      removeControlGroups();
    });
  }
  if (options.purge) {
    await step(`data of ${layout.dataDir} deleted`, async () => {
      rmSync(layout.dataDir, { recursive: true, force: true });
      if (!isSecond) rmSync(volumesDir, { recursive: true, force: true });
    });
  }
}

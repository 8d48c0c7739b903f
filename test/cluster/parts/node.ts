import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BinaryDirs } from '../artifacts/binaries.ts';
import { type Image, referenceOf } from '../artifacts/images.ts';
import { CommandFailed, findProgram, run } from '../machine/command.ts';
import { cniPluginDir } from '../machine/debian-packages.ts';
import { controlGroupRoot, ensureControlGroupRoot } from '../machine/control-groups.ts';
import { addresses, isSecond, type Layout, ports, registryHost, sharedRange } from '../machine/layout.ts';
import { assertDaemonAlive, daemonLog, ensureDaemon, isDaemonAlive } from '../machine/processes.ts';
import { coldStartMs, waitUntil } from '../machine/progress.ts';
import { isNodeReady } from './api-client.ts';
import { componentKubeconfig } from './certificates.ts';

/** Runs `ctr` in the namespace that kubelet uses. */
export function ctr(layout: Layout, args: readonly string[]): Promise<string> {
  return run('ctr', ['--address', layout.containerdSocket, '--namespace', 'k8s.io', ...args]);
}

/**
 * Makes the bridge, which must be there before kubelet: its address is the node's. Its hardware
 * address is fixed: pods that remember another one lose the node for half a minute.
 */
export async function ensureBridge(): Promise<void> {
  const { bridgeName, bridgeHardwareAddress, node } = addresses;
  try {
    await run('ip', ['link', 'add', bridgeName, 'type', 'bridge']);
  } catch (error) {
    if (!(error instanceof CommandFailed) || !error.stderr.includes('File exists')) throw error;
  }
  await run('ip', ['addr', 'replace', `${node}/24`, 'dev', bridgeName]);
  await run('ip', ['addr', 'replace', `${addresses.kubernetesService}/32`, 'dev', bridgeName]);
  await run('ip', ['link', 'set', bridgeName, 'address', bridgeHardwareAddress, 'up']);
}

function containerdConfig(layout: Layout, pauseReference: string): string {
  const dir = (name: string) => join(layout.dataDir, name);
  return `version = 2
root = "${dir('containerd/root')}"
state = "${dir('containerd/state')}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${layout.containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${dir('opt')}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseReference}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${dir('certs.d')}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniPluginDir}"
    conf_dir = "${dir('cni')}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;
}

function podNetwork(layout: Layout): object {
  const addressing = {
    type: 'host-local',
    dataDir: join(layout.dataDir, 'cni-ipam'),
    ranges: [[{ subnet: addresses.podRange }]],
    routes: [{ dst: addresses.serviceRange }, ...(isSecond ? [{ dst: sharedRange }] : [])],
  };
  const bridge = {
    type: 'bridge',
    bridge: addresses.bridgeName,
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    ipam: addressing,
  };
  return { cniVersion: '0.4.0', name: 'tk', plugins: [bridge] };
}

/**
 * Pull credentials are not verified: since Kubernetes 1.35 kubelet checks them by image ID, and an
 * imported image that was also pulled with a Secret would be refused to pods without that Secret.
 */
function kubeletConfig(layout: Layout): object {
  const pki = (file: string) => join(layout.pkiDir, file);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: addresses.node,
    port: ports.kubelet,
    readOnlyPort: 0,
    healthzBindAddress: '127.0.0.1',
    healthzPort: ports.kubeletHealth,
    tlsCertFile: pki('kubelet.crt'),
    tlsPrivateKeyFile: pki('kubelet.key'),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: controlGroupRoot,
    failSwapOn: false,
    failCgroupV1: false,
    makeIPTablesUtilChains: false,
    podLogsDir: join(layout.dataDir, 'podlogs'),
    volumePluginDir: join(layout.dataDir, 'volplugins'),
    resolvConf: join(layout.dataDir, 'resolv.conf'),
    maxPods: 110,
    serializeImagePulls: false,
    imagePullCredentialsVerificationPolicy: 'NeverVerify',
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '2%',
      'imagefs.available': '2%',
      'nodefs.inodesFree': '1%',
    },
    imageGCHighThresholdPercent: 99,
    imageGCLowThresholdPercent: 98,
    syncFrequency: '10s',
    nodeStatusUpdateFrequency: '5s',
  };
}

/** Writes the configuration of containerd, the pod network and kubelet. */
export function writeNodeConfig(layout: Layout, images: readonly Image[]): void {
  const write = (path: string, text: string) => {
    const file = join(layout.dataDir, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  };
  const registryUrl = `http://${registryHost}`;
  write('containerd.toml', containerdConfig(layout, referenceOf(images, 'pause')));
  write(
    `certs.d/${registryHost}/hosts.toml`,
    `server = "${registryUrl}"\n[host."${registryUrl}"]\n  capabilities = ["pull", "resolve"]\n`,
  );
  write('cni/10-bridge.conflist', JSON.stringify(podNetwork(layout), undefined, 1));
  write('kubelet.yaml', JSON.stringify(kubeletConfig(layout), undefined, 1));
  write('resolv.conf', '');
}

/** Starts containerd and imports the images that it lacks; forgets those of earlier versions. */
export async function startContainerd(layout: Layout, images: readonly Image[]): Promise<void> {
  const command = findProgram('containerd')!;
  await ensureDaemon(layout, {
    name: 'containerd',
    command,
    args: ['--config', join(layout.dataDir, 'containerd.toml')],
  });
  await waitUntil(
    async () => {
      assertDaemonAlive(layout, 'containerd');
      return (await ctr(layout, ['version'])) !== '';
    },
    { what: 'An answer of containerd', timeoutMs: coldStartMs, logFile: daemonLog(layout, 'containerd') },
  );
  const present = new Set((await ctr(layout, ['images', 'list', '--quiet'])).split('\n'));
  const wanted = new Set(images.map((image) => image.reference));
  for (const image of images) {
    if (!present.has(image.reference)) await ctr(layout, ['images', 'import', image.archive]);
  }
  const outdated = [...present].filter(
    (reference) => reference.startsWith(`${registryHost}/cluster/`) && !wanted.has(reference),
  );
  if (outdated.length > 0) await ctr(layout, ['images', 'remove', ...outdated]);
}

/**
 * Starts kubelet and waits for the node's Ready condition with a heartbeat of this kubelet (the API
 * server still has the last run's). A kubelet that ended because containerd's CRI service was not
 * initialised yet is started again.
 */
export async function startKubelet(layout: Layout, binaries: BinaryDirs): Promise<void> {
  const spec = {
    name: 'kubelet',
    command: join(binaries.kubernetes, 'kubelet'),
    args: [
      `--config=${join(layout.dataDir, 'kubelet.yaml')}`,
      `--kubeconfig=${componentKubeconfig(layout, 'kubelet')}`,
      `--root-dir=${join(layout.dataDir, 'kubelet')}`,
      `--cert-dir=${join(layout.dataDir, 'kubelet', 'pki')}`,
      `--hostname-override=${addresses.nodeName}`,
      `--node-ip=${addresses.node}`,
      '--v=2',
    ],
  };
  const logFile = daemonLog(layout, 'kubelet');
  ensureControlGroupRoot();
  // Heartbeats have whole seconds.
  const startedAt = Math.floor(Date.now() / 1000) * 1000;
  const startedNow = await ensureDaemon(layout, spec);
  const healthUrl = `http://127.0.0.1:${ports.kubeletHealth}/healthz`;
  await waitUntil(
    async () => {
      if (!isDaemonAlive(layout, 'kubelet')) await ensureDaemon(layout, spec);
      return (await fetch(healthUrl)).ok;
    },
    { what: 'Health of kubelet', timeoutMs: coldStartMs, logFile },
  );
  const since = startedNow ? startedAt : 0;
  await waitUntil(() => isNodeReady(layout, since), { what: 'Readiness of the node', timeoutMs: coldStartMs, logFile });
}

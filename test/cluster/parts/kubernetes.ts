import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BinaryDirs } from '../artifacts/binaries.ts';
import { run } from '../machine/command.ts';
import { addresses, type Layout, ports } from '../machine/layout.ts';
import { assertDaemonAlive, daemonLog, type DaemonSpec, ensureDaemon } from '../machine/processes.ts';
import { coldStartMs, waitUntil } from '../machine/progress.ts';
import { callApi, connectionOf, isApiServerReady } from './api-client.ts';
import { componentKubeconfig } from './certificates.ts';

const etcdUrl = `http://127.0.0.1:${ports.etcdClient}`;
const etcdPeerUrl = `http://127.0.0.1:${ports.etcdPeer}`;

/** The default StorageClass; its volumes are directories below /tmp/hostpath_pv (fixed in the provisioner). */
const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'kubernetes.io/host-path',
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'Immediate',
};

function etcd(layout: Layout, binaries: BinaryDirs): DaemonSpec {
  return {
    name: 'etcd',
    command: join(binaries.etcd, 'etcd'),
    args: [
      '--name=e',
      `--data-dir=${join(layout.dataDir, 'etcd')}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=${etcdPeerUrl}`,
      `--initial-advertise-peer-urls=${etcdPeerUrl}`,
      `--initial-cluster=e=${etcdPeerUrl}`,
      '--unsafe-no-fsync',
      // A start reads the database and every write-ahead log: both stay small over many sessions.
      '--bootstrap-defrag-threshold-megabytes=64',
      '--max-snapshots=1',
      '--max-wals=1',
      '--log-level=warn',
    ],
  };
}

function apiServer(layout: Layout, binaries: BinaryDirs): DaemonSpec {
  const pki = (file: string) => join(layout.pkiDir, file);
  return {
    name: 'kube-apiserver',
    command: join(binaries.kubernetes, 'kube-apiserver'),
    args: [
      `--etcd-servers=${etcdUrl}`,
      `--bind-address=${addresses.apiServer}`,
      `--secure-port=${ports.apiServer}`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      `--client-ca-file=${pki('ca.crt')}`,
      `--token-auth-file=${pki('tokens.csv')}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${pki('sa.pub')}`,
      `--service-account-signing-key-file=${pki('sa.key')}`,
      `--service-cluster-ip-range=${addresses.serviceRange}`,
      '--endpoint-reconciler-type=none',
      `--cert-dir=${join(layout.dataDir, 'apiserver-certs')}`,
      `--kubelet-client-certificate=${pki('apiserver-kubelet.crt')}`,
      `--kubelet-client-key=${pki('apiserver-kubelet.key')}`,
      `--kubelet-certificate-authority=${pki('ca.crt')}`,
      '--kubelet-preferred-address-types=InternalIP',
    ],
  };
}

function controllerManager(layout: Layout, binaries: BinaryDirs): DaemonSpec {
  const pki = (file: string) => join(layout.pkiDir, file);
  return {
    name: 'kube-controller-manager',
    command: join(binaries.kubernetes, 'kube-controller-manager'),
    args: [
      `--kubeconfig=${componentKubeconfig(layout, 'kcm')}`,
      '--leader-elect=false',
      '--secure-port=0',
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${pki('sa.key')}`,
      `--root-ca-file=${pki('ca.crt')}`,
      `--cluster-signing-cert-file=${pki('ca.crt')}`,
      `--cluster-signing-key-file=${pki('ca.key')}`,
      '--enable-hostpath-provisioner=true',
      // A node that has stopped is known as such after 12 s, not after 50: tests wait for it.
      '--node-monitor-grace-period=12s',
      '--node-monitor-period=2s',
      // With the default of 20 requests a second, volumes bind late while many objects are collected.
      '--kube-api-qps=200',
      '--kube-api-burst=400',
    ],
  };
}

/** Port 443 of the Service `kubernetes`. */
function serviceRelay(): DaemonSpec {
  const script = fileURLToPath(new URL('service-relay.ts', import.meta.url));
  const target = [addresses.apiServer, String(ports.apiServer)];
  return {
    name: 'service-relay',
    command: process.execPath,
    args: [script, addresses.kubernetesService, '443', ...target],
  };
}

function scheduler(layout: Layout, binaries: BinaryDirs): DaemonSpec {
  return {
    name: 'kube-scheduler',
    command: join(binaries.kubernetes, 'kube-scheduler'),
    args: [`--kubeconfig=${componentKubeconfig(layout, 'scheduler')}`, '--leader-elect=false', '--secure-port=0'],
  };
}

/**
 * Starts etcd, the API server, the controller manager and the scheduler, and waits for the API server's readiness.
 * The API server ends when etcd does not answer within 20 s, which a cold disk is known to take: it starts after etcd.
 */
export async function startControlPlane(layout: Layout, binaries: BinaryDirs): Promise<void> {
  await ensureDaemon(layout, etcd(layout, binaries));
  await waitUntil(
    async () => {
      assertDaemonAlive(layout, 'etcd');
      return (await fetch(`${etcdUrl}/health`, { signal: AbortSignal.timeout(5000) })).ok;
    },
    { what: 'Health of etcd', timeoutMs: coldStartMs, logFile: daemonLog(layout, 'etcd') },
  );
  await ensureDaemon(layout, apiServer(layout, binaries));
  await waitUntil(
    () => {
      for (const name of ['etcd', 'kube-apiserver']) assertDaemonAlive(layout, name);
      return isApiServerReady(layout);
    },
    { what: 'Readiness of the API server', timeoutMs: coldStartMs, logFile: daemonLog(layout, 'kube-apiserver') },
  );
  await ensureDaemon(layout, serviceRelay());
  await ensureDaemon(layout, controllerManager(layout, binaries));
  await ensureDaemon(layout, scheduler(layout, binaries));
}

/**
 * Waits until the cluster can take pods: its default StorageClass exists, and the controller manager has made
 * the ServiceAccount default/default, which a new cluster does last.
 */
export async function waitForNamespaces(layout: Layout): Promise<void> {
  const answer = await callApi(connectionOf(layout), 'POST', '/apis/storage.k8s.io/v1/storageclasses', storageClass);
  if (answer.status !== 201 && answer.status !== 409)
    throw new Error(`StorageClass: HTTP ${answer.status} ${JSON.stringify(answer.body)}`);
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  await waitUntil(async () => (await callApi(connectionOf(layout), 'GET', path)).status === 200, {
    what: 'Creation of ServiceAccount default/default',
    timeoutMs: coldStartMs,
    logFile: daemonLog(layout, 'kube-controller-manager'),
  });
}

/** Runs kubectl as administrator. */
export function kubectl(
  layout: Layout,
  binaries: BinaryDirs,
  args: readonly string[],
  input?: string,
): Promise<string> {
  return run(
    join(binaries.kubernetes, 'kubectl'),
    ['--kubeconfig', layout.kubeconfig, ...args],
    input === undefined ? {} : { input },
  );
}

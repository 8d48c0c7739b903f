import { existsSync } from 'node:fs';
import { addresses, isSecond, type Layout } from './machine/layout.ts';
import { daemonLog, isDaemonAlive, listDaemons } from './machine/processes.ts';
import { isApiServerReady, isNodeReady } from './parts/api-client.ts';
import { readClusterFile } from './parts/cluster-file.ts';
import { isGitServerReady } from './parts/git-server.ts';
import { isRegistryReady } from './parts/registry.ts';
import { doesTektonValidate } from './parts/tekton.ts';

/** Every process of a running cluster. */
const daemonNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'containerd',
  'kubelet',
  'tekton-controller',
  'tekton-webhook',
  'service-relay',
  ...(isSecond ? [] : ['registry', 'git-http']),
];

async function answers(check: () => Promise<boolean>): Promise<boolean> {
  return check().catch(() => false);
}

/** Prints what runs and where it answers. Returns true when everything does. */
export async function printStatus(layout: Layout): Promise<boolean> {
  const print = (text: string) => process.stdout.write(`${text}\n`);
  if (!existsSync(layout.clusterFile) || !daemonNames.some((name) => isDaemonAlive(layout, name))) {
    print(`No cluster runs from ${layout.dataDir}.`);
    return false;
  }
  const pids = new Map(listDaemons(layout).map((daemon) => [daemon.name, daemon.pid]));
  const areAlive = daemonNames.map((name) => {
    const alive = isDaemonAlive(layout, name);
    print(
      `${name.padEnd(24)} ${alive ? `runs, pid ${pids.get(name)}` : `does not run; its log: ${daemonLog(layout, name)}`}`,
    );
    return alive;
  });
  const cluster = readClusterFile(layout);
  const endpoints = [
    { name: 'API server', address: cluster.apiServerUrl, check: () => isApiServerReady(layout) },
    { name: 'node', address: addresses.nodeName, check: () => isNodeReady(layout, 0) },
    { name: 'Tekton', address: 'validating webhook', check: () => doesTektonValidate(layout) },
    { name: 'registry', address: `http://${cluster.registry.host}`, check: isRegistryReady },
    { name: 'git', address: cluster.git.exampleUrl, check: isGitServerReady },
  ];
  const doAnswer = await Promise.all(endpoints.map(({ check }) => answers(check)));
  endpoints.forEach(({ name, address }, index) =>
    print(`${name.padEnd(24)} ${doAnswer[index] ? 'answers' : 'DOES NOT ANSWER'}: ${address}`),
  );
  print(`${'description'.padEnd(24)} ${layout.clusterFile}`);
  print(`export KUBECONFIG=${layout.kubeconfig}`);
  return [...areAlive, ...doAnswer].every(Boolean);
}

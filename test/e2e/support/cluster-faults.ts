import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { clusterFilePath, type ClusterName, type TestCluster } from './cluster.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

function signalDaemon(cluster: ClusterName, daemon: string, signal: NodeJS.Signals): void {
  const file = join(dirname(clusterFilePath(cluster)), 'pids', `${daemon}.json`);
  process.kill((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid, signal);
}

/** Freezes a process of a cluster: its connections stay open and nothing is answered. Returns what lets it go on. */
export function freeze(cluster: ClusterName, daemon: 'kubelet' | 'kube-apiserver'): () => void {
  signalDaemon(cluster, daemon, 'SIGSTOP');
  return () => signalDaemon(cluster, daemon, 'SIGCONT');
}

/** Deletes the definition of PipelineRuns, and with it every one of them. Returns what brings the definition back. */
export async function removePipelineRuns(cluster: TestCluster): Promise<() => Promise<void>> {
  const path = `${CRDS}/pipelineruns.tekton.dev`;
  const { body } = await cluster.kube('GET', path);
  const { name, labels, annotations } = body['metadata'] as Record<string, unknown>;
  const definition = { ...body, metadata: { name, labels, annotations }, status: undefined };
  await cluster.kube('DELETE', path);
  return async () => {
    const { status } = await cluster.kube('POST', CRDS, definition);
    if (status !== 201) throw new Error(`PipelineRuns could not be defined again: ${status}`);
  };
}

import { fileURLToPath } from 'node:url';
import type { TestCluster } from './cluster.ts';
import { Pod } from './pod.ts';

/** Runs a script of this checkout in a pod of the node, as the shipped ServiceAccount; returns what it printed. */
export async function runInPod(cluster: TestCluster, script: URL): Promise<string> {
  const pod = await Pod.start(cluster, 'in-cluster-probe', fileURLToPath(script));
  const { phase, log } = await pod.ended();
  await pod.remove();
  if (phase !== 'Succeeded') throw new Error(`The pod ended as ${phase}: ${log}`);
  return log;
}

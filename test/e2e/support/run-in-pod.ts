import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestCluster } from './cluster.ts';
import { until } from './rest-client.ts';

const NAMESPACE = 'image-factory-system';
const REPOSITORY_ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** A program of this machine needs its libraries. */
const MOUNTED = [...new Set([REPOSITORY_ROOT, dirname(process.execPath), '/usr', '/lib', '/lib64'])];

/** Runs a script of this checkout in a pod of the node, as the shipped ServiceAccount; returns what it printed. */
export async function runInPod(cluster: TestCluster, script: URL): Promise<string> {
  const pods = `/api/v1/namespaces/${NAMESPACE}/pods`;
  const name = 'in-cluster-probe';
  await cluster.kube('DELETE', `${pods}/${name}?gracePeriodSeconds=0`);
  const { status, body } = await cluster.kube('POST', pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      serviceAccountName: 'image-factory',
      automountServiceAccountToken: true,
      restartPolicy: 'Never',
      containers: [
        {
          name: 'probe',
          image: cluster.images.busybox,
          imagePullPolicy: 'IfNotPresent',
          command: [process.execPath, fileURLToPath(script)],
          volumeMounts: MOUNTED.map((path, index) => ({ name: `mount-${index}`, mountPath: path, readOnly: true })),
        },
      ],
      volumes: MOUNTED.map((path, index) => ({ name: `mount-${index}`, hostPath: { path } })),
    },
  });
  if (status !== 201) throw new Error(`The pod was refused: ${status} ${JSON.stringify(body)}`);
  const phase = await until('the pod to end', 60_000, async () => {
    const { body: pod } = await cluster.kube('GET', `${pods}/${name}`);
    const at = String(pod.status?.['phase']);
    return at === 'Succeeded' || at === 'Failed' ? at : undefined;
  });
  const { body: log } = await cluster.kube('GET', `${pods}/${name}/log`);
  await cluster.kube('DELETE', `${pods}/${name}?gracePeriodSeconds=0`);
  // A body that is JSON was parsed.
  const text = 'text' in log ? String(log['text']) : JSON.stringify(log);
  if (phase !== 'Succeeded') throw new Error(`The pod ended as ${phase}: ${text}`);
  return text;
}

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestCluster } from './cluster.ts';
import { until } from './rest-client.ts';

const NAMESPACE = 'image-factory-system';
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const REPOSITORY_ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** A program of this machine needs its libraries. */
const MOUNTED = [...new Set([REPOSITORY_ROOT, dirname(process.execPath), '/usr', '/lib', '/lib64'])];

/** A script of this checkout in a pod of the node, as the shipped ServiceAccount. */
export class Pod {
  private constructor(
    private readonly cluster: TestCluster,
    private readonly name: string,
  ) {}

  static async start(
    cluster: TestCluster,
    name: string,
    script: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Pod> {
    const pod = new Pod(cluster, name);
    await pod.remove();
    const { status, body } = await cluster.kube('POST', PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        serviceAccountName: 'image-factory',
        automountServiceAccountToken: true,
        restartPolicy: 'Never',
        containers: [
          {
            name: 'main',
            image: cluster.images.busybox,
            imagePullPolicy: 'IfNotPresent',
            command: [process.execPath, script],
            env: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
            volumeMounts: MOUNTED.map((path, index) => ({ name: `mount-${index}`, mountPath: path, readOnly: true })),
          },
        ],
        volumes: MOUNTED.map((path, index) => ({ name: `mount-${index}`, hostPath: { path } })),
      },
    });
    if (status !== 201) throw new Error(`The pod was refused: ${status} ${JSON.stringify(body)}`);
    return pod;
  }

  async log(): Promise<string> {
    const { body } = await this.cluster.kube('GET', `${PODS}/${this.name}/log`);
    return String(body['text']);
  }

  /** @returns its last phase, and what it printed */
  async ended(): Promise<{ readonly phase: string; readonly log: string }> {
    const phase = await until('the pod to end', 60_000, async () => {
      const { body } = await this.cluster.kube('GET', `${PODS}/${this.name}`);
      const at = String(body.status?.['phase']);
      return at === 'Succeeded' || at === 'Failed' ? at : undefined;
    });
    return { phase, log: await this.log() };
  }

  async remove(): Promise<void> {
    await this.cluster.kube('DELETE', `${PODS}/${this.name}?gracePeriodSeconds=0`);
    await until('the pod to be gone', 30_000, async () => {
      const { status } = await this.cluster.kube('GET', `${PODS}/${this.name}`);
      return status === 404 ? true : undefined;
    });
  }
}

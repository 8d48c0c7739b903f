import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readCluster, type KubeAnswer, type TestCluster } from './support/cluster.ts';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../deploy/kubernetes');
const NAMESPACE = 'image-factory';
/** Nothing of them is stored, every field must be known, and admission has its say. */
const QUESTION = 'fieldManager=test&force=true&dryRun=All&fieldValidation=Strict';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly template?: { readonly metadata: object; readonly spec: object } };
}

/** Folder of the API of each kind, below the namespace where it has one. */
const PLURALS: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  ServiceAccount: 'serviceaccounts',
  Pod: 'pods',
  ConfigMap: 'configmaps',
  Service: 'services',
  Job: 'jobs',
  Deployment: 'deployments',
  PodDisruptionBudget: 'poddisruptionbudgets',
  NetworkPolicy: 'networkpolicies',
  ClusterRoleBinding: 'clusterrolebindings',
};
const CLUSTER_WIDE = ['Namespace', 'ClusterRoleBinding'];

const manifests: readonly Manifest[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
  .flatMap((file) => parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8'), { merge: true }))
  .map((document) => document.toJS() as Manifest);

function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = CLUSTER_WIDE.includes(kind) ? '' : `/namespaces/${NAMESPACE}`;
  return `${group}${scope}/${PLURALS[kind] ?? kind}/${metadata.name}`;
}

describe('the manifests that we ship', () => {
  let cluster: TestCluster;

  const ask = (manifest: Manifest): Promise<KubeAnswer> =>
    cluster.kube('PATCH', `${pathOf(manifest)}?${QUESTION}`, manifest);

  beforeAll(async () => {
    cluster = readCluster();
    const namespace = manifests.find(({ kind }) => kind === 'Namespace');
    const { status } = await cluster.kube('PATCH', `/api/v1/namespaces/${NAMESPACE}?fieldManager=test`, namespace);
    expect(status).toBeLessThan(300);
    await cluster.kube('PATCH', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/image-factory?fieldManager=test`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'image-factory' },
    });
  });
  afterAll(async () => {
    await cluster.kube('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
  });

  it.each(manifests.map((manifest) => ({ name: `${manifest.kind} ${manifest.metadata.name}`, manifest })))(
    'are taken by a Kubernetes API server, field by field: $name',
    async ({ manifest }) => {
      const { status, body } = await ask(manifest);
      expect({ status, message: body['message'] }).toEqual({ status: status === 201 ? 201 : 200, message: undefined });
    },
  );

  it('would be refused with a field that Kubernetes does not know', async () => {
    const [deployment] = manifests.filter(({ kind }) => kind === 'Deployment');
    const { status } = await ask({ ...deployment, spec: { ...deployment?.spec, replica: 2 } } as unknown as Manifest);
    expect(status).toBeGreaterThanOrEqual(400);
  });

  it.each(
    manifests.flatMap(({ kind, metadata, spec }) => (spec?.template === undefined ? [] : [{ kind, metadata, spec }])),
  )('make pods that a namespace of the level “restricted” admits: $kind $metadata.name', async ({ metadata, spec }) => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: metadata.name }, spec: spec.template?.spec };
    const { status, body } = await ask(pod as unknown as Manifest);
    expect({ status, message: body['message'] }).toEqual({ status: 201, message: undefined });
    const root = { ...spec.template?.spec, securityContext: { runAsUser: 0 } };
    const refused = await ask({ ...pod, spec: root } as unknown as Manifest);
    expect(refused.status).toBe(403);
    expect(String(refused.body['message'])).toContain('restricted');
  });
});

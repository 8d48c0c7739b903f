import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { parseAllDocuments } from 'yaml';

interface ClusterFile {
  readonly kubeconfig: string;
  readonly apiServerUrl: string;
  readonly caData: string;
  readonly adminToken: string;
  readonly registry: {
    readonly host: string;
    readonly username: string;
    readonly password: string;
    readonly baseImage: string;
  };
  readonly git: { readonly httpUrlBase: string; readonly repositoryCommand: readonly string[] };
  readonly taskImages: Readonly<Record<string, string>>;
  readonly images: { readonly busybox: string };
}

export interface KubeAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> & {
    readonly items?: readonly KubeItem[];
    readonly status?: Readonly<Record<string, unknown>>;
  };
}

export interface KubeItem {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status?: Readonly<Record<string, unknown>>;
}

/** The test cluster as `npm run cluster -- up` describes it, with the two reads that assertions need. */
export interface TestCluster extends ClusterFile {
  /** One request to the API server as its administrator. */
  kube(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<KubeAnswer>;
  /** A token of the identity that `deploy/tekton/rbac.yaml` makes, which is applied first: builds run with its rights. */
  shippedToken(): Promise<string>;
  /** Digest of the manifest under a tag, as the registry itself says; undefined when there is none. */
  registryDigest(repository: string, tag: string): Promise<string | undefined>;
}

const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** Of the cluster of `npm run cluster -- up`, or of `second up`. */
export type ClusterName = 'first' | 'second';

export function clusterFilePath(name: ClusterName = 'first'): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const first = process.env['IF_CLUSTER_DIR'] ?? join(cache, 'image-factory', 'cluster', 'data');
  if (name === 'second') return process.env['IF_TEST_SECOND_CLUSTER_FILE'] ?? join(`${first}-2`, 'cluster.json');
  return process.env['IF_TEST_CLUSTER_FILE'] ?? join(first, 'cluster.json');
}

const RBAC_FILE = join(dirname(fileURLToPath(import.meta.url)), '../../../deploy/tekton/rbac.yaml');
const NAMESPACE = 'image-factory-system';
const RBAC_PATHS: Readonly<Record<string, string>> = {
  Namespace: '/api/v1/namespaces',
  ServiceAccount: `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`,
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
};

/** The objects of `deploy/tekton/rbac.yaml`. */
export function shippedObjects(): { readonly kind: string; readonly metadata: { readonly name: string } }[] {
  return parseAllDocuments(readFileSync(RBAC_FILE, 'utf8')).map((document) => document.toJS());
}

async function shippedToken(kube: TestCluster['kube']): Promise<string> {
  for (const object of shippedObjects()) {
    const path = `${RBAC_PATHS[object.kind] ?? ''}/${object.metadata.name}?fieldManager=kubectl&force=true`;
    const { status } = await kube('PATCH', path, object);
    if (status >= 300) throw new Error(`${object.kind} ${object.metadata.name} could not be applied: ${status}`);
  }
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/image-factory/token`;
  const { body } = await kube('POST', path, { spec: { expirationSeconds: 7200 } });
  return String(body.status?.['token']);
}

export function readCluster(name: ClusterName = 'first'): TestCluster {
  const file = JSON.parse(readFileSync(clusterFilePath(name), 'utf8')) as ClusterFile;
  const agent = new Agent({ connect: { ca: Buffer.from(file.caData, 'base64') } });
  const kube: TestCluster['kube'] = async (method, path, body) => {
    const contentType = method === 'PATCH' ? 'application/apply-patch+yaml' : 'application/json';
    const answer = await request(file.apiServerUrl + path, {
      method,
      dispatcher: agent,
      headers: { authorization: `Bearer ${file.adminToken}`, 'content-type': contentType },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    // What a pod has printed may be JSON too, a line at a time; it is no answer of the API.
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    const json = isJson ? (JSON.parse(text) as KubeAnswer['body']) : { text };
    return { status: answer.statusCode, body: json };
  };
  return {
    ...file,
    kube,
    shippedToken: () => shippedToken(kube),
    async registryDigest(repository, tag) {
      const slash = repository.indexOf('/');
      const url = `http://${repository.slice(0, slash)}/v2/${repository.slice(slash + 1)}/manifests/${tag}`;
      const answer = await request(url, {
        method: 'HEAD',
        headers: {
          accept: MANIFEST_TYPES.join(', '),
          authorization: `Basic ${Buffer.from(`${file.registry.username}:${file.registry.password}`).toString('base64')}`,
        },
      });
      await answer.body.dump();
      const digest = answer.headers['docker-content-digest'];
      return answer.statusCode === 200 && typeof digest === 'string' ? digest : undefined;
    },
  };
}

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';

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
}

export interface KubeAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> & { readonly items?: readonly KubeItem[] };
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
  kube(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<KubeAnswer>;
  /** Digest of the manifest under a tag, as the registry itself says; undefined when there is none. */
  registryDigest(repository: string, tag: string): Promise<string | undefined>;
}

const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

export function clusterFilePath(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return process.env['IF_TEST_CLUSTER_FILE'] ?? join(cache, 'image-factory', 'cluster', 'data', 'cluster.json');
}

export function readCluster(): TestCluster {
  const file = JSON.parse(readFileSync(clusterFilePath(), 'utf8')) as ClusterFile;
  const agent = new Agent({ connect: { ca: Buffer.from(file.caData, 'base64') } });
  return {
    ...file,
    async kube(method, path, body) {
      const answer = await request(file.apiServerUrl + path, {
        method,
        dispatcher: agent,
        headers: { authorization: `Bearer ${file.adminToken}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.body.text();
      const json = text.startsWith('{') ? (JSON.parse(text) as KubeAnswer['body']) : { text };
      return { status: answer.statusCode, body: json };
    },
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

import { type ClusterConnection, openClusterConnection } from '@image-factory/cluster-connectors';
import { Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { FAKE_CA } from '@image-factory/test-support';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { Agent } from 'undici';

/** One way to ask an API server for the pods of a namespace, over and over. */
export interface Client {
  readonly name: string;
  list(): Promise<unknown>;
  close(): Promise<void>;
}

const PATH = '/api/v1/namespaces/builds/pods';
export const TOKEN = 'bench-token';

/** As fast as may be: what is measured is the way of a request, not the rate that a cluster is asked at. */
const UNBOUNDED = { floorPerSecond: 100_000, ceilingPerSecond: 1_000_000, slots: 64 };

/** A connection as the pool makes it; the token is a value, or in a file that is read again. */
export async function connectOurs(
  port: number,
  token: { readonly value: string } | { readonly path: string } = { value: TOKEN },
): Promise<ClusterConnection> {
  const credential = 'value' in token ? { token: new Secret(token.value) } : { token_path: token.path };
  const fields = { auth_method: 'token', endpoint: `https://127.0.0.1:${port}`, ca_cert: FAKE_CA, ...credential };
  return openClusterConnection(
    { id: 'bench', source: 'file', settings: { authMethod: 'token' } },
    { providerId: 'bench', generation: 1, version: 1, fields },
    {
      egress: new EgressPolicy({ allow: ['127.0.0.1'] }),
      context: { fileRules: { allowedDirs: [], anyPath: true } },
      pressure: UNBOUNDED,
    },
  );
}

export async function ourClient(port: number): Promise<Client> {
  const connection = await connectOurs(port);
  return {
    name: 'ours',
    list: () => connection.request({ requestClass: 'status', method: 'GET', path: PATH }),
    close: () => connection.close(),
  };
}

/** The product's typed clients: client-node's own, over our transport. */
export async function ourTypedClient(port: number): Promise<Client> {
  const connection = await connectOurs(port);
  return {
    name: 'ours, typed',
    list: () => connection.core.listNamespacedPod({ namespace: 'builds' }),
    close: () => connection.close(),
  };
}

export function undiciClient(port: number): Client {
  const agent = new Agent({ connect: { ca: FAKE_CA }, allowH2: false, connections: 64, keepAliveTimeout: 30_000 });
  const origin = `https://127.0.0.1:${port}`;
  const headers = { accept: 'application/json', authorization: `Bearer ${TOKEN}` };
  return {
    name: 'undici',
    list: async () => {
      const { body } = await agent.request({ origin, path: PATH, method: 'GET', headers });
      return JSON.parse(await body.text()) as unknown;
    },
    close: () => agent.destroy(),
  };
}

/** @kubernetes/client-node as it comes. */
export function stockClient(port: number): Client {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', server: `https://127.0.0.1:${port}`, caData: Buffer.from(FAKE_CA).toString('base64') }],
    users: [{ name: 'u', token: TOKEN }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  const api = config.makeApiClient(CoreV1Api);
  return { name: 'client-node', list: () => api.listNamespacedPod({ namespace: 'builds' }), close: async () => {} };
}

import type { ClusterConnection, RequestClass } from '@image-factory/cluster-connectors';
import { KUBE_PATHS } from '../attempt/kube-paths.js';
import type { ObjectMeta } from '../follow/kube-objects.js';

const known = new WeakMap<ClusterConnection, string>();

/** Identity of the cluster behind a connection: uid of its kube-system namespace. Read once per connection. */
export async function clusterUidOf(
  connection: ClusterConnection,
  requestClass: RequestClass,
  signal?: AbortSignal,
): Promise<string> {
  return known.get(connection) ?? readClusterUid(connection, requestClass, signal);
}

/** The same, read now: an address may lead to another cluster than it did when the connection was made. */
export async function readClusterUid(
  connection: ClusterConnection,
  requestClass: RequestClass,
  signal?: AbortSignal,
): Promise<string> {
  const { body } = await connection.request<{ metadata: ObjectMeta }>({
    requestClass,
    method: 'GET',
    path: KUBE_PATHS.namespace('kube-system'),
    ...(signal === undefined ? {} : { signal }),
  });
  const read = body.metadata.uid ?? '';
  known.set(connection, read);
  return read;
}

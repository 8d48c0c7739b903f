import type { ClusterConnection } from '../connection/cluster-connection.js';

/** One permission that running builds on a cluster needs. */
export interface RequiredAccess {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  /** The one object that is meant; any, when undefined. */
  readonly name?: string;
  readonly verbs: readonly string[];
  /** Only when the product installs its Tasks. */
  readonly forTasks?: boolean;
}

/** What builds need of the RBAC rules of `deploy/tekton/rbac.yaml`, as access reviews ask for it. */
export const REQUIRED_ACCESS: readonly RequiredAccess[] = [
  { group: '', resource: 'namespaces', verbs: ['get', 'create'] },
  { group: '', resource: 'configmaps', verbs: ['create'] },
  { group: '', resource: 'configmaps', name: 'image-factory-installation', verbs: ['get', 'patch'] },
  { group: '', resource: 'serviceaccounts', verbs: ['create', 'patch'] },
  { group: '', resource: 'secrets', verbs: ['create', 'delete'] },
  { group: '', resource: 'secrets', name: 'docker-config', verbs: ['get'] },
  { group: '', resource: 'pods', verbs: ['list', 'watch', 'delete'] },
  { group: '', resource: 'pods', subresource: 'log', verbs: ['get'] },
  { group: '', resource: 'events', verbs: ['list'] },
  { group: 'tekton.dev', resource: 'pipelineruns', verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { group: 'tekton.dev', resource: 'taskruns', verbs: ['list', 'watch'] },
  { group: 'tekton.dev', resource: 'tasks', verbs: ['create', 'patch'], forTasks: true },
];

/** Reviews under way: all forty at once would open as many sockets as a cluster may have, on every cluster that is probed. */
const AT_ONCE = 4;

/** Permissions that the connection's identity lacks, as `create secrets`; in every namespace unless one is given. */
export async function missingAccess(
  connection: ClusterConnection,
  options: {
    readonly namespace?: string;
    readonly installTasks: boolean;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<string[]> {
  const needed = REQUIRED_ACCESS.filter((access) => access.forTasks !== true || options.installTasks);
  const asked = needed.flatMap((access) => access.verbs.map((verb) => ({ access, verb })));
  // One limit for all of them; and who has failed leaves none behind.
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const deadlineMs = performance.now() + options.timeoutMs;
  const isAllowed = async ({ access, verb }: (typeof asked)[number]): Promise<boolean> => {
    const { group, resource, subresource, name } = access;
    const resourceAttributes = { group, resource, subresource, name, verb, namespace: options.namespace };
    const { body } = await connection.request<{ status?: { allowed?: boolean } }>({
      requestClass: 'probe',
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
      timeoutMs: Math.max(deadlineMs - performance.now(), 1),
      signal,
    });
    return body.status?.allowed === true;
  };
  const allowed = new Set<(typeof asked)[number]>();
  const left = asked.values();
  const askOneByOne = async (): Promise<void> => {
    for (const one of left) if (await isAllowed(one)) allowed.add(one);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, askOneByOne));
  } finally {
    stop.abort();
  }
  return asked.filter((one) => !allowed.has(one)).map(({ access, verb }) => describeAccess(access, verb));
}

/** As `create secrets`, or `get configmaps "name"`. */
function describeAccess({ group, resource, subresource, name }: RequiredAccess, verb: string): string {
  const path = subresource === undefined ? resource : `${resource}/${subresource}`;
  const what = `${verb} ${group === '' ? path : `${path}.${group}`}`;
  return name === undefined ? what : `${what} "${name}"`;
}

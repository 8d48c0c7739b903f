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
  const answers = await Promise.all(
    asked.map(async ({ access, verb }) => {
      const { group, resource, subresource, name: object } = access;
      const { namespace } = options;
      const resourceAttributes = { group, resource, subresource, name: object, verb, namespace };
      const { body } = await connection.request<{ status?: { allowed?: boolean } }>({
        requestClass: 'probe',
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
        timeoutMs: options.timeoutMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const name = subresource === undefined ? resource : `${resource}/${subresource}`;
      const what = `${verb} ${group === '' ? name : `${name}.${group}`}`;
      if (body.status?.allowed === true) return undefined;
      return object === undefined ? what : `${what} "${object}"`;
    }),
  );
  return answers.filter((one) => one !== undefined);
}

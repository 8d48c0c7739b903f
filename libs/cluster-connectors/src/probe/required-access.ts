import type { ClusterConnection } from '../connection/cluster-connection.js';

/** One permission that running builds on a cluster needs. */
export interface RequiredAccess {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verbs: readonly string[];
  /** Only when the product installs its Tasks. */
  readonly forTasks?: boolean;
}

/** What builds need of the RBAC rules of `deploy/tekton/rbac.yaml`, as access reviews ask for it. */
export const REQUIRED_ACCESS: readonly RequiredAccess[] = [
  { group: '', resource: 'namespaces', verbs: ['get', 'create'] },
  { group: '', resource: 'configmaps', verbs: ['get', 'create', 'patch'] },
  { group: '', resource: 'serviceaccounts', verbs: ['get', 'create', 'patch'] },
  { group: '', resource: 'secrets', verbs: ['get', 'create', 'patch', 'delete'] },
  { group: '', resource: 'pods', verbs: ['get', 'list', 'watch', 'delete'] },
  { group: '', resource: 'pods', subresource: 'log', verbs: ['get'] },
  { group: 'tekton.dev', resource: 'pipelineruns', verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { group: 'tekton.dev', resource: 'taskruns', verbs: ['get', 'list', 'watch'] },
  { group: 'tekton.dev', resource: 'tasks', verbs: ['get', 'create', 'patch'], forTasks: true },
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
      const { group, resource, subresource } = access;
      const resourceAttributes = { group, resource, subresource, verb, namespace: options.namespace };
      const { body } = await connection.request<{ status?: { allowed?: boolean } }>({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
        timeoutMs: options.timeoutMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const name = subresource === undefined ? resource : `${resource}/${subresource}`;
      return body.status?.allowed === true ? undefined : `${verb} ${group === '' ? name : `${name}.${group}`}`;
    }),
  );
  return answers.filter((one) => one !== undefined);
}

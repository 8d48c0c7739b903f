/** A resource that the fake serves. */
export interface FakeResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Has a status subresource: main writes leave the status alone. */
  readonly status: boolean;
}

function resource(apiVersion: string, name: string, kind: string, namespaced: boolean, status = false): FakeResource {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return { group: group ?? '', version: version ?? '', resource: name, kind, namespaced, status };
}

/** Everything that the fake serves; other paths answer 404 as an API server does for unknown resources. */
export const FAKE_RESOURCES: readonly FakeResource[] = [
  resource('v1', 'namespaces', 'Namespace', false, true),
  resource('v1', 'nodes', 'Node', false, true),
  resource('v1', 'pods', 'Pod', true, true),
  resource('v1', 'secrets', 'Secret', true),
  resource('v1', 'configmaps', 'ConfigMap', true),
  resource('v1', 'serviceaccounts', 'ServiceAccount', true),
  resource('v1', 'events', 'Event', true),
  resource('v1', 'persistentvolumeclaims', 'PersistentVolumeClaim', true, true),
  resource('v1', 'resourcequotas', 'ResourceQuota', true, true),
  resource('v1', 'limitranges', 'LimitRange', true),
  resource('tekton.dev/v1', 'pipelineruns', 'PipelineRun', true, true),
  resource('tekton.dev/v1', 'taskruns', 'TaskRun', true, true),
  resource('tekton.dev/v1', 'tasks', 'Task', true),
  resource('tekton.dev/v1', 'pipelines', 'Pipeline', true),
  resource('storage.k8s.io/v1', 'storageclasses', 'StorageClass', false),
  resource('rbac.authorization.k8s.io/v1', 'roles', 'Role', true),
  resource('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding', true),
  resource('networking.k8s.io/v1', 'networkpolicies', 'NetworkPolicy', true),
  resource('coordination.k8s.io/v1', 'leases', 'Lease', true),
];

/** `tekton.dev/v1` of a resource, `v1` of a core one. */
export function apiVersionOf(resource: FakeResource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** What a path asks for. */
export interface FakeTarget {
  readonly resource: FakeResource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** The target of an API path; undefined when no resource is served there. */
export function targetOf(path: string): FakeTarget | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const core = parts[0] === 'api';
  if (!core && parts[0] !== 'apis') return undefined;
  const group = core ? '' : (parts[1] ?? '');
  const version = parts[core ? 1 : 2] ?? '';
  const rest = parts.slice(core ? 2 : 3);
  const find = (name: string | undefined): FakeResource | undefined =>
    FAKE_RESOURCES.find((one) => one.group === group && one.version === version && one.resource === name);
  const inNamespace = rest[0] === 'namespaces' && rest.length >= 3 ? find(rest[2]) : undefined;
  if (inNamespace?.namespaced === true) {
    return { resource: inNamespace, namespace: rest[1], name: rest[3], subresource: rest[4] };
  }
  const top = find(rest[0]);
  if (top === undefined) return undefined;
  return { resource: top, namespace: undefined, name: rest[1], subresource: rest[2] };
}

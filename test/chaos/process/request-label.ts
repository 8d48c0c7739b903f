const KUBERNETES = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)\/(?:namespaces\/[^/]+\/)?([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/;

/** What a request of that label gets piece by piece, for as long as there is something to tell; undefined for others. */
export function streamLabel(label: string): string | undefined {
  const [, resource] = /^(?:WATCH |GET (?=pods\/log$))(.+)$/.exec(label) ?? [];
  return resource === undefined ? undefined : `STREAM ${resource}`;
}

/** A short name of an HTTP request: what it does to which resource, without names and namespaces. */
export function requestLabel(method: string, target: string): string {
  const { pathname, searchParams } = new URL(target, 'http://any');
  const registry = /^\/v2\/.+\/(manifests|blobs)\//.exec(pathname)?.[1];
  if (registry !== undefined) return `registry ${method} ${registry}`;
  const [, resource, name, subresource] = KUBERNETES.exec(pathname) ?? [];
  if (resource === undefined) return `${method} ${pathname}`;
  if (subresource !== undefined) return `${method} ${resource}/${subresource}`;
  if (searchParams.get('watch') === 'true') return `WATCH ${resource}`;
  if (method === 'GET' && name === undefined) return `LIST ${resource}`;
  return `${method} ${resource}`;
}

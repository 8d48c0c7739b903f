import type { Permission } from '@image-factory/domain';

/** Base of every route but health and documents. */
export const API_BASE = '/api/v1';

/** `tenant` needs `X-Tenant-ID`; `platform` is for keys of no tenant; `none` is about the caller or nobody. */
export type RouteScope = 'tenant' | 'platform' | 'none';

export interface RouteRule {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** As registered, with `:parameters`. */
  readonly path: string;
  readonly scope: RouteScope;
  /** `authenticated`: any role. `public`: nobody in particular. */
  readonly permission: Permission | 'authenticated' | 'public';
}

function tenant(method: RouteRule['method'], path: string, permission: Permission): RouteRule {
  return { method, path: API_BASE + path, scope: 'tenant', permission };
}

function platform(method: RouteRule['method'], path: string, permission: Permission): RouteRule {
  return { method, path: `${API_BASE}/admin${path}`, scope: 'platform', permission };
}

function open(path: string): RouteRule {
  return { method: 'GET', path, scope: 'none', permission: 'public' };
}

const PROVIDERS = '/infrastructure/providers';

/** Every route and who may use it: what the guard reads. A route that is not here is refused to everybody. */
export const ROUTES: readonly RouteRule[] = [
  open('/livez'),
  open('/readyz'),
  open(`${API_BASE}/openapi.json`),
  open(`${API_BASE}/openapi.yaml`),
  { method: 'GET', path: `${API_BASE}/whoami`, scope: 'none', permission: 'authenticated' },

  tenant('POST', '/projects', 'project:manage'),
  tenant('GET', '/projects', 'project:read'),
  tenant('GET', '/projects/:id', 'project:read'),
  tenant('PATCH', '/projects/:id', 'project:manage'),
  tenant('DELETE', '/projects/:id', 'project:manage'),
  tenant('POST', '/registry-auths', 'credential:manage'),
  tenant('GET', '/registry-auths', 'credential:read'),
  tenant('DELETE', '/registry-auths/:id', 'credential:manage'),
  tenant('POST', '/repository-auths', 'credential:manage'),
  tenant('GET', '/repository-auths', 'credential:read'),
  tenant('DELETE', '/repository-auths/:id', 'credential:manage'),

  tenant('POST', '/builds', 'build:submit'),
  tenant('POST', '/builds/validate', 'build:submit'),
  tenant('GET', '/builds', 'build:read'),
  tenant('GET', '/builds/:id', 'build:read'),
  tenant('POST', '/builds/:id/cancel', 'build:cancel'),
  tenant('POST', '/builds/:id/retry', 'build:submit'),
  tenant('GET', '/builds/:id/events', 'build:read'),
  tenant('GET', '/builds/:id/events/stream', 'build:read'),
  tenant('GET', '/builds/:id/executions', 'build:read'),
  tenant('GET', '/builds/:id/placement', 'build:read'),
  tenant('GET', '/builds/:id/logs', 'build:read'),
  tenant('GET', '/builds/:id/logs/stream', 'build:read'),
  tenant('GET', '/builds/:id/artifacts', 'build:read'),
  tenant('GET', '/builds/:id/pipeline-run', 'build:read'),
  tenant('GET', '/queue', 'queue:read'),

  platform('POST', '/tenants', 'tenant:manage'),
  platform('GET', '/tenants', 'tenant:read'),
  platform('GET', '/tenants/:id', 'tenant:read'),
  platform('PATCH', '/tenants/:id', 'tenant:manage'),
  platform('DELETE', '/tenants/:id', 'tenant:manage'),
  platform('POST', '/api-keys', 'api-key:manage'),
  platform('GET', '/api-keys', 'api-key:read'),
  platform('DELETE', '/api-keys/:id', 'api-key:manage'),
  platform('POST', PROVIDERS, 'provider:manage'),
  platform('GET', PROVIDERS, 'provider:read'),
  platform('GET', `${PROVIDERS}/:id`, 'provider:read'),
  platform('PATCH', `${PROVIDERS}/:id`, 'provider:manage'),
  platform('DELETE', `${PROVIDERS}/:id`, 'provider:manage'),
  platform('PATCH', `${PROVIDERS}/:id/status`, 'provider:cordon'),
  platform('GET', `${PROVIDERS}/:id/drain`, 'provider:read'),
  platform('POST', `${PROVIDERS}/:id/test-connection`, 'provider:read'),
  platform('GET', `${PROVIDERS}/:id/health`, 'provider:read'),
  platform('GET', `${PROVIDERS}/:id/readiness`, 'provider:read'),
  platform('GET', `${PROVIDERS}/:id/executions`, 'provider:read'),
  platform('GET', `${PROVIDERS}/:id/permissions`, 'provider:read'),
  platform('POST', `${PROVIDERS}/:id/permissions`, 'provider:manage'),
  platform('DELETE', `${PROVIDERS}/:id/permissions/:tenantId`, 'provider:manage'),
  platform('POST', '/placements/simulate', 'provider:read'),
  platform('GET', '/infrastructure/config-file', 'provider:read'),
  platform('POST', '/infrastructure/discovery/runs', 'provider:manage'),
  platform('GET', '/infrastructure/discovery/runs/:id', 'provider:read'),
  platform('GET', '/infrastructure/discovery/clusters', 'provider:read'),
  platform('POST', '/infrastructure/discovery/clusters/:id/adopt', 'provider:manage'),
  platform('GET', '/dispatcher/metrics', 'dispatcher:read'),
  platform('GET', '/dispatcher/status', 'dispatcher:read'),
  platform('PATCH', '/dispatcher/limits', 'dispatcher:manage'),
  platform('POST', '/dispatcher/pause', 'dispatcher:manage'),
  platform('POST', '/dispatcher/resume', 'dispatcher:manage'),
  platform('GET', '/queue', 'dispatcher:read'),
  platform('GET', '/invariants', 'dispatcher:read'),
  platform('GET', '/audit-events', 'audit:read'),
];

const BY_ROUTE = new Map(ROUTES.map((rule) => [`${rule.method} ${rule.path}`, rule]));

/** The page of the OpenAPI document and its assets: files for everybody. */
const DOCS = /^\/docs(?:\/.*)?$/;

/** The rule of a registered route. HEAD is judged as GET. */
export function ruleOf(method: string, path: string): RouteRule | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  if (asked === 'GET' && DOCS.test(path)) return open(path);
  return BY_ROUTE.get(`${asked} ${path}`);
}

/** Methods that an address has, when it has others than the one that was asked for. */
export function otherMethods(path: string, method: string): string[] {
  const parts = path.split('/');
  const matching = ROUTES.filter((rule) => matches(rule.path.split('/'), parts));
  // `/builds/validate` is an address of its own, although it looks like the one of a build.
  const literal = matching.filter((rule) => rule.path === path);
  const methods = (literal.length > 0 ? literal : matching).map((rule) => rule.method);
  return methods.includes(method as RouteRule['method']) ? [] : [...new Set(methods)];
}

function matches(pattern: readonly string[], parts: readonly string[]): boolean {
  return (
    pattern.length === parts.length &&
    pattern.every((part, index) => (part.startsWith(':') ? parts[index] !== '' : part === parts[index]))
  );
}

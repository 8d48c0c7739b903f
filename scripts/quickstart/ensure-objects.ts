import { EXAMPLE } from './example-repository.ts';
import { Refused, type Rest } from './rest.ts';
import type { PreparedTarget, Registry } from './target/prepared-target.ts';

interface Named {
  readonly id: string;
  readonly name: string;
}

/** The object of that name, made when it is not there; `update` brings one that is there up to date. */
async function ensure(
  rest: Rest,
  path: string,
  name: string,
  body: Readonly<Record<string, unknown>>,
  update?: Readonly<Record<string, unknown>>,
): Promise<string> {
  const found = await rest.find<Named>(path, (item) => item.name.toLowerCase() === name.toLowerCase());
  if (found === undefined) return (await rest.send<Named>('POST', path, { name, ...body })).id;
  if (update !== undefined) await rest.send('PATCH', `${path}/${found.id}`, update);
  return found.id;
}

/** The registry's password of this run: write-only, so an older one of that name is replaced. */
async function ensureRegistryAuth(tenant: Rest, registry: Registry): Promise<string | undefined> {
  if (registry.login === undefined) return undefined;
  const { username, password } = registry.login;
  const server = registry.repository.split('/')[0] ?? '';
  const names = new Set<string>();
  await tenant.find<Named>('/registry-auths', ({ name }) => (names.add(name), false));
  let name = 'quickstart';
  for (let number = 2; names.has(name); number += 1) name = `quickstart-${number}`;
  return (await tenant.send<Named>('POST', '/registry-auths', { name, type: 'basic', server, username, password })).id;
}

/** Everything that a build needs, made on the first run and found on later ones. */
export interface Objects {
  readonly tenantId: string;
  readonly projectId: string;
  readonly providerId: string;
}

/** Tenant, provider with its grant, credential and project, over REST like any user would. */
export async function ensureObjects(admin: Rest, target: PreparedTarget): Promise<Objects> {
  const tenantId = await ensure(admin, '/admin/tenants', 'quickstart', {});
  const providers = '/admin/infrastructure/providers';
  const update =
    target.infrastructureType === 'local'
      ? undefined
      : { config: target.provider['config'], allow_privileged: target.provider['allow_privileged'] };
  const providerId = await ensure(admin, providers, target.providerName, target.provider, update);
  try {
    await admin.send('POST', `${providers}/${providerId}/permissions`, { tenant_id: tenantId });
  } catch (error) {
    if (!(error instanceof Refused && error.status === 409)) throw error;
  }
  const tenant = admin.forTenant(tenantId);
  const { registry } = target;
  const registryAuthId = registry === undefined ? undefined : await ensureRegistryAuth(tenant, registry);
  const project = {
    git_repository_url: target.gitUrl,
    ...(registry === undefined ? {} : { registry_repo: registry.repository }),
    ...(registryAuthId === undefined ? {} : { registry_auth_id: registryAuthId }),
  };
  const name = target.infrastructureType === 'local' ? EXAMPLE : `${EXAMPLE}-on-${target.providerName}`;
  const projectId = await ensure(tenant, '/projects', name, project, project);
  return { tenantId, projectId, providerId };
}

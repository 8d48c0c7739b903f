import { Inject, Injectable } from '@nestjs/common';
import { invalidInput, type Issue } from '@image-factory/domain';
import { PostgresCredentials } from '@image-factory/persistence';
import { TenantUrls } from '../http/tenant-urls.js';
import { refuseIssues } from '../http/validation/validate-request.js';
import type { ChangeProjectRequest } from './project.request.js';

/** Rules of a project that need more than its own text: allowed addresses, credentials of the same tenant. */
@Injectable()
export class CheckProject {
  constructor(
    @Inject(TenantUrls) private readonly urls: TenantUrls,
    @Inject(PostgresCredentials) private readonly credentials: PostgresCredentials,
  ) {}

  /** @throws DomainError InvalidInput UrlForbidden or ValidationFailed with every issue */
  async check(tenantId: string, request: ChangeProjectRequest): Promise<void> {
    const [git, registry, registryAuth, repositoryAuth] = await Promise.all([
      this.urls.gitRefusal(request.git_repository_url),
      this.urls.registryRefusal(request.registry_repo),
      this.credentialIssue('registry', tenantId, request.registry_auth_id),
      this.credentialIssue('repository', tenantId, request.repository_auth_id),
    ]);
    const forbidden: Issue[] = [];
    if (git !== undefined) forbidden.push({ path: 'git_repository_url', message: git });
    if (registry !== undefined) forbidden.push({ path: 'registry_repo', message: registry });
    const others = [registryAuth, repositoryAuth].filter((issue) => issue !== undefined);
    if (forbidden.length > 0 && others.length === 0) {
      throw invalidInput('UrlForbidden', `${forbidden[0]?.path} ${forbidden[0]?.message}`, forbidden);
    }
    refuseIssues([...forbidden, ...others]);
  }

  private async credentialIssue(
    kind: 'registry' | 'repository',
    tenantId: string,
    id: string | null | undefined,
  ): Promise<Issue | undefined> {
    if (id === undefined || id === null || (await this.credentials.exists(kind, tenantId, id))) return undefined;
    return { path: `${kind}_auth_id`, message: `names no ${kind} auth of this tenant` };
  }
}

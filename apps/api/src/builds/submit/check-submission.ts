import { Inject, Injectable } from '@nestjs/common';
import {
  BUILD_METHOD_TABLE,
  BUILD_METHODS,
  type BuildConfig,
  type BuildMethod,
  DomainError,
} from '@image-factory/domain';
import type { NewBuild, Project } from '@image-factory/persistence';
import { API_SETTINGS, type ApiSettings } from '../../config/api-settings.js';
import { TenantUrls } from '../../http/tenant-urls.js';
import { validateRequest } from '../../http/validation/validate-request.js';
import { buildConfigIssues, givenConfig } from './build-config-issues.js';
import { infrastructureIssues, requirementIssues } from './infrastructure-issues.js';
import { placementRequestOf } from '../../placements/placement-request.js';
import { resourcesOf } from './requirements-issues.js';
import { type SubmissionFacts, SubmissionFactsReader } from './submission-facts.js';
import { type SubmissionIssue, submissionIssue } from './submission-issue.js';
import { SubmitBuildRequest } from './submit-build.request.js';
import { buildClocks } from './build-clocks.js';
import { tenantLimitIssues } from './tenant-limit-issues.js';

/** A submission after all rules: ready to be stored, or everything that is wrong with it. */
export type CheckedSubmission =
  | {
      readonly kind: 'ready';
      readonly build: Omit<NewBuild, 'createdBy' | 'traceparent' | 'retryOf'>;
      readonly facts: SubmissionFacts;
    }
  | { readonly kind: 'refused'; readonly issues: readonly SubmissionIssue[] };

/** Applies every rule to a submission and collects every issue; stores nothing. */
@Injectable()
export class CheckSubmission {
  constructor(
    @Inject(SubmissionFactsReader) private readonly factsReader: SubmissionFactsReader,
    @Inject(TenantUrls) private readonly urls: TenantUrls,
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
  ) {}

  /** @throws DomainError NotAllowed TenantDisabled */
  async check(tenantId: string, body: unknown): Promise<CheckedSubmission> {
    const { request, issues: fieldIssues } = validateRequest(SubmitBuildRequest, body);
    const facts = await this.factsReader.read(tenantId, request.project_id);
    if (!facts.tenant.enabled) throw tenantDisabled();
    const issues = [
      ...fieldIssues.map((issue) => submissionIssue(issue.path, 'ValidationFailed', issue.message)),
      ...buildConfigIssues(request.build_method, request.build_config),
      ...tenantLimitIssues(request, facts.tenant, this.settings.clocks),
      ...this.infrastructureIssues(request, facts),
      ...(await this.projectIssues(request, facts.project)),
    ];
    const unique = dropRepeats(issues);
    if (unique.length > 0 || facts.project === undefined) return { kind: 'refused', issues: unique };
    const build = this.toNewBuild(request, facts, facts.project, body);
    const unsatisfiable = requirementIssues(placementRequestOf(build), facts);
    return unsatisfiable.length > 0 ? { kind: 'refused', issues: unsatisfiable } : { kind: 'ready', build, facts };
  }

  private infrastructureTypeOf(request: SubmitBuildRequest): 'kubernetes' | 'local' {
    return request.infrastructure_type ?? (this.settings.tektonEnabled ? 'kubernetes' : 'local');
  }

  private infrastructureIssues(request: SubmitBuildRequest, facts: SubmissionFacts): SubmissionIssue[] {
    const infrastructureType = this.infrastructureTypeOf(request);
    if (infrastructureType !== 'kubernetes' && infrastructureType !== 'local') return [];
    const providerId = request.infrastructure_provider_id?.toString().toLowerCase();
    return infrastructureIssues({ infrastructureType, providerId }, facts, this.settings.tektonEnabled);
  }

  private async projectIssues(request: SubmitBuildRequest, project: Project | undefined): Promise<SubmissionIssue[]> {
    const repository = request.build_config?.metadata?.registry_repo || project?.registryRepo;
    const [git, registry, cache] = await Promise.all([
      this.urls.gitRefusal(project?.gitRepositoryUrl),
      this.urls.registryRefusal(repository),
      this.urls.registryRefusal(request.build_config?.cache_repo),
    ]);
    const issues: SubmissionIssue[] = [];
    if (git !== undefined)
      issues.push(submissionIssue('project_id', 'UrlForbidden', `has a git_repository_url that ${git}`));
    if (registry !== undefined)
      issues.push(submissionIssue('build_config.metadata.registry_repo', 'UrlForbidden', registry));
    if (cache !== undefined) issues.push(submissionIssue('build_config.cache_repo', 'UrlForbidden', cache));
    if (project === undefined) {
      issues.push(submissionIssue('project_id', 'ValidationFailed', 'names no project of this tenant'));
    }
    const isLocal = this.infrastructureTypeOf(request) === 'local';
    return [...issues, ...destinationIssues(request, project, repository, isLocal)];
  }

  private toNewBuild(
    request: SubmitBuildRequest,
    facts: SubmissionFacts,
    project: Project,
    body: unknown,
  ): Extract<CheckedSubmission, { kind: 'ready' }>['build'] {
    const { tenant } = facts;
    const config = mergedConfig(request.build_method, givenConfig(request.build_config), project);
    return {
      tenantId: tenant.id,
      projectId: project.id,
      buildMethod: request.build_method,
      infrastructureType: this.infrastructureTypeOf(request),
      requestedProviderId: request.infrastructure_provider_id?.toLowerCase(),
      priority: request.priority ?? 0,
      resources: resourcesOf(request.requirements, tenant, project),
      concurrency:
        request.concurrency === undefined
          ? undefined
          : { key: request.concurrency.key, policy: request.concurrency.policy ?? 'queue' },
      notBefore: request.not_before === undefined ? undefined : new Date(request.not_before),
      ...buildClocks(request, project, tenant, this.settings.clocks),
      maxQueuedBuilds: tenant.maxQueuedBuilds,
      gitBranch: request.git_branch ?? project.gitBranch,
      gitCommit: request.git_commit?.toLowerCase(),
      tags: request.tags ?? [],
      imageRepository: BUILD_METHOD_TABLE[request.build_method].makesImage
        ? (config.metadata?.registry_repo ?? project.registryRepo)
        : undefined,
      config,
      gitRepositoryUrl: project.gitRepositoryUrl,
      registryAuthId: project.registryAuthId,
      repositoryAuthId: project.repositoryAuthId,
      request: body as Record<string, unknown>,
    };
  }
}

/** An image needs a destination, except on a host that keeps it itself; what makes none has no tags. */
function destinationIssues(
  request: SubmitBuildRequest,
  project: Project | undefined,
  repository: string | undefined,
  isLocal: boolean,
): SubmissionIssue[] {
  if (project === undefined || !BUILD_METHODS.includes(request.build_method)) return [];
  const { makesImage } = BUILD_METHOD_TABLE[request.build_method];
  if (makesImage && repository === undefined && !isLocal) {
    return [
      submissionIssue(
        'build_config.metadata.registry_repo',
        'BuildConfigInvalid',
        'is required: the project has no registry_repo',
      ),
    ];
  }
  if (!makesImage && (request.tags?.length ?? 0) > 0) {
    return [submissionIssue('tags', 'BuildConfigInvalid', `must be absent: ${request.build_method} pushes no image`)];
  }
  return [];
}

/** The project's defaults stand where the build says nothing and its method has the field. */
function mergedConfig(method: BuildMethod, config: BuildConfig, project: Project): BuildConfig {
  const { allowed } = BUILD_METHOD_TABLE[method];
  return {
    ...(allowed.includes('dockerfile_path') ? { dockerfile_path: project.dockerfilePath } : {}),
    ...(allowed.includes('build_context') ? { build_context: project.buildContext } : {}),
    ...config,
  };
}

function dropRepeats(issues: readonly SubmissionIssue[]): SubmissionIssue[] {
  const paths = new Set<string>();
  return issues.filter((issue) => {
    const key = `${issue.path}\n${issue.message}`;
    return paths.has(key) ? false : paths.add(key);
  });
}

function tenantDisabled(): DomainError {
  return new DomainError({
    kind: 'NotAllowed',
    reason: 'TenantDisabled',
    message: 'this tenant is disabled; it can read, but not submit',
  });
}

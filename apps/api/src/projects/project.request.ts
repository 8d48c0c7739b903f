import { contextPath, displayName, gitRef, gitRepositoryUrl, imageRepository } from '@image-factory/domain';
import type { ProjectChange } from '@image-factory/persistence';
import { IdField, IntegerField, TextField } from '../http/validation/fields.js';

/** Fields that a new project and a change have alike. */
class ProjectFields {
  @TextField(gitRef, { optional: true, description: 'Branch when a build names none; main when absent' })
  readonly git_branch?: string;

  @TextField(contextPath, { optional: true, description: 'Path in the context; Dockerfile when absent' })
  readonly dockerfile_path?: string;

  @TextField(contextPath, { optional: true, description: 'Directory in the repository; . when absent' })
  readonly build_context?: string;

  @TextField(imageRepository, {
    optional: true,
    nullable: true,
    description: 'Where images go when a build names no repository',
    example: 'registry.example/team/app',
  })
  readonly registry_repo?: string | null;

  @IdField({ optional: true, nullable: true, description: 'Credential for the registry' })
  readonly registry_auth_id?: string | null;

  @IdField({ optional: true, nullable: true, description: 'Credential for the git repository' })
  readonly repository_auth_id?: string | null;

  @IntegerField(1, 10_080, { optional: true, description: 'Run limit of a build that names none; 30 when absent' })
  readonly build_timeout_minutes?: number;

  @IntegerField(1, 10_080, {
    optional: true,
    nullable: true,
    description: "Highest queue limit of its builds; the tenant's when null",
  })
  readonly queue_timeout_minutes?: number | null;

  @IntegerField(1, 1440, {
    optional: true,
    nullable: true,
    description: "Highest start limit of its builds; the tenant's when null",
  })
  readonly start_limit_minutes?: number | null;
  @IntegerField(1, 1_000_000, {
    optional: true,
    nullable: true,
    description: 'Builds of it that run at once; null, or absent: as many as the tenant may',
  })
  readonly max_concurrent_builds?: number | null;
}

export class CreateProjectRequest extends ProjectFields {
  @TextField(displayName, { description: 'Unique in the tenant' })
  readonly name!: string;

  @TextField(gitRepositoryUrl, { description: 'https, http or ssh', example: 'https://git.example/team/app.git' })
  readonly git_repository_url!: string;
}

export class ChangeProjectRequest extends ProjectFields {
  @TextField(displayName, { optional: true, description: 'Unique in the tenant' })
  readonly name?: string;

  @TextField(gitRepositoryUrl, { optional: true, description: 'https, http or ssh' })
  readonly git_repository_url?: string;
}

export function toProjectChange(request: ChangeProjectRequest): ProjectChange {
  return {
    name: request.name,
    gitRepositoryUrl: request.git_repository_url,
    gitBranch: request.git_branch,
    dockerfilePath: request.dockerfile_path,
    buildContext: request.build_context,
    registryRepo: request.registry_repo,
    registryAuthId: request.registry_auth_id,
    repositoryAuthId: request.repository_auth_id,
    buildTimeoutMinutes: request.build_timeout_minutes,
    queueTimeoutMinutes: request.queue_timeout_minutes,
    startLimitMinutes: request.start_limit_minutes,
    maxConcurrentBuilds: request.max_concurrent_builds,
  };
}

import { memoryText } from '@image-factory/domain';
import type { Project } from '@image-factory/persistence';
import { orNull, Shown, ShownAs } from '../http/response/shown.js';

/** What builds succeeded with after they had run out of it; builds that ask for nothing request it. */
export class LearnedResources {
  @Shown('text', { nullable: true, example: '4Gi' }) readonly memory!: string | null;
  @Shown('text', { nullable: true, example: '8Gi' }) readonly ephemeral_storage!: string | null;
  @Shown('text', { nullable: true, example: '2Gi' }) readonly workspace_size!: string | null;
}

export class ProjectResponse {
  @Shown('id') readonly id!: string;
  @Shown('text') readonly name!: string;
  @Shown('text') readonly git_repository_url!: string;
  @Shown('text') readonly git_branch!: string;
  @Shown('text') readonly dockerfile_path!: string;
  @Shown('text') readonly build_context!: string;
  @Shown('text', { nullable: true }) readonly registry_repo!: string | null;
  @Shown('id', { nullable: true }) readonly registry_auth_id!: string | null;
  @Shown('id', { nullable: true }) readonly repository_auth_id!: string | null;
  @Shown('integer') readonly build_timeout_minutes!: number;
  @Shown('integer', { nullable: true }) readonly queue_timeout_minutes!: number | null;
  @Shown('integer', { nullable: true }) readonly start_limit_minutes!: number | null;
  @Shown('integer', { nullable: true }) readonly max_concurrent_builds!: number | null;
  @ShownAs(() => LearnedResources) readonly learned!: LearnedResources;
  @Shown('time') readonly created_at!: string;
  @Shown('time') readonly updated_at!: string;
}

export function toProjectResponse(project: Project): ProjectResponse {
  return {
    id: project.id,
    name: project.name,
    git_repository_url: project.gitRepositoryUrl,
    git_branch: project.gitBranch,
    dockerfile_path: project.dockerfilePath,
    build_context: project.buildContext,
    registry_repo: orNull(project.registryRepo),
    registry_auth_id: orNull(project.registryAuthId),
    repository_auth_id: orNull(project.repositoryAuthId),
    build_timeout_minutes: project.buildTimeoutMinutes,
    queue_timeout_minutes: orNull(project.queueTimeoutMinutes),
    start_limit_minutes: orNull(project.startLimitMinutes),
    max_concurrent_builds: orNull(project.maxConcurrentBuilds),
    learned: toLearned(project),
    created_at: project.createdAt.toISOString(),
    updated_at: project.updatedAt.toISOString(),
  };
}

function toLearned(project: Project): LearnedResources {
  const text = (bytes: number | undefined): string | null => (bytes === undefined ? null : memoryText(bytes));
  return {
    memory: text(project.learnedMemoryBytes),
    ephemeral_storage: text(project.learnedEphemeralStorageBytes),
    workspace_size: text(project.learnedWorkspaceBytes),
  };
}

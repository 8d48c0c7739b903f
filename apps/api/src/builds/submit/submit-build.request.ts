import {
  argumentName,
  argumentValue,
  BUILD_METHODS,
  buildTarget,
  CONCURRENCY_POLICIES,
  concurrencyKey,
  contextPath,
  type Grammar,
  gitCommit,
  gitRef,
  imageRepository,
  imageTag,
  INFRASTRUCTURE_TYPES,
  type BuildMethod,
  type ConcurrencyPolicy,
  type InfrastructureType,
  platform,
} from '@image-factory/domain';
import {
  ChoiceField,
  IdField,
  IntegerField,
  ListField,
  MapField,
  NestedField,
  TextField,
  TimeField,
} from '../../http/validation/fields.js';
import { RequirementsRequest } from './requirements.request.js';

/** An empty text stands for "not given". */
const orEmpty =
  (grammar: Grammar): Grammar =>
  (text) =>
    text === '' ? undefined : grammar(text);

export class BuildMetadataRequest {
  @TextField(orEmpty(imageRepository), {
    optional: true,
    description: "Where the image goes; the project's `registry_repo` when absent",
    example: 'registry.example/team/app',
  })
  readonly registry_repo?: string;
}

export class BuildConfigRequest {
  @TextField(orEmpty(contextPath), { optional: true, description: "Path in the context; the project's when absent" })
  readonly dockerfile_path?: string;

  @TextField(orEmpty(contextPath), {
    optional: true,
    description: "Directory in the repository; the project's when absent",
  })
  readonly build_context?: string;

  @TextField(orEmpty(buildTarget), { optional: true, description: 'Stage to build' })
  readonly target?: string;

  @MapField(argumentName, argumentValue, 100, { optional: true, description: 'Build arguments' })
  readonly build_args?: Record<string, string>;

  @ListField(platform, 10, { optional: true, description: 'Platforms (buildx)', example: ['linux/amd64'] })
  readonly platforms?: string[];

  @TextField(orEmpty(imageRepository), { optional: true, description: 'Repository for the build cache' })
  readonly cache_repo?: string;

  @NestedField(() => BuildMetadataRequest, { optional: true, description: 'Where the image goes' })
  readonly metadata?: BuildMetadataRequest;

  @TextField(orEmpty(contextPath), { optional: true, description: 'Path of the template in the context (packer)' })
  readonly packer_template?: string;

  @MapField(argumentName, argumentValue, 100, { optional: true, description: 'Variables (packer)' })
  readonly variables?: Record<string, string>;
}

export class ConcurrencyRequest {
  @TextField(concurrencyKey, {
    description: 'Names the builds that exclude each other in the project',
    example: 'main',
  })
  readonly key!: string;

  @ChoiceField(CONCURRENCY_POLICIES, {
    optional: true,
    description:
      'To the other builds of the key: `queue` (when absent) waits, `cancel_queued` cancels those that wait, ' +
      '`cancel_running` those that run too, `reject` answers 409 while there is one',
    example: 'queue',
  })
  readonly policy?: ConcurrencyPolicy;
}

/** What a build is, but for its project. */
export class BuildFields {
  @ChoiceField(BUILD_METHODS, { description: 'How the image is made' })
  readonly build_method!: BuildMethod;

  @TextField(gitRef, {
    optional: true,
    description: "Branch or tag; the project's branch when absent",
    example: 'main',
  })
  readonly git_branch?: string;

  @TextField(gitCommit, { optional: true, description: 'Exact commit: 40 or 64 hex digits' })
  readonly git_commit?: string;

  @ListField(imageTag, 20, { optional: true, description: 'Tags of the image; `build-<build_number>` when absent' })
  readonly tags?: string[];

  @ChoiceField(INFRASTRUCTURE_TYPES, {
    optional: true,
    description: 'kubernetes when it is enabled, else local, when absent',
  })
  readonly infrastructure_type?: InfrastructureType;

  @IdField({ optional: true, description: 'This provider and no other' })
  readonly infrastructure_provider_id?: string;

  @IntegerField(0, 1000, { optional: true, description: "0 to the tenant's max_priority; larger is sooner" })
  readonly priority?: number;

  @TimeField({ optional: true, description: 'Not to be started before this time' })
  readonly not_before?: string;

  @IntegerField(1, 10_080, { optional: true, description: "Limit of the run clock; the project's when absent" })
  readonly build_timeout_minutes?: number;

  @IntegerField(1, 10_080, {
    optional: true,
    description: "Limit of the queue clock, never above the project's; that or the tenant's when absent",
  })
  readonly queue_timeout_minutes?: number;

  @IntegerField(1, 1440, {
    optional: true,
    description: "Limit of the start clock, per task, never above the project's; that or the tenant's when absent",
  })
  readonly start_limit_minutes?: number;

  @NestedField(() => RequirementsRequest, { optional: true, description: 'What the build takes of its place' })
  readonly requirements?: RequirementsRequest;

  @NestedField(() => ConcurrencyRequest, { optional: true, description: 'Builds of one key run one at a time' })
  readonly concurrency?: ConcurrencyRequest;

  @NestedField(() => BuildConfigRequest, { optional: true, description: 'Fields by method; others are refused' })
  readonly build_config?: BuildConfigRequest;
}

/** Body of `POST /builds` and of `POST /builds/validate`. */
export class SubmitBuildRequest extends BuildFields {
  @IdField({ description: 'Project to build' })
  readonly project_id!: string;
}

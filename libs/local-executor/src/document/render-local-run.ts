import { createHash } from 'node:crypto';
import {
  argumentName,
  argumentValue,
  attemptTag,
  buildTarget,
  contextPath,
  gitCommit,
  gitRef,
  gitRepositoryUrl,
  imageRepository,
  invalidInput,
  pipelineRunName,
  platform,
  type Grammar,
  type Issue,
  type Place,
  type RenderContext,
  type RenderedDocument,
} from '@image-factory/domain';
import type { ImageBuildSpec, LocalRun, PackerBuildSpec } from './local-run.js';

/**
 * Renders the document of a local attempt: pure, without secrets. Every string that a tenant typed is checked against
 * its grammar again, so that none can be taken for an option or leave the checked-out repository.
 * @throws DomainError InvalidInput BuildConfigInvalid with every issue
 */
export function renderLocalRun(context: RenderContext, place: Place): RenderedDocument {
  const issues = findIssues(context);
  if (issues.length > 0)
    throw invalidInput('BuildConfigInvalid', 'The build cannot run on this host as configured.', issues);
  const run: LocalRun = {
    apiVersion: 'image-factory.io/v1',
    kind: 'LocalRun',
    metadata: {
      name: pipelineRunName(context),
      installation: context.installationId,
      tenant: context.tenantId,
      project: context.projectId,
      build: context.buildId,
      execution: context.executionId,
      attempt: context.attempt,
      shard: context.shard,
      ...(context.traceparent === undefined ? {} : { traceparent: context.traceparent }),
    },
    spec: {
      hostId: place.clusterUid,
      clone: {
        url: context.gitRepositoryUrl,
        revision: context.gitRevision,
        hasCredential: context.hasGitCredential,
      },
      build: context.buildMethod === 'packer' ? packerSpec(context) : imageSpec(context, context.buildMethod),
      timeoutSeconds: context.pipelineTimeoutSeconds,
    },
  };
  const document = JSON.stringify(run, undefined, 2);
  return { document, hash: createHash('sha256').update(document).digest('hex'), name: run.metadata.name };
}

function imageSpec(context: RenderContext, method: ImageBuildSpec['method']): ImageBuildSpec {
  const { config } = context;
  return {
    method,
    context: config.build_context ?? '.',
    dockerfile: config.dockerfile_path ?? 'Dockerfile',
    ...(config.target === undefined || config.target === '' ? {} : { target: config.target }),
    buildArguments: pairs(config.build_args),
    platforms: config.platforms ?? [],
    ...(config.cache_repo === undefined || config.cache_repo === '' ? {} : { cacheRepository: config.cache_repo }),
    ...(context.imageRepository === undefined ? {} : { image: `${context.imageRepository}:${attemptTag(context)}` }),
    insecureRegistry: context.insecureRegistry,
  };
}

function packerSpec(context: RenderContext): PackerBuildSpec {
  return {
    method: 'packer',
    context: context.config.build_context ?? '.',
    template: context.config.packer_template ?? '',
    variables: pairs(context.config.variables),
  };
}

function pairs(values: Readonly<Record<string, string>> | undefined): string[] {
  return Object.entries(values ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
}

function findIssues(context: RenderContext): Issue[] {
  const { config } = context;
  const issues: Issue[] = [];
  const check = (path: string, grammar: Grammar, value: string | undefined): void => {
    const message = value === undefined || value === '' ? undefined : grammar(value);
    if (message !== undefined) issues.push({ path, message });
  };
  check('git_repository_url', gitRepositoryUrl, context.gitRepositoryUrl);
  if (gitCommit(context.gitRevision) !== undefined) {
    const message = gitRef(context.gitRevision);
    if (message !== undefined) issues.push({ path: 'git_branch', message });
  }
  check('image_repository', imageRepository, context.imageRepository);
  check('build_config.build_context', contextPath, config.build_context);
  check('build_config.dockerfile_path', contextPath, config.dockerfile_path);
  check('build_config.packer_template', contextPath, config.packer_template);
  check('build_config.target', buildTarget, config.target);
  check('build_config.cache_repo', imageRepository, config.cache_repo);
  for (const [index, text] of (config.platforms ?? []).entries())
    check(`build_config.platforms[${index}]`, platform, text);
  for (const field of ['build_args', 'variables'] as const) {
    for (const [name, value] of Object.entries(config[field] ?? {})) {
      check(`build_config.${field}.${name}`, argumentName, name);
      check(`build_config.${field}.${name}`, argumentValue, value);
    }
  }
  if (context.buildMethod === 'packer' && (config.packer_template ?? '') === '') {
    issues.push({ path: 'build_config.packer_template', message: 'is required for packer' });
  }
  return issues;
}

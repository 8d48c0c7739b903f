import type { ImageBuildSpec } from '../document/local-run.js';
import type { BuildPlan, Command } from './command.js';
import { temporaryFile, type PlanInput } from './plan-input.js';

/**
 * The docker client with its daemon. Whether a registry may speak plain HTTP is the daemon's own configuration. Several
 * platforms or a cache need buildx with a driver that can do them.
 */
export function planDocker(build: ImageBuildSpec, input: PlanInput): BuildPlan {
  const { builder, paths } = input;
  const tag = build.image ?? `image-factory/local:${input.runName}`;
  const run = (args: readonly string[], outputFile?: string): Command => ({
    file: builder.path,
    args,
    cwd: paths.context,
    environment: { BUILDX_NO_DEFAULT_ATTESTATIONS: '1', BUILDKIT_PROGRESS: 'plain' },
    ...(outputFile === undefined ? {} : { outputFile }),
  });
  const options = [
    ...['--file', paths.recipe, '--tag', tag],
    ...(build.platforms.length === 0 ? [] : ['--platform', build.platforms.join(',')]),
    ...(build.target === undefined ? [] : ['--target', build.target]),
    ...build.buildArguments.flatMap((argument) => ['--build-arg', argument]),
  ];
  if (needsBuildx(build)) return planBuildx(build, input, run, options);
  const remove = run(['image', 'rm', '--force', tag]);
  const first = { task: 'build', step: 'build', commands: [run(['build', ...options, paths.context])] } as const;
  if (build.image === undefined) {
    const archive = temporaryFile(input, 'image.tar');
    const save = run(['image', 'save', '--output', archive, tag]);
    const extract: Command = { file: '/usr/bin/tar', args: ['-xf', archive, '-C', input.layout], cwd: input.temporary };
    return {
      steps: [first, { task: 'build', step: 'push', commands: [save, extract] }],
      digest: { kind: 'oci-layout', directory: input.layout },
      tidy: [remove],
    };
  }
  const digests = temporaryFile(input, 'digests');
  const inspect = run(['image', 'inspect', '--format', '{{range .RepoDigests}}{{println .}}{{end}}', tag], digests);
  const repository = tag.slice(0, tag.lastIndexOf(':'));
  return {
    steps: [first, { task: 'build', step: 'push', commands: [run(['push', tag]), inspect] }],
    digest: { kind: 'repository-digests', file: digests, repository },
    tidy: [remove],
  };
}

/** What the daemon's own builder cannot do: buildx then builds and pushes in one step. */
export function needsBuildx(build: ImageBuildSpec): boolean {
  return build.platforms.length > 1 || build.cacheRepository !== undefined;
}

function planBuildx(
  build: ImageBuildSpec,
  input: PlanInput,
  run: (args: readonly string[]) => Command,
  options: readonly string[],
): BuildPlan {
  const metadata = temporaryFile(input, 'metadata.json');
  const cache = build.cacheRepository;
  const args = [
    ...['buildx', 'build', ...options, '--metadata-file', metadata],
    ...(cache === undefined ? [] : ['--cache-from', `type=registry,ref=${cache}`]),
    ...(cache === undefined ? [] : ['--cache-to', `type=registry,ref=${cache},mode=max`]),
    ...['--output', build.image === undefined ? `type=oci,tar=false,dest=${input.layout}` : 'type=registry'],
  ];
  return {
    steps: [{ task: 'build', step: 'build', commands: [run([...args, input.paths.context])] }],
    digest:
      build.image === undefined
        ? { kind: 'oci-layout', directory: input.layout }
        : { kind: 'buildkit-metadata', file: metadata },
    tidy: [],
  };
}

import { basename, dirname } from 'node:path';
import type { ImageBuildSpec } from '../document/local-run.js';
import type { BuildPlan } from './command.js';
import { temporaryFile, type PlanInput } from './plan-input.js';

/** BuildKit's own client with the daemon that `BUILDKIT_HOST` (or its default socket) names: one command does all. */
export function planBuildctl(build: ImageBuildSpec, input: PlanInput): BuildPlan {
  const { builder, paths } = input;
  const metadata = temporaryFile(input, 'metadata.json');
  const insecure = build.insecureRegistry ? ',registry.insecure=true' : '';
  const cache = build.cacheRepository;
  const args = [
    ...['build', '--progress', 'plain', '--frontend', 'dockerfile.v0'],
    ...['--local', `context=${paths.context}`, '--local', `dockerfile=${dirname(paths.recipe)}`],
    ...['--opt', `filename=${basename(paths.recipe)}`],
    ...(build.target === undefined ? [] : ['--opt', `target=${build.target}`]),
    ...(build.platforms.length === 0 ? [] : ['--opt', `platform=${build.platforms.join(',')}`]),
    ...build.buildArguments.flatMap((argument) => ['--opt', `build-arg:${argument}`]),
    ...(cache === undefined ? [] : ['--import-cache', `type=registry,ref=${cache}${insecure}`]),
    ...(cache === undefined ? [] : ['--export-cache', `type=registry,ref=${cache},mode=max${insecure}`]),
    ...['--metadata-file', metadata, '--output'],
    build.image === undefined
      ? `type=oci,tar=false,dest=${input.layout}`
      : `type=image,name=${build.image},push=true${insecure}`,
  ];
  return {
    steps: [{ task: 'build', step: 'build', commands: [{ file: builder.path, args, cwd: paths.context }] }],
    digest:
      build.image === undefined
        ? { kind: 'oci-layout', directory: input.layout }
        : { kind: 'buildkit-metadata', file: metadata },
    tidy: [],
  };
}

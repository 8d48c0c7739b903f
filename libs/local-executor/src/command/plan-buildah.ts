import { join } from 'node:path';
import type { ImageBuildSpec } from '../document/local-run.js';
import type { BuildPlan, Command } from './command.js';
import { temporaryFile, type PlanInput } from './plan-input.js';

/**
 * buildah, and podman with the same options. Storage is the run's own and goes with it. chroot isolation needs neither
 * namespaces nor a runtime; the storage driver was probed when the builder was found.
 */
export function planBuildah(build: ImageBuildSpec, input: PlanInput): BuildPlan {
  const { builder, storage, paths } = input;
  const isManifestList = build.platforms.length > 1;
  const local = build.image ?? `localhost/image-factory:${input.runName}`;
  const destination = build.image === undefined ? `oci:${input.layout}` : `docker://${build.image}`;
  const digestFile = temporaryFile(input, 'digest');
  const base = [
    ...[
      '--root',
      join(storage, 'root'),
      '--runroot',
      builder.kind === 'podman' ? input.shortDirectory : join(storage, 'run'),
    ],
    ...['--storage-driver', builder.storageDriver ?? 'vfs'],
  ];
  const run = (args: readonly string[]): Command => ({
    file: builder.path,
    args: [...base, ...args],
    cwd: paths.context,
  });
  const options = [
    ...['--isolation', 'chroot', '--file', paths.recipe],
    ...(build.platforms.length === 0 ? [] : ['--platform', build.platforms.join(',')]),
    ...(isManifestList ? ['--manifest', local] : ['--tag', local]),
    ...(build.target === undefined ? [] : ['--target', build.target]),
    ...build.buildArguments.flatMap((argument) => ['--build-arg', argument]),
    ...(build.cacheRepository === undefined
      ? []
      : ['--layers', '--cache-from', build.cacheRepository, '--cache-to', build.cacheRepository]),
  ];
  const push = isManifestList ? ['manifest', 'push', '--all'] : ['push'];
  return {
    steps: [
      { task: 'build', step: 'build', commands: [run(['build', ...options, '--', paths.context])] },
      { task: 'build', step: 'push', commands: [run([...push, '--digestfile', digestFile, local, destination])] },
    ],
    digest:
      build.image === undefined ? { kind: 'oci-layout', directory: input.layout } : { kind: 'text', file: digestFile },
    tidy: [],
  };
}

import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { BuildPaths } from '../command/plan-input.js';
import type { ImageBuildSpec, PackerBuildSpec } from '../document/local-run.js';
import type { Ending } from '../workspace/run-state.js';

/** Finds the build's files in the checked-out repository. A link may point anywhere, so the paths are followed first. */
export async function verifyPaths(
  source: string,
  build: ImageBuildSpec | PackerBuildSpec,
): Promise<BuildPaths | Ending> {
  const recipe = build.method === 'packer' ? build.template : build.dockerfile;
  const root = await realpath(source);
  const context = await insideDirectory(root, join(root, build.context));
  if (context === undefined || !(await stat(context)).isDirectory()) {
    return missing(`The build context "${build.context}" is not a directory of the repository.`);
  }
  const file = await insideDirectory(root, join(context, recipe));
  if (file === undefined || !(await stat(file)).isFile()) {
    return missing(`"${recipe}" is not a file in the build context "${build.context}" of the repository.`);
  }
  return { context, recipe: file };
}

/** The real path, when it is there and inside `root` (itself a real path) after links are followed. */
export async function insideDirectory(root: string, path: string): Promise<string | undefined> {
  const real = await realpath(path).catch(() => undefined);
  return real === root || real?.startsWith(root + sep) === true ? real : undefined;
}

function missing(message: string): Ending {
  return { kind: 'refused', reason: 'DockerfileNotFound', message, fault: 'user' };
}

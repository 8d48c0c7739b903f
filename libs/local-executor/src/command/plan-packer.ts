import { join } from 'node:path';
import type { PackerBuildSpec } from '../document/local-run.js';
import type { BuildPlan, Command } from './command.js';
import type { PlanInput } from './plan-input.js';

/** Packer, with plugins and caches in the run's own directory. HCL templates are initialised first. */
export function planPacker(build: PackerBuildSpec, input: PlanInput): BuildPlan {
  const run = (args: readonly string[]): Command => ({
    file: input.builder.path,
    args,
    cwd: input.paths.context,
    environment: {
      CHECKPOINT_DISABLE: '1',
      PACKER_NO_COLOR: '1',
      PACKER_CACHE_DIR: join(input.temporary, 'packer-cache'),
      PACKER_CONFIG_DIR: input.home,
      PACKER_PLUGIN_PATH: join(input.home, 'packer-plugins'),
    },
  });
  const variables = build.variables.flatMap((variable) => ['-var', variable]);
  const initialise = build.template.endsWith('.pkr.hcl') ? [run(['init', input.paths.recipe])] : [];
  const commands = [...initialise, run(['build', '-color=false', ...variables, input.paths.recipe])];
  return { steps: [{ task: 'build', step: 'build', commands }], digest: undefined, tidy: [] };
}

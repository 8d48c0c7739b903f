import type { ImageBuildSpec, PackerBuildSpec } from '../document/local-run.js';
import { planBuildah } from './plan-buildah.js';
import { planBuildctl } from './plan-buildctl.js';
import { planDocker } from './plan-docker.js';
import { planPacker } from './plan-packer.js';
import type { BuildPlan } from './command.js';
import type { PlanInput } from './plan-input.js';

/** Turns what is to be built into the builder's commands: pure. */
export function planBuild(build: ImageBuildSpec | PackerBuildSpec, input: PlanInput): BuildPlan {
  if (build.method === 'packer') return planPacker(build, input);
  switch (input.builder.kind) {
    case 'buildah':
    case 'podman':
      return planBuildah(build, input);
    case 'docker':
      return planDocker(build, input);
    case 'buildctl':
      return planBuildctl(build, input);
    case 'packer':
      throw new Error('packer builds no Dockerfile');
  }
}

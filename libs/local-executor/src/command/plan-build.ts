import { join } from 'node:path';
import type { FoundBuilder } from '../builder/builder.js';
import type { ImageBuildSpec, PackerBuildSpec } from '../document/local-run.js';
import { planBuildah } from './plan-buildah.js';
import { planBuildctl } from './plan-buildctl.js';
import { planDocker } from './plan-docker.js';
import { planPacker } from './plan-packer.js';
import type { BuildPlan } from './command.js';

/** Absolute paths of one build: verified to exist, and to be inside the repository after links are followed. */
export interface BuildPaths {
  readonly context: string;
  /** Dockerfile, or Packer template. */
  readonly recipe: string;
}

/** What a plan is a function of. */
export interface PlanInput {
  readonly builder: FoundBuilder;
  readonly paths: BuildPaths;
  /** Name of the run; names what is made outside its directory. */
  readonly runName: string;
  readonly home: string;
  readonly storage: string;
  readonly temporary: string;
  /** Directory of the OCI layout to write when no image is pushed. */
  readonly layout: string;
}

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

/** File below the run's temporary directory. */
export function temporaryFile(input: PlanInput, name: string): string {
  return join(input.temporary, name);
}

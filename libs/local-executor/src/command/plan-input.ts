import { join } from 'node:path';
import type { FoundBuilder } from '../builder/builder.js';

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
  /** For a builder's small run-time files: podman takes no path of more than 50 characters for them. */
  readonly shortDirectory: string;
  readonly temporary: string;
  /** Directory of the OCI layout to write when no image is pushed. */
  readonly layout: string;
}

/** File below the run's temporary directory. */
export function temporaryFile(input: PlanInput, name: string): string {
  return join(input.temporary, name);
}

/** Programs that build images here, in the order of preference for Dockerfiles; packer stands for itself. */
export const BUILDER_KINDS = ['buildah', 'docker', 'podman', 'buildctl', 'packer'] as const;
export type BuilderKind = (typeof BUILDER_KINDS)[number];

/** A builder that works on this host. */
export interface FoundBuilder {
  readonly kind: BuilderKind;
  /** Absolute. */
  readonly path: string;
  readonly version: string;
  /** For buildah and podman: `overlay` where it can be mounted, else `vfs`. */
  readonly storageDriver?: 'overlay' | 'vfs';
}

/** A program that is there and cannot be used, and why. */
export interface UnusableBuilder {
  readonly kind: BuilderKind;
  readonly path: string;
  readonly problem: string;
}

/** What this host can build with. */
export interface FoundBuilders {
  /** In the order of preference. */
  readonly builders: readonly FoundBuilder[];
  readonly unusable: readonly UnusableBuilder[];
  readonly git: { readonly path: string; readonly version: string } | undefined;
  /** The one command that installs what is missing for Dockerfiles; undefined when nothing is. */
  readonly installCommand: string | undefined;
}

/** The builder for a method among those found; undefined when there is none. */
export function builderFor(method: string, found: FoundBuilders): FoundBuilder | undefined {
  return found.builders.find((builder) => (builder.kind === 'packer') === (method === 'packer'));
}

/** How an image is made. */
export const BUILD_METHODS = ['docker', 'buildx', 'kaniko', 'packer'] as const;
export type BuildMethod = (typeof BUILD_METHODS)[number];

/** Where a build runs: a cluster's Tekton, or the dispatcher's own host. */
export const INFRASTRUCTURE_TYPES = ['kubernetes', 'local'] as const;
export type InfrastructureType = (typeof INFRASTRUCTURE_TYPES)[number];

/** The configuration of one build's method: one row of `build_configs`. */
export interface BuildConfig {
  readonly dockerfile_path?: string;
  readonly build_context?: string;
  readonly target?: string;
  readonly build_args?: Readonly<Record<string, string>>;
  readonly platforms?: readonly string[];
  readonly cache_repo?: string;
  readonly metadata?: Readonly<{ registry_repo?: string }>;
  readonly packer_template?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

export type BuildConfigField = keyof BuildConfig;

export interface BuildMethodDefinition {
  /** The Tekton Task that the `build` pipeline task refers to by name. */
  readonly taskName: string;
  /** True when the method pushes an OCI image; then a destination repository is required. */
  readonly makesImage: boolean;
  readonly required: readonly BuildConfigField[];
  /** Every field that the method uses; any other is an error, not ignored. */
  readonly allowed: readonly BuildConfigField[];
}

const DOCKERFILE_FIELDS = [
  'dockerfile_path',
  'build_context',
  'target',
  'build_args',
  'cache_repo',
  'metadata',
] as const;

/** The one table of methods: which Task runs, what it needs, what it takes. */
export const BUILD_METHOD_TABLE: Readonly<Record<BuildMethod, BuildMethodDefinition>> = {
  docker: { taskName: 'docker-build', makesImage: true, required: [], allowed: DOCKERFILE_FIELDS },
  buildx: { taskName: 'buildx', makesImage: true, required: [], allowed: [...DOCKERFILE_FIELDS, 'platforms'] },
  kaniko: { taskName: 'kaniko', makesImage: true, required: [], allowed: DOCKERFILE_FIELDS },
  packer: {
    taskName: 'packer',
    makesImage: false,
    required: ['packer_template'],
    allowed: ['packer_template', 'build_context', 'variables'],
  },
};

/** Names of the five Tasks that a tenant namespace needs. */
export const TASK_NAMES = ['git-clone', 'docker-build', 'buildx', 'kaniko', 'packer'] as const;
export type TaskName = (typeof TASK_NAMES)[number];

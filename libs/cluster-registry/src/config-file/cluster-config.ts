import type { ProviderType } from '@image-factory/domain';

/** What is wrong at one place of a configuration file. Lines and columns count from 1. */
export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  /** As in `kubernetes.clusters[2].auth.method`; empty for the document. */
  readonly path: string;
  readonly message: string;
}

/** A file that a cluster's credential is read from. */
export interface CredentialFile {
  /** Its field in the provider's config, as in `token_path`. */
  readonly field: string;
  readonly path: string;
}

/** One entry of `kubernetes.clusters`, as a provider. */
export interface DeclaredCluster {
  readonly name: string;
  readonly type: ProviderType;
  /** By product.md's names of provider config. Secrets are never in it: files are named by path. */
  readonly config: Readonly<Record<string, string>>;
  readonly region: string | undefined;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** 0 means no limit; undefined leaves it to admins. */
  readonly maxConcurrentBuilds: number | undefined;
  readonly isDefault: boolean;
  /**
   * Set when the cloud has to be asked for endpoint and CA before the cluster can be reached: the config with which it is,
   * that of the cloud's own method and this process's own identity.
   */
  readonly describe: Readonly<Record<string, string>> | undefined;
  readonly files: readonly CredentialFile[];
  /** Line of its `name`. */
  readonly line: number;
}

/** Numbers that the file may set; undefined leaves them to the environment. All in milliseconds but `maxClients`. */
export interface DeclaredSettings {
  readonly maxIdleMs: number | undefined;
  readonly maxClients: number | undefined;
  readonly healthIntervalMs: number | undefined;
  readonly healthTimeoutMs: number | undefined;
}

/** A whole configuration file, understood. */
export interface ClusterConfig {
  readonly settings: DeclaredSettings;
  readonly clusters: readonly DeclaredCluster[];
}

/** Either all of the file, or every problem of it in the order of its lines. */
export type ParsedClusterConfig =
  | { readonly kind: 'valid'; readonly config: ClusterConfig }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] };

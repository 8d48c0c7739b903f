import type { ProviderSource, ProviderType } from '@image-factory/domain';

/** A cluster of the configuration file, as the provider row that it becomes. */
export interface DeclaredProvider {
  /** Stable: a function of the name, so that every process makes the same row. */
  readonly id: string;
  readonly name: string;
  readonly type: ProviderType;
  /** By product.md's names; no secret is in it, files are named by path. */
  readonly config: Readonly<Record<string, string>>;
  /**
   * Set where endpoint and CA are asked for in its cloud: the config that it is asked by, without secrets. Those that the
   * row has stay while it is the same.
   */
  readonly describe: Readonly<Record<string, string>> | undefined;
  readonly region: string | undefined;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined: the row's own stays, which admins set. */
  readonly maxConcurrentBuilds: number | undefined;
  readonly isDefault: boolean;
  /** Line of the file. */
  readonly line: number;
}

/** A whole file that is right. */
export interface FileToApply {
  readonly path: string;
  /** Of its content. */
  readonly hash: string;
  /** Which process applies it. */
  readonly by: string;
  /** The content has changed under a process that had read another one: somebody means it, also when it is an old one. */
  readonly isEdit: boolean;
  /** When the content in force was held last, as `apply` said it: it may give way when it has not been held since. */
  readonly unheldSince?: string;
  readonly providers: readonly DeclaredProvider[];
  readonly settings: Readonly<Record<string, number | undefined>>;
}

/** A cluster of the file whose name a provider of another source has: the row is never replaced. */
export interface RefusedName {
  readonly name: string;
  readonly line: number;
  readonly source: ProviderSource;
  readonly providerId: string;
}

/** What applying a file has changed, by names. */
export interface AppliedFile {
  readonly kind: 'applied';
  readonly created: readonly string[];
  readonly changed: readonly string[];
  readonly retired: readonly string[];
  readonly refused: readonly RefusedName[];
}

/** The content is an old one: another one is in force, and may not give way to it. */
export interface StaleFile {
  readonly kind: 'stale';
  /** When a live process held the content in force last, as text that is only compared. */
  readonly heldAt: string;
}

/** A cluster of the file as its row has it, for those who look after it. */
export interface DeclaredRow {
  readonly id: string;
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  /** As in {@link DeclaredProvider}. */
  readonly describe: Readonly<Record<string, string>> | undefined;
}

/** A file that is wrong, or cannot be read. */
export interface FileToReject {
  readonly path: string;
  readonly hash: string;
  readonly by: string;
  readonly problems: readonly FileProblem[];
}

export interface FileProblem {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** The configuration file as the installation knows it: what is in force, and what was rejected after that. */
export interface ConfigFileState {
  readonly path: string;
  /** Undefined: none was ever applied. */
  readonly hash: string | undefined;
  readonly settings: Readonly<Record<string, number>>;
  readonly refused: readonly RefusedName[];
  readonly appliedAt: Date | undefined;
  readonly appliedBy: string | undefined;
  /** Set while the newest content is wrong and the one before it stays in force. */
  readonly rejection:
    | {
        readonly hash: string;
        readonly at: Date;
        readonly by: string;
        readonly problems: readonly FileProblem[];
      }
    | undefined;
  /** Set while a process has started with a content that another one has taken the place of, and has not changed it. */
  readonly stale: { readonly hash: string; readonly at: Date; readonly by: string } | undefined;
}

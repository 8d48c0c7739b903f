import { invalidInput, type BuildMethod } from '@image-factory/domain';

/**
 * The document that a local attempt is created from: stored with its placement, written to the run's directory byte for
 * byte, read by the supervisor. It says what is to be built, not with which builder: that is the host's own choice.
 */
export interface LocalRun {
  readonly apiVersion: 'image-factory.io/v1';
  readonly kind: 'LocalRun';
  readonly metadata: {
    readonly name: string;
    readonly installation: string;
    readonly tenant: string;
    readonly project: string;
    readonly build: string;
    readonly execution: string;
    readonly attempt: number;
    readonly shard: number;
    readonly traceparent?: string;
  };
  readonly spec: {
    readonly hostId: string;
    readonly clone: CloneSpec;
    readonly build: ImageBuildSpec | PackerBuildSpec;
    /** The supervisor's own limit, a backstop behind the dispatcher's clocks (rule 17). */
    readonly timeoutSeconds: number;
  };
}

export interface CloneSpec {
  readonly url: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  readonly hasCredential: boolean;
}

export interface ImageBuildSpec {
  readonly method: Exclude<BuildMethod, 'packer'>;
  /** Relative to the repository. */
  readonly context: string;
  /** Relative to the context. */
  readonly dockerfile: string;
  readonly target?: string;
  /** `NAME=value` each, in the order of their names. */
  readonly buildArguments: readonly string[];
  readonly platforms: readonly string[];
  readonly cacheRepository?: string;
  /** `repository:attempt-tag` to push to; undefined: an OCI layout on the host is written instead. */
  readonly image?: string;
  /** The image's registry speaks plain HTTP. */
  readonly insecureRegistry: boolean;
}

export interface PackerBuildSpec {
  readonly method: 'packer';
  readonly context: string;
  /** Relative to the context. */
  readonly template: string;
  /** `NAME=value` each. */
  readonly variables: readonly string[];
}

/**
 * Reads a stored document. Its content was verified when it was rendered; here only the form is checked.
 * @throws DomainError InvalidInput BuildConfigInvalid
 */
export function parseLocalRun(document: string): LocalRun {
  let parsed: unknown;
  try {
    parsed = JSON.parse(document);
  } catch {
    parsed = undefined;
  }
  const run = parsed as LocalRun | undefined;
  if (run?.kind !== 'LocalRun' || run.apiVersion !== 'image-factory.io/v1' || typeof run.metadata.name !== 'string') {
    throw invalidInput('BuildConfigInvalid', 'The stored document is not a LocalRun of this version.');
  }
  return run;
}

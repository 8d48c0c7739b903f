import type { FoundBuilder } from '../builder/builder.js';
import type { BuilderEnvironment } from '../command/child-environment.js';
import type { PinnedHost } from '../command/clone-commands.js';

/**
 * What the supervisor is told on its standard input, once: beside the stored document all that it needs, the opened
 * credentials included, so that none of them is ever in a file before it is needed, in an argument or in the environment.
 */
export interface SupervisorOrder {
  readonly uid: string;
  readonly git: string;
  readonly builder: FoundBuilder;
  readonly path: string;
  readonly environment: BuilderEnvironment;
  readonly pinnedGitHost: PinnedHost | undefined;
  /** `host[:port]`s that speak plain HTTP. */
  readonly insecureRegistries: readonly string[];
  /** Where the OCI layout goes when no image is pushed. */
  readonly layout: string;
  /** Exists once the attempt's credentials were removed: then nothing may start any more (rule 3). */
  readonly closedMark: string;
  readonly stopGraceMs: number;
  readonly logLimitBytes: number;
  readonly credentials: OrderCredentials;
}

/** Credentials in clear: this object lives in two processes' memory and in the pipe between them. */
export interface OrderCredentials {
  readonly dockerConfigJson: string | undefined;
  readonly git:
    | { readonly type: 'token' | 'basic'; readonly host: string; readonly username: string; readonly password: string }
    | { readonly type: 'ssh_key'; readonly privateKey: string; readonly knownHosts: string }
    | undefined;
}

import { mkdir } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DomainError, invalidInput, type Clock } from '@image-factory/domain';
import type { EgressPolicy } from '@image-factory/egress';
import type { Logger } from '@image-factory/telemetry';
import type { BuilderEnvironment } from '../command/child-environment.js';
import { isErrno } from '../workspace/write-atomically.js';

export interface LocalExecutorOptions {
  /** Absolute directory for runs (`if-…`) and artifacts; one per host, shared by every dispatcher on it. */
  readonly workspaceDir: string;
  /** Stable over restarts; an execution belongs to it. */
  readonly hostId: string;
  readonly hostName: string;
  readonly egress: EgressPolicy;
  readonly logger: Logger;
  readonly clock: Clock;
  /** `PATH` in which builders are looked for and which they get. */
  readonly path: string;
  /** What of the process's environment a builder may see. */
  readonly builderEnvironment?: BuilderEnvironment;
  /** `host[:port]`s that speak plain HTTP. */
  readonly insecureRegistries?: readonly string[];
  /** Milliseconds between TERM and KILL; 10 s by default. */
  readonly stopGraceMs?: number;
  /** Milliseconds between two looks at logs and states; 200 by default. */
  readonly pollMs?: number;
  /** Bytes of a step's log beyond which the build is stopped; 4 GiB by default. */
  readonly logLimitBytes?: number;
  /** Milliseconds for which the image of a build that pushes nowhere is kept; thirty days by default. */
  readonly artifactKeepMs?: number;
  /** Arguments of node before the run's directory: the built supervisor by default; tests run its source. */
  readonly supervisorArguments?: readonly string[];
}

/** The options with their defaults. */
export type LocalExecutorSettings = Required<LocalExecutorOptions>;

const GIBIBYTE = 1024 ** 3;
const DAY_MS = 86_400_000;

/** Relative to this file as it was built, and to its source when that runs instead. */
const BUILT_SUPERVISOR = import.meta.url.endsWith('.ts') ? '../../dist/supervisor.js' : '../supervisor.js';

/** @throws DomainError InvalidInput with every issue */
export function resolveLocalExecutorOptions(options: LocalExecutorOptions): LocalExecutorSettings {
  const issues = [];
  // Builders take this path inside comma- and colon-separated options.
  if (
    !isAbsolute(options.workspaceDir) ||
    /[^A-Za-z0-9._/@+-]/.test(options.workspaceDir) ||
    options.workspaceDir.endsWith('/')
  ) {
    issues.push({ path: 'workspaceDir', message: 'must be an absolute path of letters, digits and . _ - + @ /' });
  }
  if (options.hostId === '') issues.push({ path: 'hostId', message: 'must not be empty' });
  if ((options.stopGraceMs ?? 0) < 0) issues.push({ path: 'stopGraceMs', message: 'must not be negative' });
  if (issues.length > 0)
    throw invalidInput('ValidationFailed', 'The local executor cannot work as configured.', issues);
  return {
    builderEnvironment: {},
    insecureRegistries: [],
    stopGraceMs: 10_000,
    pollMs: 200,
    logLimitBytes: 4 * GIBIBYTE,
    artifactKeepMs: 30 * DAY_MS,
    supervisorArguments: [fileURLToPath(new URL(BUILT_SUPERVISOR, import.meta.url))],
    ...options,
  };
}

/**
 * Makes sure of the workspace directory.
 * @throws DomainError Unavailable HostDiskFull or ProcessFailed
 */
export async function ensureWorkspace(workspaceDir: string): Promise<void> {
  try {
    await mkdir(workspaceDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    const full = isErrno(error, 'ENOSPC', 'EDQUOT');
    throw new DomainError({
      kind: 'Unavailable',
      reason: full ? 'HostDiskFull' : 'ProcessFailed',
      message: `The workspace directory ${workspaceDir} cannot be made: ${full ? 'the disk is full' : 'check its permissions'}.`,
      retryable: true,
      cause: error,
    });
  }
}

import type { CheckDeclared } from './check-declared.js';
import type { ConfigFileSync } from './config-file-sync.js';
import type { Discovery } from './run-discovery.js';

export interface ClusterSourcesParts {
  /** Undefined: no file is configured. */
  readonly file: { readonly sync: ConfigFileSync; readonly check: CheckDeclared } | undefined;
  readonly discovery: Discovery;
  /** True for one dispatcher per interval. */
  readonly claimCheck: (intervalMs: number, hash: string) => Promise<boolean>;
}

/** How often credential files are looked at, by one of all dispatchers. */
const CHECK_MS = 30_000;

/** Where providers come from beside the API: the configuration file and discovery. */
export class ClusterSources {
  constructor(private readonly parts: ClusterSourcesParts) {}

  /** @throws DomainError InvalidInput when the file is wrong and none was ever applied */
  async start(): Promise<void> {
    await this.parts.file?.sync.start();
  }

  /** One look at the file. Nothing but the database is waited for. @returns 1 when it was applied */
  async syncFile(): Promise<number> {
    return (await this.parts.file?.sync.syncOnce()) === 'applied' ? 1 : 0;
  }

  /** A look at the file's clusters when it is this dispatcher's turn. @returns how many were looked at */
  async checkDeclared(): Promise<number> {
    const { file, claimCheck } = this.parts;
    const applied = file?.sync.applied;
    if (file === undefined || applied === undefined || !(await claimCheck(CHECK_MS, applied.hash))) return 0;
    return file.check.runOnce(applied.config.clusters);
  }

  /** A run of discovery, when one is due and no other dispatcher has it. @returns how many clusters were listed */
  async discover(dispatcherId: string): Promise<number> {
    return this.parts.discovery.runOnce(dispatcherId);
  }

  /** The newest content of the file is wrong, and an older one stays in force. */
  get isRejected(): boolean {
    return this.parts.file?.sync.isRejected === true;
  }

  /** This process has an old content of the file, which it started with and does not use. */
  get isStale(): boolean {
    return this.parts.file?.sync.isStale === true;
  }

  close(): void {
    this.parts.file?.sync.close();
  }
}

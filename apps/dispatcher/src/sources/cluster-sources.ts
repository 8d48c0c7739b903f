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

  /** One look at the file, and at its clusters when it is this dispatcher's turn. @returns how much was done */
  async syncFile(): Promise<number> {
    const { file, claimCheck } = this.parts;
    if (file === undefined) return 0;
    const outcome = await file.sync.syncOnce();
    if (outcome === 'applied') file.check.forget();
    const { applied } = file.sync;
    if (applied === undefined || !(await claimCheck(CHECK_MS, applied.hash))) return outcome === 'applied' ? 1 : 0;
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

  close(): void {
    this.parts.file?.sync.close();
  }
}

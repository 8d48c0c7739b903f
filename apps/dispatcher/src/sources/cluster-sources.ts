import type { CheckDeclared } from './check-declared.js';
import type { ConfigFileSync } from './config-file-sync.js';
import type { EnvironmentCluster } from './environment-cluster.js';
import type { Discovery } from './run-discovery.js';

export interface ClusterSourcesParts {
  /** Undefined: no file is configured. */
  readonly file: ConfigFileSync | undefined;
  readonly check: CheckDeclared;
  readonly environment: EnvironmentCluster;
  readonly discovery: Discovery;
  /** True for one dispatcher per interval, of those that hold the content in force while there are any. */
  readonly claimCheck: (intervalMs: number, hash: string | undefined) => Promise<boolean>;
}

/** How often credential files are looked at, by one of all dispatchers. */
const CHECK_MS = 30_000;

/** Where providers come from beside the API: the environment, the configuration file and discovery. */
export class ClusterSources {
  constructor(private readonly parts: ClusterSourcesParts) {}

  /** @throws DomainError InvalidInput when the file is wrong and none was ever applied */
  async start(): Promise<void> {
    await this.parts.environment.start();
    await this.parts.file?.start();
  }

  /** One look at the file and the environment. Nothing but the database is waited for. @returns how much has changed */
  async syncDeclared(): Promise<number> {
    const changed = await this.parts.environment.lookOnce();
    return (await this.parts.file?.syncOnce()) === 'applied' ? changed + 1 : changed;
  }

  /** A look at the file's clusters when it is this dispatcher's turn. @returns how many were looked at */
  async checkDeclared(): Promise<number> {
    const { file, check, claimCheck } = this.parts;
    await check.disableRetired();
    return (await claimCheck(CHECK_MS, file?.applied?.hash)) ? check.runOnce() : 0;
  }

  /** A run of discovery, when one is due and no other dispatcher has it. @returns how many clusters were listed */
  async discover(dispatcherId: string): Promise<number> {
    return this.parts.discovery.runOnce(dispatcherId);
  }

  /** The newest content of the file is wrong, and an older one stays in force. */
  get isRejected(): boolean {
    return this.parts.file?.isRejected === true;
  }

  /** This process has an old content of the file, which it started with and does not use. */
  get isStale(): boolean {
    return this.parts.file?.isStale === true;
  }

  close(): void {
    this.parts.file?.close();
  }
}

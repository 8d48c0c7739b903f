/** Leases of about a second make a death cheap: many of them fit into a minute. */
export const LEASE_MS = 1_600;

/** A create that is not answered for so long is given up, and the build goes elsewhere. */
export const PLACEMENT_BUDGET_MS = 5_000;

/** A log that is not read to its end so long after the outcome is sealed with a gap. */
export const SEAL_LIMIT_MS = 30_000;

/** What a dispatcher process of the suite is started with. */
export interface ChaosDispatcherConfig {
  /** Of the process; each start has its own. */
  readonly name: string;
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly encryptionKeys: string;
  /** `127.0.0.1:port` of the image registry. */
  readonly registry: string;
}

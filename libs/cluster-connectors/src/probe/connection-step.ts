import type { Reason } from '@image-factory/domain';

/** At the cloud of a cluster, before it is known where the cluster is: who we are, where it is, the token for it. */
export const CLOUD_STEPS = ['identity', 'describe', 'token'] as const;
/** On the way to the cluster and in it. */
export const CLUSTER_STEPS = ['resolve', 'tcp', 'tls', 'authenticate', 'version', 'permissions'] as const;
/** All of them, in their order. */
export const CONNECTION_STEPS = [...CLOUD_STEPS, ...CLUSTER_STEPS] as const;
export type ConnectionStepName = (typeof CONNECTION_STEPS)[number];

/** One step of a connection test, as the API shows it. */
export interface ConnectionStep {
  readonly name: ConnectionStepName;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly reason?: Reason;
  readonly message?: string;
  /** What to do about it, when it failed. */
  readonly fix?: string;
  /** What was seen: addresses, the peer's certificate, the user name, the version, missing permissions. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly duration_ms: number;
}

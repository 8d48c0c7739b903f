import type { Reason } from '@image-factory/domain';

export const CONNECTION_STEPS = ['resolve', 'tcp', 'tls', 'authenticate', 'version', 'permissions'] as const;
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

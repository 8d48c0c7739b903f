import type { ClusterConnection, RequestClass } from '@image-factory/cluster-connectors';
import type { Clock, MayWrite } from '@image-factory/domain';
import type { Logger } from '@image-factory/telemetry';
import { checkInstallation } from './check-installation.js';
import type { InstallationNonce } from './check-installation.js';

/** A cluster that knows this database is asked again after this long. */
const RECHECK_MS = 15 * 60_000;
const CHECK_TIMEOUT_MS = 15_000;

/** Where the nonces of rule 1 are kept. */
export interface InstallationGuardOptions {
  readonly installationId: string;
  /** Without it the cluster's record is neither kept nor checked. */
  readonly nonceOf: ((providerId: string) => Promise<InstallationNonce | undefined>) | undefined;
  /** Rolls the nonce when it is still `current` and its last roll is long enough ago; undefined: it did not. */
  readonly rollNonce: ((providerId: string, current: string) => Promise<InstallationNonce | undefined>) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The write that waits for the proof. */
export interface GuardedWrite {
  readonly requestClass: RequestClass;
  /** Whether this process may write at all: the proof is shared by all that wait for it. */
  readonly mayWrite: MayWrite;
}

/**
 * Stands before every write to a cluster (rule 1): each connection of this process proves once, and again from time to
 * time, that the cluster knows this database.
 *
 * A nonce is rolled only after it was seen on the cluster: first in the database, then there. A process that dies
 * between the two leaves the previous one behind, which is accepted and replaced by the next check. A copy of the
 * database that rolls, or that is restored from before a roll, is told apart from then on.
 */
export class InstallationGuard {
  readonly #known = new WeakMap<ClusterConnection, number>();
  /** By the class of what waits: none waits behind another's queue. */
  readonly #checking = new WeakMap<ClusterConnection, Map<RequestClass, Promise<void>>>();

  constructor(private readonly options: InstallationGuardOptions) {}

  /** @throws DomainError NotAllowed ForeignInstallation, or what kept the record from being read or written */
  async ensureKnown(providerId: string, connection: ClusterConnection, asker: GuardedWrite): Promise<void> {
    const { requestClass } = asker;
    const { nonceOf, clock } = this.options;
    if (nonceOf === undefined) return;
    const knownAtMs = this.#known.get(connection);
    if (knownAtMs !== undefined && clock.monotonicMs() - knownAtMs < RECHECK_MS) return;
    const underWay = this.#checking.get(connection) ?? new Map<RequestClass, Promise<void>>();
    this.#checking.set(connection, underWay);
    let checking = underWay.get(requestClass);
    if (checking === undefined) {
      checking = this.#check(providerId, connection, asker, () => nonceOf(providerId)).finally(() =>
        underWay.delete(requestClass),
      );
      underWay.set(requestClass, checking);
    }
    await checking;
  }

  async #check(
    providerId: string,
    connection: ClusterConnection,
    asker: GuardedWrite,
    nonceNow: () => Promise<InstallationNonce | undefined>,
  ): Promise<void> {
    const { installationId, rollNonce, clock, logger } = this.options;
    const nonce = await nonceNow();
    if (nonce === undefined) return;
    const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
    const request = { connection, ...asker, installationId, providerId, nonceNow, signal };
    if ((await checkInstallation({ ...request, nonce })) === 'current') {
      const rolled = await rollNonce?.(providerId, nonce.current);
      if (rolled !== undefined) {
        await checkInstallation({ ...request, nonce: rolled });
        logger.info('The nonce of a cluster was rolled.', { provider: providerId });
      }
    }
    this.#known.set(connection, clock.monotonicMs());
  }
}

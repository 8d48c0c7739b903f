import type { BuildStatus, ExecutionState } from '@image-factory/domain';
import type { Queryable } from '../database/transaction.js';
import { hasLease, isJudgedTime } from '../lease/judged-time.js';
import { measureUnswept, type UnsweptProvider } from './measure-unswept.js';

/** A dispatcher whose lease has not ended, and where it makes no progress. */
export interface LiveDispatcher {
  readonly id: string;
  readonly host: string;
  /** Providers that its own probe has failed to reach. */
  readonly unreachableProviders: readonly string[];
  /** Providers that answer it and whose watch proves nothing to it. */
  readonly silentProviders: readonly string[];
  /** Milliseconds since the slowest watch of each provider that it follows has proved anything. */
  readonly watchAgesMs: Readonly<Record<string, number>>;
}

/** An object of ours that was found on a cluster, by its labels. */
export interface FoundOwnership {
  readonly executionId: string;
  readonly buildId: string | undefined;
}

/** How the attempt of an object that was found on a cluster stands in the database. */
export interface RunOwner {
  readonly executionId: string;
  readonly hasBuild: boolean;
  /** Undefined: there is no such attempt. */
  readonly state: ExecutionState | undefined;
  /** Where the attempt was placed; undefined before it was. */
  readonly clusterUid: string | undefined;
  readonly namespace: string | undefined;
  readonly swept: boolean;
}

interface RunOwnerRow {
  readonly id: string;
  readonly has_build: boolean;
  readonly state: ExecutionState | null;
  readonly cluster_uid: string | null;
  readonly namespace: string | null;
  readonly swept: boolean;
}

export interface BuildEnd {
  readonly buildId: string;
  readonly status: BuildStatus;
  readonly parked: boolean;
}

/** The nonce by which a cluster knows this database; the one before it is accepted there too. */
export interface InstallationNonceRow {
  readonly current: string;
  readonly previous: string | undefined;
}

interface NonceRow {
  readonly nonce: string;
  readonly previous_nonce: string | null;
}

interface LiveRow {
  id: string;
  host: string;
  unreachable_providers: string[];
  silent_providers: string[] | null;
  watch_ages_ms: Record<string, number> | null;
}

/**
 * Reads by which a dispatcher finds claims that it does not know (correctness rule 2), and by which dispatchers agree
 * on what is lost (rule 7) and compare what runs on clusters with its rows. No read locks.
 */
export class PostgresOwnership {
  constructor(private readonly database: Queryable) {}

  /**
   * @param judgedAt for whoever ends something because of who lives: nobody is named when the database's time is not this
   * now. Index: dispatchers has a handful of rows; a sequential scan.
   */
  async liveDispatchers(judgedAt?: Date): Promise<LiveDispatcher[]> {
    const rows = await this.database.query<LiveRow>(
      `SELECT id, host, unreachable_providers, metrics -> 'silent_providers' AS silent_providers,
              metrics -> 'watch_ages_ms' AS watch_ages_ms FROM dispatchers d
        WHERE state = 'running' AND ${hasLease('d')} AND ($1::timestamptz IS NULL OR ${isJudgedTime('$1')})
        ORDER BY id`,
      [judgedAt ?? null],
    );
    return rows.map((row) => ({
      id: row.id,
      host: row.host,
      unreachableProviders: row.unreachable_providers,
      silentProviders: row.silent_providers ?? [],
      watchAgesMs: row.watch_ages_ms ?? {},
    }));
  }

  /** Executions that this dispatcher has claimed and not placed. Index: build_executions_placing. */
  async claimsOf(dispatcherId: string): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM build_executions WHERE owner = $1 AND provider_id IS NULL AND finished_at IS NULL`,
      [dispatcherId],
    );
    return rows.map((row) => row.id);
  }

  /**
   * Finished executions whose runs were found on a cluster after all: they are swept again by their shard's owner.
   * Index: build_executions' key, then cluster_shards' key. Locks: the rows changed.
   */
  async reopenSweep(dispatcherId: string, executionIds: readonly string[]): Promise<number> {
    const rows = await this.database.query<{ id: string }>(
      `UPDATE build_executions e SET swept_at = NULL, credentials_removed_at = NULL
        WHERE e.id = ANY ($2::uuid[]) AND e.swept_at IS NOT NULL
          AND EXISTS (SELECT 1 FROM cluster_shards s
                       WHERE s.provider_id = e.provider_id AND s.host = e.host AND s.shard = e.shard AND s.owner = $1)
       RETURNING e.id`,
      [dispatcherId, executionIds],
    );
    return rows.length;
  }

  /** Providers with something left on them. Index: build_executions_shard, by its leading column. */
  async providersWithUnsweptExecutions(): Promise<ReadonlySet<string>> {
    const rows = await this.database.query<{ provider_id: string }>(
      `SELECT DISTINCT provider_id FROM build_executions
        WHERE provider_id IS NOT NULL AND swept_at IS NULL`,
    );
    return new Set(rows.map((row) => row.provider_id));
  }

  /** Marks the providers on which too many finished runs, not counting those of the last `keptMs`, wait for the sweep. @returns those that changed */
  measureUnswept(cap: number, keptMs: number): Promise<UnsweptProvider[]> {
    return measureUnswept(this.database, cap, keptMs);
  }

  /** Rows behind objects that were found on a cluster. Index: build_executions' and builds' key. */
  async ownersOfRuns(found: readonly FoundOwnership[]): Promise<RunOwner[]> {
    const rows = await this.database.query<RunOwnerRow>(
      `SELECT f.id, b.id IS NOT NULL AS has_build, e.state, e.cluster_uid, e.namespace, e.swept_at IS NOT NULL AS swept
         FROM unnest($1::uuid[], $2::uuid[]) AS f (id, build_id)
         LEFT JOIN build_executions e ON e.id = f.id
         LEFT JOIN builds b ON b.id = coalesce(e.build_id, f.build_id)`,
      [found.map(({ executionId }) => executionId), found.map(({ buildId }) => buildId ?? null)],
    );
    return rows.map((row) => ({
      executionId: row.id,
      hasBuild: row.has_build,
      state: row.state ?? undefined,
      clusterUid: row.cluster_uid ?? undefined,
      namespace: row.namespace ?? undefined,
      swept: row.swept,
    }));
  }

  /** How builds stand, for a dispatcher that follows what it claimed to the end. Index: builds' key. */
  async buildEnds(buildIds: readonly string[]): Promise<BuildEnd[]> {
    const rows = await this.database.query<{ id: string; status: BuildStatus; parked: boolean }>(
      'SELECT id, status, parked IS NOT NULL AS parked FROM builds WHERE id = ANY ($1::uuid[])',
      [buildIds],
    );
    return rows.map((row) => ({ buildId: row.id, status: row.status, parked: row.parked }));
  }

  /** The nonce by which a provider's cluster knows this database (correctness rule 1). Index: providers' key. */
  async nonceOf(providerId: string): Promise<InstallationNonceRow | undefined> {
    const [row] = await this.database.query<NonceRow>('SELECT nonce, previous_nonce FROM providers WHERE id = $1', [
      providerId,
    ]);
    return row === undefined ? undefined : toNonce(row);
  }

  /**
   * Rolls that nonce when it is still `current` and was not rolled for an hour; undefined: it was not rolled. Its caller
   * has just seen `current` on the cluster, so the one kept as previous is what stands there. Index: providers' key.
   * Locks: the provider.
   */
  async rollNonce(providerId: string, current: string): Promise<InstallationNonceRow | undefined> {
    const [row] = await this.database.query<NonceRow>(
      `UPDATE providers SET previous_nonce = nonce, nonce = gen_random_uuid(), nonce_rolled_at = now()
        WHERE id = $1 AND nonce = $2::uuid AND nonce_rolled_at < now() - interval '1 hour'
       RETURNING nonce, previous_nonce`,
      [providerId, current],
    );
    return row === undefined ? undefined : toNonce(row);
  }
}

function toNonce(row: NonceRow): InstallationNonceRow {
  return { current: row.nonce, previous: row.previous_nonce ?? undefined };
}

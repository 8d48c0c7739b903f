import type { Queryable } from '../database/transaction.js';
import { shardColumns, type ShardLease } from './shard-lease.js';
import {
  DISTRUST,
  FIND_UNCOMPARED,
  LOOK_AT_DATABASE,
  MARK_COMPARED,
  TRUST_COMPARED,
  TRUST_FIRST,
} from './trust-statements.js';

/** Which database answers: a change of any part disturbs whoever judges by its time (correctness rules 4 and 20). */
export interface DatabaseIdentity {
  /**
   * `<system identifier>/<timeline>`: another one after a failover to a standby, or over a copy of it elsewhere. Where the
   * role may read neither, it is another one after each restart of the server.
   */
  readonly identity: string;
  readonly startedAt: string;
  /** True when it is the one that the clusters were compared with: only then may builds be claimed. */
  readonly isTrusted: boolean;
  /** Trusted because no database was before: nobody has compared anything with it. */
  readonly isFirst: boolean;
}

interface IdentityRow {
  readonly identity: string;
  readonly trusted: string | null;
  readonly started: string;
}

/**
 * Whether the database may be believed about what runs on the clusters (correctness rule 4). An asynchronous failover, or
 * a restored copy, has lost commits: a build that it calls queued may be running. It is another database then than the
 * one whose identity stands in the installation's row, which every process sees, also one that has just started. Claims
 * wait until the owners of all shards have compared their clusters with it; whoever finds that done trusts it.
 */
export class PostgresDatabaseTrust {
  constructor(private readonly database: Queryable) {}

  /** The first look of an installation trusts what it finds. */
  async look(): Promise<DatabaseIdentity> {
    const [row] = await this.database.query<IdentityRow>(LOOK_AT_DATABASE);
    if (row === undefined) throw new Error('the installation always has one row');
    if (row.trusted === null) await this.database.query(TRUST_FIRST, [row.identity]);
    return {
      identity: row.identity,
      startedAt: row.started,
      isTrusted: row.trusted === null || row.trusted === row.identity,
      isFirst: row.trusted === null,
    };
  }

  /** Another database answered before this one, which its own row does not know of: a fail-back to an older primary. */
  async distrust(identity: string): Promise<void> {
    await this.database.query(DISTRUST, [identity]);
  }

  /** What is on these shards was compared with the rows; a shard that was lost meanwhile does not count. */
  async markCompared(identity: string, leases: readonly ShardLease[]): Promise<void> {
    await this.database.query(MARK_COMPARED, [...shardColumns(leases), identity]);
  }

  /** Tokens of the shards held that were not compared with this database: what is on them may be newer than its rows. */
  async findUncompared(identity: string, dispatcherId: string): Promise<ReadonlySet<string>> {
    const rows = await this.database.query<{ token: string }>(FIND_UNCOMPARED, [dispatcherId, identity]);
    return new Set(rows.map(({ token }) => token));
  }

  /** True when nothing was left to compare, on providers other than the lost ones, and claims go on. */
  async trustCompared(identity: string, lostProviderIds: readonly string[]): Promise<boolean> {
    return (await this.database.query(TRUST_COMPARED, [identity, [...lostProviderIds]])).length > 0;
  }
}

/**
 * True when `found` is a later timeline of the same cluster of databases as `known`: its row says who compared what with
 * it. False when a part of either could not be read.
 */
export function isLaterTimeline(known: string, found: string): boolean {
  const [knownSystem, knownTimeline = ''] = known.split('/');
  const [foundSystem, foundTimeline = ''] = found.split('/');
  if (foundSystem !== knownSystem || foundSystem === '?') return false;
  return Number.parseInt(foundTimeline, 16) > Number.parseInt(knownTimeline, 16);
}

import { ADMIN_CONFIG_FIELDS, type ProviderSource, type ProviderType } from '@image-factory/domain';
import { lastHeld } from '../source/postgres-source-holds.js';
import type { Queryable } from '../database/transaction.js';

/** A cluster that an operator configured outside the API, as a provider row with a read-only config. */
export interface ProviderToMirror {
  /** Stable: every process makes the same one. */
  readonly id: string;
  readonly name: string;
  readonly type: ProviderType;
  readonly source: Exclude<ProviderSource, 'api'>;
  readonly isGlobal: boolean;
  /** By product.md's names; no secret is in it, files are named by path. */
  readonly config: Readonly<Record<string, string>>;
}

/** What the operator says, over what administrators have set of the fields of $7. */
const MERGED = `((SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(p.settings) WHERE key = ANY ($7::text[]))
                 || excluded.settings)`;

/** Rows that mirror the operator's own configuration (product.md: every cluster is a provider row). */
export class PostgresMirroredProviders {
  constructor(private readonly database: Queryable) {}

  /**
   * Inserts or updates the row; a changed config is a new generation, what admins set on it stays. `name-taken`: a row
   * of another source has the name, and is never replaced. A row that was retired comes back in the state that it had.
   * Index: providers_name, then the key. Locks: the row.
   */
  async mirror(provider: ProviderToMirror): Promise<'mirrored' | 'name-taken'> {
    const { id, name, type, source, isGlobal, config } = provider;
    const rows = await this.database.query<{ id: string }>(
      `INSERT INTO providers AS p (id, name, provider_type, source, is_global, settings)
       SELECT $1, $2, $3, $4, $5, $6::jsonb
        WHERE NOT EXISTS (SELECT 1 FROM providers other WHERE lower(other.name) = lower($2) AND other.id <> $1)
           ON CONFLICT (id) DO UPDATE
          SET name = excluded.name, settings = ${MERGED},
              generation = p.generation + (p.settings <> ${MERGED})::integer,
              state = CASE WHEN p.retired_at IS NULL THEN p.state ELSE coalesce(p.retired_state, 'enabled') END,
              retired_at = NULL, retired_state = NULL,
              updated_at = CASE WHEN p.settings = ${MERGED} AND p.retired_at IS NULL THEN p.updated_at
                                ELSE greatest(clock_timestamp(), p.updated_at + interval '1 millisecond') END
       RETURNING id`,
      [id, name, type, source, isGlobal, JSON.stringify(config), ADMIN_CONFIG_FIELDS],
    );
    return rows.length > 0 ? 'mirrored' : 'name-taken';
  }

  /** Whether the environment's row is there, and whether it is retired. Index: providers_name. */
  async environmentState(name: string): Promise<'none' | 'declared' | 'retired'> {
    const [row] = await this.database.query<{ retired: boolean }>(
      `SELECT retired_at IS NOT NULL AS retired FROM providers WHERE lower(name) = lower($1) AND source = 'environment'`,
      [name],
    );
    if (row === undefined) return 'none';
    return row.retired ? 'retired' : 'declared';
  }

  /**
   * No live process names the environment's cluster any more: nothing new is placed on it, what runs there is finished.
   * Nothing is written when somebody has named it since. Index: providers_name. Locks: the row.
   * @param unheldSince when it was named last, as `PostgresSourceHolds.lastHeld` said it
   * @returns true when there was one
   */
  async retireEnvironment(name: string, unheldSince: string): Promise<boolean> {
    const rows = await this.database.query<{ id: string }>(
      `UPDATE providers SET retired_at = now(), retired_state = state, state = 'draining', drain_deadline_at = NULL,
              updated_at = greatest(clock_timestamp(), updated_at + interval '1 millisecond')
        WHERE lower(name) = lower($1) AND source = 'environment' AND retired_at IS NULL
          AND ${lastHeld(`'environment'`)} = $2
       RETURNING id`,
      [name, unheldSince],
    );
    return rows.length > 0;
  }
}

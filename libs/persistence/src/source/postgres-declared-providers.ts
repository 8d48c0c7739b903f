import { ADMIN_CONFIG_FIELDS, type ProviderSource } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
import type {
  AppliedFile,
  ConfigFileState,
  DeclaredProvider,
  DeclaredRow,
  FileProblem,
  FileToApply,
  FileToReject,
  RefusedName,
  StaleFile,
} from './declared-provider.js';
import { type ConditionToStore, storeConditions } from './provider-conditions.js';
import {
  CLAIM_CHECK,
  CLEAR_DEFAULT,
  DISABLE_RETIRED,
  REMEMBER_CONTENT,
  RETIRE_VANISHED,
  SET_LIMITS,
  STORE_APPLIED,
  STORE_REJECTED,
  STORE_STALE,
  TAKEN_NAMES,
  UPSERT_DECLARED,
} from './statements.js';

/** Makes appliers wait for each other: "ifcf" in ASCII. */
const APPLY_LOCK = 0x69666366;
/** A process that has a stale content says so at each look; one that does not any more has gone. */
const STALE_FOR = '1 minute';

interface NamedRow {
  id: string;
  name: string;
  created?: boolean;
}

interface FileRow {
  path: string;
  hash: string | null;
  settings: Record<string, number>;
  refused: RefusedName[];
  applied_at: Date | null;
  applied_by: string | null;
  rejected_hash: string | null;
  rejected_at: Date | null;
  rejected_by: string | null;
  problems: FileProblem[];
  stale_hash: string | null;
  stale_at: Date | null;
  stale_by: string | null;
  is_stale: boolean | null;
}

/**
 * The clusters of the configuration file as provider rows.
 *
 * Model: any number of dispatchers read a file each; the database is authoritative for which content is in force. A file
 * is applied whole, in one transaction under one lock, or not at all: a reader sees the clusters of one content. Applying
 * the same content again writes nothing. Contents that were in force are remembered by their hash: a process that starts
 * with one whose place another has taken does not bring it back while a live process holds the one in force; an edit
 * under a running process does. A row of another source is never replaced; a row that vanishes from the file is retired (draining, then disabled when nothing of ours is left) and never deleted, so that what runs there is followed to
 * its end and its history stays.
 */
export class PostgresDeclaredProviders {
  constructor(private readonly database: Database) {}

  /**
   * Makes the rows be what the file says. `stale`: another content has taken this one's place, nobody has edited it, and
   * somebody may still hold that other one.
   * @throws DomainError Unavailable DatabaseUnavailable
   */
  async apply(file: FileToApply): Promise<AppliedFile | StaleFile> {
    return this.database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [APPLY_LOCK]);
      const parameters = [file.hash, file.by, file.unheldSince ?? null];
      const [stale] = file.isEdit ? [] : await tx.query<{ held_at: string }>(STORE_STALE, parameters);
      if (stale !== undefined) return { kind: 'stale', heldAt: stale.held_at };
      const refused = await refusedNames(tx, file.providers);
      const taken = new Set(refused.map(({ name }) => name));
      const providers = file.providers.filter(({ name }) => !taken.has(name));
      const rows = JSON.stringify(providers.map(toRow));
      await tx.query(CLEAR_DEFAULT, [providers.find(({ isDefault }) => isDefault)?.id ?? null]);
      const written = await tx.query<NamedRow>(UPSERT_DECLARED, [rows, ADMIN_CONFIG_FIELDS]);
      const limited = await tx.query<NamedRow>(SET_LIMITS, [rows]);
      const retired = await tx.query<NamedRow>(RETIRE_VANISHED, [providers.map(({ id }) => id)]);
      await storeConditions(tx, declaredConditions(file.path, written, retired));
      const retiredNames = retired.map(({ name }) => name);
      const applied = { kind: 'applied', ...changes(written, limited), retired: retiredNames, refused } as const;
      await tx.query(STORE_APPLIED, [
        file.path,
        file.hash,
        JSON.stringify(file.settings),
        JSON.stringify(refused),
        file.by,
      ]);
      await tx.query(REMEMBER_CONTENT, [file.hash]);
      await audit(tx, file, written, retired);
      return applied;
    });
  }

  /** Notes that the newest content is wrong; what was applied before stays in force. */
  async reject(file: FileToReject): Promise<void> {
    await this.database.query(STORE_REJECTED, [file.path, file.hash, file.by, JSON.stringify(file.problems)]);
  }

  /** Undefined when there never was a file. */
  async state(): Promise<ConfigFileState | undefined> {
    const [row] = await this.database.query<FileRow>(
      `SELECT *, stale_at > now() - interval '${STALE_FOR}' AS is_stale FROM config_file`,
    );
    return row === undefined ? undefined : toState(row);
  }

  /**
   * True for one process per interval: who gets it checks credential files and asks clouds.
   * @param hash of the content that the process holds, if it holds one
   */
  async claimCheck(intervalMs: number, hash: string | undefined): Promise<boolean> {
    return (await this.database.query(CLAIM_CHECK, [intervalMs, hash ?? null])).length > 0;
  }

  /** The clusters of the content in force, by their rows. Reads the rows whole: there are few. */
  async declared(): Promise<readonly DeclaredRow[]> {
    const rows = await this.database.query<
      Omit<DeclaredRow, 'describe'> & { describe: DeclaredRow['describe'] | null }
    >(
      `SELECT id, name, settings AS config, source_ref->'describe' AS describe FROM providers
        WHERE source = 'file' AND retired_at IS NULL ORDER BY id`,
    );
    return rows.map(({ describe, ...row }) => ({ ...row, describe: describe ?? undefined }));
  }

  /** Retired rows on which nothing is left become disabled. @returns their names */
  async disableRetired(): Promise<readonly string[]> {
    const rows = await this.database.query<NamedRow>(DISABLE_RETIRED);
    return rows.map(({ name }) => name);
  }

  /** Conditions of rows of the file. */
  async recordConditions(conditions: readonly ConditionToStore[]): Promise<void> {
    await storeConditions(this.database, conditions);
  }

  /**
   * Endpoint and CA as the cloud says; another answer is a new generation, and one without a CA takes the old one away. A CA
   * that the file names by path stays the one. Nothing is written when the row is asked for by other names meanwhile.
   * Index: the key. Locks: the row.
   */
  async describe(
    { id, describe }: Pick<DeclaredProvider, 'id' | 'describe'>,
    endpoint: string,
    caCert: string | undefined,
  ): Promise<'changed' | 'same'> {
    const rows = await this.database.query<{ id: string }>(
      `UPDATE providers p SET settings = d.settings, generation = p.generation + 1, probe_due_at = now(),
              updated_at = greatest(clock_timestamp(), p.updated_at + interval '1 millisecond')
         FROM (SELECT id, settings - 'ca_cert' || jsonb_build_object('endpoint', $2::text)
                      || CASE WHEN settings ? 'ca_path' OR $3::text IS NULL THEN '{}'::jsonb
                              ELSE jsonb_build_object('ca_cert', $3::text) END AS settings
                 FROM providers WHERE id = $1) d
        WHERE p.id = d.id AND p.settings <> d.settings AND p.retired_at IS NULL
          AND p.source_ref->'describe' = $4::jsonb
       RETURNING p.id`,
      [id, endpoint, caCert ?? null, JSON.stringify(describe ?? null)],
    );
    return rows.length > 0 ? 'changed' : 'same';
  }
}

async function refusedNames(tx: Transaction, providers: readonly DeclaredProvider[]): Promise<RefusedName[]> {
  const taken = await tx.query<{ name: string; source: ProviderSource; id: string }>(TAKEN_NAMES, [
    providers.map(({ name }) => name),
  ]);
  const byName = new Map(taken.map((row) => [row.name.toLowerCase(), row]));
  return providers.flatMap(({ name, line }) => {
    const row = byName.get(name.toLowerCase());
    return row === undefined ? [] : [{ name, line, source: row.source, providerId: row.id }];
  });
}

/** The file's path is not in it: replicas may have the same content in different places. */
function toRow(provider: DeclaredProvider): object {
  const { id, name, type, config, describe, region, capabilities, labels, isDefault, line } = provider;
  const limit = provider.maxConcurrentBuilds ?? null;
  const declares = limit === null ? [] : ['max_concurrent_builds'];
  const ref = { line, declares, describe };
  return { id, name, type, config, region, capabilities, labels, limit, is_default: isDefault, ref };
}

function changes(
  written: readonly NamedRow[],
  limited: readonly NamedRow[],
): { created: readonly string[]; changed: readonly string[] } {
  const created = written.filter((row) => row.created === true).map(({ name }) => name);
  const changed = [...written, ...limited].map(({ name }) => name).filter((name) => !created.includes(name));
  return { created, changed: [...new Set(changed)] };
}

function declaredConditions(
  path: string,
  written: readonly NamedRow[],
  retired: readonly NamedRow[],
): ConditionToStore[] {
  const type = 'Declared';
  return [
    ...written.map(({ id }) => {
      const message = `The configuration file ${path} names this cluster.`;
      return { providerId: id, type, status: 'True', reason: 'InConfigFile', message } as const;
    }),
    ...retired.map(({ id }) => {
      const message = `The configuration file ${path} no longer names this cluster: nothing new is placed here.`;
      return { providerId: id, type, status: 'False', reason: 'RemovedFromConfigFile', message } as const;
    }),
  ];
}

/** The trail says that the file did it, and which process read it. */
async function audit(
  tx: Transaction,
  file: FileToApply,
  written: readonly NamedRow[],
  retired: readonly NamedRow[],
): Promise<void> {
  const events = [
    ...written.map(({ id, name, created }) => ({ id, name, action: created === true ? 'declare' : 'redeclare' })),
    ...retired.map(({ id, name }) => ({ id, name, action: 'retire' })),
  ];
  if (events.length === 0) return;
  await tx.query(
    `INSERT INTO audit_events (actor, actor_role, action, object_type, object_id, after)
     SELECT $2, 'system-admin', 'provider.' || e.action, 'provider', e.id,
            jsonb_build_object('name', e.name, 'file', $3::text, 'read_by', $4::text, 'hash', $5::text)
       FROM jsonb_to_recordset($1::jsonb) AS e(id text, name text, action text)`,
    [JSON.stringify(events), 'config-file', file.path, file.by, file.hash],
  );
}

function toState(row: FileRow): ConfigFileState {
  return {
    path: row.path,
    hash: row.hash ?? undefined,
    settings: row.settings,
    refused: row.refused,
    appliedAt: row.applied_at ?? undefined,
    appliedBy: row.applied_by ?? undefined,
    rejection:
      row.rejected_hash === null || row.rejected_at === null
        ? undefined
        : { hash: row.rejected_hash, at: row.rejected_at, by: row.rejected_by ?? '', problems: row.problems },
    stale:
      row.stale_hash === null || row.stale_at === null || row.is_stale !== true
        ? undefined
        : { hash: row.stale_hash, at: row.stale_at, by: row.stale_by ?? '' },
  };
}

import { DomainError } from '@image-factory/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import type { Queryable, Transaction } from '../database/transaction.js';
import type { SecretCipher } from '../secret/secret-cipher.js';
import { assignments } from '../sql/assignments.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';
import { nameTaken } from '../tenant/postgres-tenants.js';
import { providerNotFound } from './postgres-provider-repository.js';
import {
  PROVIDER_CHANGE_COLUMNS,
  type ProviderChange,
  type ProviderInput,
  type ProviderStateChange,
} from './provider-change.js';
import { PROVIDER_SELECT, type ProviderDetail, type ProviderRow, toProviderDetail } from './provider-row.js';
import { openSecrets, sealSecrets, splitConfig } from './provider-secrets.js';

/** Always later than before, to the millisecond: the ETag is made of it. */
const TOUCH = `updated_at = greatest(clock_timestamp(), updated_at + interval '1 millisecond')`;

/** The write side of providers, for admins. Every change locks the provider row, as placement does (rule 8). */
export class PostgresProviders {
  constructor(
    private readonly database: Database,
    private readonly cipher: SecretCipher,
  ) {}

  /** @throws DomainError Conflict NameTaken, with the source of the one that has the name */
  async create(tx: Transaction, input: ProviderInput): Promise<ProviderDetail> {
    await this.refuseTakenName(tx, input.name);
    const id = uuidv7();
    // A host has no API server to probe: it is as healthy as the dispatcher that serves it.
    const local = input.type === 'local';
    await tx.query(
      `INSERT INTO providers (id, name, provider_type, source, health, tekton_answers, shard_count)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [id, input.name, input.type, input.source ?? 'api', local ? 'healthy' : 'unknown', local, local ? 1 : 8],
    );
    return this.change(tx, id, input, 0);
  }

  /** @throws DomainError NotFound; PreconditionFailed when the row was changed after `expectedUpdatedAt`; Conflict NameTaken */
  async update(tx: Transaction, id: string, change: ProviderChange, expectedUpdatedAt?: Date): Promise<ProviderDetail> {
    await this.lock(tx, id, expectedUpdatedAt);
    if (change.name !== undefined) await this.refuseTakenName(tx, change.name, id);
    return this.change(tx, id, change, 1);
  }

  /** @throws DomainError NotFound; PreconditionFailed when the row was changed after `expectedUpdatedAt` */
  async setState(
    tx: Transaction,
    id: string,
    change: ProviderStateChange,
    expectedUpdatedAt?: Date,
  ): Promise<ProviderDetail> {
    await this.lock(tx, id, expectedUpdatedAt);
    // Its time is read under the lock: whatever was placed before the change was claimed before it.
    await tx.query(
      `UPDATE providers SET state = $2, drain_deadline_at = $3, state_reason = $4, state_changed_by = $5,
              state_changed_at = clock_timestamp(), ${TOUCH}
        WHERE id = $1`,
      [id, change.state, change.drainDeadlineAt ?? null, change.reason ?? null, change.actor],
    );
    return this.get(id, tx);
  }

  /** @throws DomainError NotFound; Conflict InUse while anything from reserved to swept is there */
  async delete(tx: Transaction, id: string, expectedUpdatedAt?: Date): Promise<void> {
    await this.lock(tx, id, expectedUpdatedAt);
    const [live] = await tx.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM build_executions
        WHERE provider_id = $1 AND swept_at IS NULL`,
      [id],
    );
    if ((live?.count ?? 0) > 0) {
      throw new DomainError({
        kind: 'Conflict',
        reason: 'InUse',
        message: `provider ${id} has ${live?.count} executions that are not cleaned up; set its status to draining and wait`,
      });
    }
    // An adopted cluster that an administrator gives up is not adopted again by a rule.
    await tx.query('UPDATE discovered_clusters SET retired_at = now() WHERE provider_id = $1', [id]);
    await tx.query('DELETE FROM providers WHERE id = $1', [id]);
  }

  /** @throws DomainError NotFound ProviderNotFound */
  async get(id: string, queryable: Queryable = this.database): Promise<ProviderDetail> {
    const [row] = await queryable.query<ProviderRow>(`${PROVIDER_SELECT} WHERE p.id = $1`, [id]);
    if (row === undefined) throw providerNotFound(id);
    return toProviderDetail(row);
  }

  async findByName(name: string): Promise<ProviderDetail | undefined> {
    const [row] = await this.database.query<ProviderRow>(`${PROVIDER_SELECT} WHERE lower(p.name) = lower($1)`, [name]);
    return row === undefined ? undefined : toProviderDetail(row);
  }

  async list(page: PageRequest): Promise<Page<ProviderDetail>> {
    const rows = await this.database.query<ProviderRow>(
      `${PROVIDER_SELECT} WHERE $2::uuid IS NULL OR p.id < $2 ORDER BY p.id DESC LIMIT $1`,
      [page.limit + 1, page.after ?? null],
    );
    return toPage(rows, page.limit, toProviderDetail, (row) => row.id);
  }

  /** The whole config with its secrets opened: only to merge a change into it and to validate the result. */
  async openConfig(tx: Queryable, id: string): Promise<Record<string, unknown>> {
    const [row] = await tx.query<{
      settings: Record<string, unknown>;
      credential_sealed: Buffer | null;
      credential_key_id: string | null;
    }>('SELECT settings, credential_sealed, credential_key_id FROM providers WHERE id = $1', [id]);
    if (row === undefined) throw providerNotFound(id);
    const secrets = openSecrets(this.cipher, id, row.credential_sealed, row.credential_key_id);
    return {
      ...row.settings,
      ...Object.fromEntries(Object.entries(secrets).map(([field, secret]) => [field, secret.reveal()])),
    };
  }

  private async change(tx: Transaction, id: string, change: ProviderChange, bump: 0 | 1): Promise<ProviderDetail> {
    if (change.isDefault === true) {
      await tx.query(`UPDATE providers SET is_default = false, ${TOUCH} WHERE is_default AND id <> $1`, [id]);
    }
    const labels = change.labels === undefined ? undefined : JSON.stringify(change.labels);
    const set = assignments(PROVIDER_CHANGE_COLUMNS, { ...change, labels }, 2);
    await tx.query(`UPDATE providers SET ${set.sql === '' ? '' : `${set.sql}, `}${TOUCH} WHERE id = $1`, [
      id,
      ...set.parameters,
    ]);
    if (change.config !== undefined) await this.writeConfig(tx, id, { ...change, config: change.config }, bump);
    return this.get(id, tx);
  }

  /** A new generation drops pooled clients; a new fingerprint is a new version of the credential. Probed at once. */
  private async writeConfig(
    tx: Transaction,
    id: string,
    { config, credentialExpiresAt }: Pick<ProviderInput, 'config' | 'credentialExpiresAt'>,
    bump: 0 | 1,
  ): Promise<void> {
    const { settings, secrets } = splitConfig(config);
    const credential = sealSecrets(this.cipher, id, secrets);
    await tx.query(
      `UPDATE providers SET settings = $2, credential_sealed = $3, credential_key_id = $4,
              credential_version = credential_version
                + CASE WHEN $6 = 1 AND coalesce(credential_fingerprint, '') <> ALL ($7::text[]) THEN 1 ELSE 0 END,
              credential_fingerprint = $5, credential_expires_at = $8, generation = generation + $6, probe_due_at = now(),
              detect_due_at = now()
        WHERE id = $1`,
      [
        id,
        JSON.stringify(settings),
        credential.sealed,
        credential.keyId,
        credential.fingerprint,
        bump,
        credential.sameFingerprints,
        credentialExpiresAt ?? null,
      ],
    );
  }

  private async lock(tx: Transaction, id: string, expectedUpdatedAt?: Date): Promise<void> {
    const [row] = await tx.query<{ updated_at: Date }>('SELECT updated_at FROM providers WHERE id = $1 FOR UPDATE', [
      id,
    ]);
    if (row === undefined) throw providerNotFound(id);
    if (expectedUpdatedAt !== undefined && row.updated_at.getTime() !== expectedUpdatedAt.getTime()) {
      throw new DomainError({
        kind: 'PreconditionFailed',
        reason: 'PreconditionFailed',
        message: `provider ${id} has changed since it was read; read it again and repeat the change`,
      });
    }
  }

  private async refuseTakenName(tx: Transaction, name: string, exceptId?: string): Promise<void> {
    const [taken] = await tx.query<{ source: string }>(
      'SELECT source FROM providers WHERE lower(name) = lower($1) AND id IS DISTINCT FROM $2::uuid',
      [name, exceptId ?? null],
    );
    if (taken !== undefined) throw nameTaken(`provider (source: ${taken.source})`, name);
  }
}

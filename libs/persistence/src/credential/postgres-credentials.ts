import { type AttemptCredentials, DomainError, type GitCredential, Secret } from '@image-factory/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';
import { fingerprintsOf } from '../secret/fingerprint.js';
import type { SecretCipher } from '../secret/secret-cipher.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';
import { nameTaken } from '../tenant/postgres-tenants.js';
import type { Credential, CredentialKind, RegistryAuthValue, RepositoryAuthValue } from './credential.js';
import { dockerConfigFor, gitHostOf } from './docker-config.js';

const TABLES: Readonly<Record<CredentialKind, string>> = { registry: 'registry_auths', repository: 'repository_auths' };
const PROJECT_COLUMNS: Readonly<Record<CredentialKind, string>> = {
  registry: 'registry_auth_id',
  repository: 'repository_auth_id',
};

interface CredentialRow {
  id: string;
  name: string;
  type: string;
  fingerprint: string;
  created_at: Date;
}

interface SealedRow {
  sealed: Buffer;
  key_id: string;
}

/** What an attempt's own Secret is made of. */
export interface CredentialRequest {
  /** Another tenant's credential is not there. */
  readonly tenantId: string;
  readonly registryAuthId: string | undefined;
  readonly repositoryAuthId: string | undefined;
  readonly gitRepositoryUrl: string;
  readonly imageRepository: string | undefined;
}

/** Registry and git credentials of tenants: sealed at rest, listed without their values, opened for an attempt only. */
export class PostgresCredentials {
  constructor(
    private readonly database: Database,
    private readonly cipher: SecretCipher,
  ) {}

  /** @throws DomainError Conflict NameTaken */
  async create(
    tx: Transaction,
    kind: CredentialKind,
    tenantId: string,
    name: string,
    value: RegistryAuthValue | RepositoryAuthValue,
  ): Promise<Credential> {
    const taken = await tx.query(`SELECT 1 FROM ${TABLES[kind]} WHERE tenant_id = $1 AND lower(name) = lower($2)`, [
      tenantId,
      name,
    ]);
    if (taken.length > 0) throw nameTaken(`${kind} auth`, name);
    const id = uuidv7();
    const plain = new Secret(reveal(value));
    const { sealed, keyId } = this.cipher.seal(plain, contextOf(kind, id));
    const [row] = await tx.query<CredentialRow>(
      `INSERT INTO ${TABLES[kind]} (id, tenant_id, name, type, sealed, key_id, fingerprint)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, name, type, fingerprint, created_at`,
      [id, tenantId, name, value.type, sealed, keyId, fingerprintsOf(this.cipher, plain)[0]],
    );
    return toCredential(row!);
  }

  async list(kind: CredentialKind, tenantId: string, page: PageRequest): Promise<Page<Credential>> {
    const rows = await this.database.query<CredentialRow>(
      `SELECT id, name, type, fingerprint, created_at FROM ${TABLES[kind]}
        WHERE tenant_id = $1 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $2`,
      [tenantId, page.limit + 1, page.after ?? null],
    );
    return toPage(rows, page.limit, toCredential, (row) => row.id);
  }

  async exists(kind: CredentialKind, tenantId: string, id: string): Promise<boolean> {
    const rows = await this.database.query(`SELECT 1 FROM ${TABLES[kind]} WHERE id = $1 AND tenant_id = $2`, [
      id,
      tenantId,
    ]);
    return rows.length > 0;
  }

  /** @throws DomainError NotFound; Conflict InUse while a project names it or a build that has not ended needs it */
  async delete(tx: Transaction, kind: CredentialKind, tenantId: string, id: string): Promise<void> {
    const table = TABLES[kind];
    const column = PROJECT_COLUMNS[kind];
    const found = await tx.query(`SELECT 1 FROM ${table} WHERE id = $1 AND tenant_id = $2 FOR UPDATE`, [id, tenantId]);
    if (found.length === 0) throw credentialNotFound(kind, id);
    const users = await tx.query(
      `SELECT 1 FROM projects WHERE tenant_id = $1 AND ${column} = $2 AND deleted_at IS NULL
       UNION ALL
       SELECT 1 FROM builds b JOIN build_specs s ON s.build_id = b.id
        WHERE b.tenant_id = $1 AND s.${column} = $2 AND b.status IN ('queued', 'running', 'cancelling') LIMIT 1`,
      [tenantId, id],
    );
    if (users.length > 0) {
      throw new DomainError({
        kind: 'Conflict',
        reason: 'InUse',
        message: `${kind} auth ${id} is used by a project or by a build that has not ended; name another one there first`,
      });
    }
    await tx.query(`UPDATE projects SET ${column} = NULL WHERE ${column} = $1`, [id]);
    await tx.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
  }

  /**
   * Opens what an attempt needs, to be sent to its own Secret or builder and nowhere else.
   * @throws DomainError NotFound; Internal EncryptionKeyMissing
   */
  async openForExecution(request: CredentialRequest): Promise<AttemptCredentials> {
    const registry = await this.open('registry', request.tenantId, request.registryAuthId);
    const repository = await this.open('repository', request.tenantId, request.repositoryAuthId);
    return {
      dockerConfigJson: registry === undefined ? undefined : toDockerConfig(registry),
      git: repository === undefined ? undefined : toGitCredential(repository, request.gitRepositoryUrl),
    };
  }

  private async open(
    kind: CredentialKind,
    tenantId: string,
    id: string | undefined,
  ): Promise<Record<string, string> | undefined> {
    if (id === undefined) return undefined;
    const [row] = await this.database.query<SealedRow>(
      `SELECT sealed, key_id FROM ${TABLES[kind]} WHERE id = $1 AND tenant_id = $2`,
      [id, tenantId],
    );
    if (row === undefined) throw credentialNotFound(kind, id);
    const plain = this.cipher.open(row.sealed, row.key_id, contextOf(kind, id));
    return JSON.parse(plain.reveal()) as Record<string, string>;
  }
}

function contextOf(kind: CredentialKind, id: string): string {
  return `${kind}-auth:${id}`;
}

function reveal(value: RegistryAuthValue | RepositoryAuthValue): string {
  const plain = Object.entries(value).map(([key, field]) => [key, field instanceof Secret ? field.reveal() : field]);
  return JSON.stringify(Object.fromEntries(plain));
}

function toDockerConfig(fields: Record<string, string>): Secret {
  if (fields['type'] === 'dockerconfigjson') return new Secret(fields['dockerconfigjson'] ?? '{"auths":{}}');
  return dockerConfigFor(fields['server'] ?? '', fields['username'] ?? '', new Secret(fields['password'] ?? ''));
}

function toGitCredential(fields: Record<string, string>, gitRepositoryUrl: string): GitCredential {
  if (fields['type'] === 'ssh_key') {
    return {
      type: 'ssh_key',
      privateKey: new Secret(fields['privateKey'] ?? ''),
      knownHosts: fields['knownHosts'] ?? '',
    };
  }
  return {
    type: fields['type'] === 'token' ? 'token' : 'basic',
    host: gitHostOf(gitRepositoryUrl) ?? '',
    username: fields['username'] ?? '',
    password: new Secret(fields['token'] ?? fields['password'] ?? ''),
  };
}

function toCredential(row: CredentialRow): Credential {
  return { id: row.id, name: row.name, type: row.type, fingerprint: row.fingerprint, createdAt: row.created_at };
}

function credentialNotFound(kind: CredentialKind, id: string): DomainError {
  return new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no ${kind} auth ${id}` });
}

import { DomainError } from '@image-factory/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import type { Queryable, Transaction } from '../database/transaction.js';
import { syncProjectLane } from '../queue/sync-project-lane.js';
import { assignments } from '../sql/assignments.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';
import { nameTaken } from '../tenant/postgres-tenants.js';
import { type Project, PROJECT_COLUMNS, type ProjectChange, type ProjectRow, toProject } from './project.js';

/** Projects of a tenant. Deleted ones stay in the table for the builds that point at them. */
export class PostgresProjects {
  constructor(private readonly database: Database) {}

  /** @throws DomainError Conflict NameTaken */
  async create(
    tx: Transaction,
    tenantId: string,
    input: ProjectChange & { readonly name: string; readonly gitRepositoryUrl: string },
  ): Promise<Project> {
    await this.refuseTakenName(tx, tenantId, input.name);
    const set = assignments(PROJECT_COLUMNS, input, 3);
    const columns = Object.entries(PROJECT_COLUMNS).flatMap(([property, column]) =>
      input[property as keyof ProjectChange] === undefined ? [] : [column],
    );
    const values = set.parameters.map((_, index) => `$${index + 3}`);
    const [row] = await tx.query<ProjectRow>(
      `INSERT INTO projects (id, tenant_id, ${columns.join(', ')}) VALUES ($1, $2, ${values.join(', ')}) RETURNING *`,
      [uuidv7(), tenantId, ...set.parameters],
    );
    const project = toProject(row!);
    if (project.maxConcurrentBuilds !== undefined) await this.syncLane(tx, project);
    return project;
  }

  async find(tenantId: string, id: string, queryable: Queryable = this.database): Promise<Project | undefined> {
    const [row] = await queryable.query<ProjectRow>(
      'SELECT * FROM projects WHERE id = $1 AND tenant_id = $2 AND deleted_at IS NULL',
      [id, tenantId],
    );
    return row === undefined ? undefined : toProject(row);
  }

  /** @throws DomainError NotFound */
  async get(tenantId: string, id: string): Promise<Project> {
    const project = await this.find(tenantId, id);
    if (project === undefined) throw projectNotFound(id);
    return project;
  }

  async list(tenantId: string, page: PageRequest): Promise<Page<Project>> {
    const rows = await this.database.query<ProjectRow>(
      `SELECT * FROM projects WHERE tenant_id = $1 AND deleted_at IS NULL AND ($3::uuid IS NULL OR id < $3)
        ORDER BY id DESC LIMIT $2`,
      [tenantId, page.limit + 1, page.after ?? null],
    );
    return toPage(rows, page.limit, toProject, (row) => row.id);
  }

  /** @throws DomainError NotFound; PreconditionFailed when `expectedVersion` is not the current one; Conflict NameTaken */
  async update(
    tx: Transaction,
    tenantId: string,
    id: string,
    change: ProjectChange,
    expectedVersion?: number,
  ): Promise<Project> {
    await this.lock(tx, tenantId, id, expectedVersion);
    if (change.name !== undefined) await this.refuseTakenName(tx, tenantId, change.name, id);
    const set = assignments(PROJECT_COLUMNS, change, 2);
    const [row] = await tx.query<ProjectRow>(
      `UPDATE projects SET ${set.sql === '' ? '' : `${set.sql}, `}version = version + 1, updated_at = now()
        WHERE id = $1 RETURNING *`,
      [id, ...set.parameters],
    );
    const project = toProject(row!);
    if (change.maxConcurrentBuilds !== undefined) await this.syncLane(tx, project);
    return project;
  }

  /** @throws DomainError NotFound; PreconditionFailed; Conflict InUse while builds of it have not ended */
  async delete(tx: Transaction, tenantId: string, id: string, expectedVersion?: number): Promise<void> {
    await this.lock(tx, tenantId, id, expectedVersion);
    const live = await tx.query(
      `SELECT 1 FROM builds WHERE tenant_id = $1 AND project_id = $2 AND status IN ('queued', 'running', 'cancelling') LIMIT 1`,
      [tenantId, id],
    );
    if (live.length > 0) {
      throw new DomainError({
        kind: 'Conflict',
        reason: 'InUse',
        message: `project ${id} has builds that have not ended; cancel them or wait for their end`,
      });
    }
    await tx.query('UPDATE projects SET deleted_at = now(), version = version + 1 WHERE id = $1', [id]);
  }

  private async syncLane(tx: Transaction, project: Project): Promise<void> {
    const { tenantId, id: projectId, maxConcurrentBuilds: maxRunning } = project;
    await syncProjectLane(tx, { tenantId, projectId, maxRunning });
  }

  private async lock(tx: Transaction, tenantId: string, id: string, expectedVersion?: number): Promise<void> {
    const [row] = await tx.query<{ version: number }>(
      'SELECT version FROM projects WHERE id = $1 AND tenant_id = $2 AND deleted_at IS NULL FOR UPDATE',
      [id, tenantId],
    );
    if (row === undefined) throw projectNotFound(id);
    if (expectedVersion !== undefined && row.version !== expectedVersion) {
      throw new DomainError({
        kind: 'PreconditionFailed',
        reason: 'PreconditionFailed',
        message: `project ${id} has changed since it was read; read it again and repeat the change`,
      });
    }
  }

  private async refuseTakenName(tx: Transaction, tenantId: string, name: string, exceptId?: string): Promise<void> {
    const taken = await tx.query(
      `SELECT 1 FROM projects WHERE tenant_id = $1 AND lower(name) = lower($2) AND deleted_at IS NULL
        AND id IS DISTINCT FROM $3::uuid`,
      [tenantId, name, exceptId ?? null],
    );
    if (taken.length > 0) throw nameTaken('project', name);
  }
}

function projectNotFound(id: string): DomainError {
  return new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no project ${id}` });
}

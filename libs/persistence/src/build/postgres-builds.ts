import { type BuildMethod, type BuildStatus, DomainError } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';
import type { Queryable } from '../database/transaction.js';
import { BUILD_SELECT, type BuildRow, type StoredBuild, toStoredBuild } from './build-row.js';

/** Narrows the list of builds. */
export interface BuildFilter {
  readonly projectId?: string | undefined;
  readonly status?: BuildStatus | undefined;
  readonly buildMethod?: BuildMethod | undefined;
  /** Asked for by the user, or the one that some attempt was placed on. */
  readonly providerId?: string | undefined;
  readonly createdAfter?: Date | undefined;
  readonly createdBefore?: Date | undefined;
}

/** Builds as their tenant reads them; another tenant's build is not there. */
export class PostgresBuilds {
  constructor(private readonly database: Database) {}

  async find(tenantId: string, id: string, queryable: Queryable = this.database): Promise<StoredBuild | undefined> {
    const [row] = await queryable.query<BuildRow>(`${BUILD_SELECT} WHERE b.id = $1 AND b.tenant_id = $2`, [
      id,
      tenantId,
    ]);
    return row === undefined ? undefined : toStoredBuild(row);
  }

  /** @throws DomainError NotFound */
  async get(tenantId: string, id: string, queryable: Queryable = this.database): Promise<StoredBuild> {
    const build = await this.find(tenantId, id, queryable);
    if (build !== undefined) return build;
    throw new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no build ${id}` });
  }

  /** Newest first, by index `builds_list` (or `builds_project`). */
  async list(tenantId: string, filter: BuildFilter, page: PageRequest): Promise<Page<StoredBuild>> {
    const rows = await this.database.query<BuildRow>(
      `${BUILD_SELECT}
        WHERE b.tenant_id = $1 AND ($3::uuid IS NULL OR b.id < $3)
          AND ($4::uuid IS NULL OR b.project_id = $4)
          AND ($5::text IS NULL OR b.status = $5)
          AND ($6::text IS NULL OR b.build_method = $6)
          AND ($7::uuid IS NULL OR b.requested_provider_id = $7
               OR EXISTS (SELECT 1 FROM build_executions e WHERE e.build_id = b.id AND e.provider_id = $7))
          AND ($8::timestamptz IS NULL OR b.created_at > $8)
          AND ($9::timestamptz IS NULL OR b.created_at < $9)
        ORDER BY b.id DESC LIMIT $2`,
      [
        tenantId,
        page.limit + 1,
        page.after ?? null,
        filter.projectId ?? null,
        filter.status ?? null,
        filter.buildMethod ?? null,
        filter.providerId ?? null,
        filter.createdAfter ?? null,
        filter.createdBefore ?? null,
      ],
    );
    return toPage(rows, page.limit, toStoredBuild, (row) => row.id);
  }
}

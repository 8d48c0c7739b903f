import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDomainError } from '@image-factory/domain';
import {
  Database,
  type InvariantReport,
  Notifier,
  PostgresBuildLogs,
  PostgresBuildQueue,
  PostgresBuildSubmissions,
  PostgresInvariants,
  PostgresProjects,
} from '@image-factory/persistence';
import { createTestDatabase, newBuild, type TestDatabase } from '@image-factory/test-support';
import { branchOf, type BuildPlan } from '../load/build-plan.ts';
import { INSTALLATION_RUNS, PROJECTS, type ProjectName, TENANTS } from '../load/limits.ts';
import type { ChaosCluster } from './chaos-cluster.ts';
import { GUARD_TRIGGERS } from './guard-triggers.ts';

const TRY_FOR_MS = 60_000;

interface TenantIds {
  readonly tenantId: string;
  readonly projectIds: ReadonlyMap<ProjectName, string>;
}

/** The round's database as the suite uses it: what users do over the API, and reads for the checks. */
export class ChaosDatabase {
  readonly test: TestDatabase;
  readonly logs: PostgresBuildLogs;
  readonly #database: Database;
  readonly #queue: PostgresBuildQueue;
  readonly #tenants: TenantIds[] = [];

  private constructor(test: TestDatabase, database: Database) {
    this.test = test;
    this.#database = database;
    this.#queue = new PostgresBuildQueue(database, new Notifier(database, { debounceMs: 5 }));
    this.logs = new PostgresBuildLogs(database);
  }

  static async open(): Promise<ChaosDatabase> {
    const test = await createTestDatabase();
    const database = Database.create({ url: test.url, poolSize: 6, applicationName: 'chaos' });
    await database.connect();
    const opened = new ChaosDatabase(test, database);
    await database.query(GUARD_TRIGGERS);
    await database.query('UPDATE installation SET max_concurrent_builds = $1', [INSTALLATION_RUNS]);
    for (const { name, maxRuns } of TENANTS) await opened.#addTenant(name, maxRuns);
    return opened;
  }

  /** A read, or a write that may be done twice: again until the database answers. */
  async query<T>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    return this.#persistently(() => this.#database.query<T>(sql, parameters));
  }

  async addProvider(cluster: ChaosCluster, dataDir: string): Promise<void> {
    const path = join(dataDir, `${cluster.name}.kubeconfig`);
    await writeFile(path, cluster.server.kubeconfig());
    await this.query(
      `INSERT INTO providers (id, name, provider_type, is_global, health, tekton_answers, max_concurrent_builds, settings)
       VALUES (gen_random_uuid(), $1, 'kubernetes', true, 'healthy', true, $2, $3)`,
      [cluster.name, cluster.maxRuns, { auth_method: 'kubeconfig', kubeconfig_path: path }],
    );
  }

  /**
   * Undefined when another build holds its key and it wants none beside it, or when it is unknown whether it was stored:
   * the round counts what the database holds.
   */
  async submit(plan: BuildPlan, imageRepository: string): Promise<string | undefined> {
    const submissions = new PostgresBuildSubmissions(this.#queue);
    const tenant = this.#tenants[plan.index % this.#tenants.length];
    if (tenant === undefined) return undefined;
    try {
      const { tenantId, projectIds } = tenant;
      const { priority, concurrency } = plan;
      const tags = [tagOf(plan), 'latest'];
      const part = { priority, concurrency, gitBranch: branchOf(plan), tags, imageRepository };
      const build = newBuild(tenantId, projectIds.get(plan.project) ?? '', part);
      const { id, superseded } = await this.#database.transaction((tx) => submissions.insert(tx, build));
      this.#queue.tellSubmitted(tenantId, superseded);
      return id;
    } catch (error) {
      if (isDomainError(error) && (error.kind === 'Unavailable' || error.reason === 'ConcurrencyKeyTaken'))
        return undefined;
      throw error;
    }
  }

  async invariants(): Promise<InvariantReport> {
    return this.#persistently(() => new PostgresInvariants(this.#database).read());
  }

  async cancel(buildId: string): Promise<void> {
    const [build] = await this.query<{ tenant_id: string }>('SELECT tenant_id FROM builds WHERE id = $1', [buildId]);
    const tenantId = build?.tenant_id ?? '';
    await this.#persistently(() =>
      this.#queue.requestCancel({ buildId, tenantId, actor: 'user:chaos', reason: undefined }),
    );
  }

  /** A dispatcher has told of the run with that uid. */
  async isRecorded(uid: string): Promise<boolean> {
    const rows = await this.query('SELECT FROM build_executions WHERE pipeline_run_uid = $1', [uid]);
    return rows.length > 0;
  }

  async close(): Promise<void> {
    await this.#database.close();
    await this.test.drop();
  }

  async #addTenant(name: string, limit: number): Promise<void> {
    const [tenant] = await this.query<{ id: string }>(
      'INSERT INTO tenants (name, max_concurrent_builds) VALUES ($1, $2) RETURNING id',
      [name, limit],
    );
    const tenantId = tenant?.id ?? '';
    await this.#database.transaction((tx) => this.#queue.syncLane(tx, tenantId));
    const projects = new PostgresProjects(this.#database);
    const projectIds = new Map<ProjectName, string>();
    for (const [project, maxConcurrentBuilds] of Object.entries(PROJECTS)) {
      const input = { name: project, gitRepositoryUrl: 'https://git.example/web.git', maxConcurrentBuilds };
      const { id } = await this.#database.transaction((tx) => projects.create(tx, tenantId, input));
      projectIds.set(project as ProjectName, id);
    }
    this.#tenants.push({ tenantId, projectIds });
  }

  async #persistently<T>(work: () => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + TRY_FOR_MS;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const away = isDomainError(error) && error.kind === 'Unavailable';
        if (!away || performance.now() > deadlineMs) throw error;
        await delay(100);
      }
    }
  }
}

export function tagOf(plan: Pick<BuildPlan, 'index'>): string {
  return `plan-${plan.index}`;
}

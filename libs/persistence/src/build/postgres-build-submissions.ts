import { DomainError } from '@image-factory/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../database/transaction.js';
import type { PostgresBuildQueue } from '../queue/postgres-build-queue.js';
import { queueKeyNow } from '../queue/queue-key.js';
import { decideKey, type Superseded } from '../queue/supersede-builds.js';
import { defaultTag, type NewBuild } from './new-build.js';
import { storageColumns } from './resources-row.js';

interface NumberRow {
  build_number: number;
  now: Date;
}

/** A stored submission, and the builds of its key that it took the place of. */
export interface Submitted {
  readonly id: string;
  readonly superseded: Superseded;
}

/**
 * Stores submissions. Lock order: the project's row (its counter), the credentials' rows, builds of the same key (with
 * their executions before and the lane after them), the build, then the tenant's lane inside `enqueue`. A full lane rolls everything back, the number included.
 */
export class PostgresBuildSubmissions {
  constructor(private readonly queue: PostgresBuildQueue) {}

  /**
   * @throws DomainError QuotaExceeded TenantQueueFull; Conflict ConcurrencyKeyTaken; NotFound when the project is gone
   */
  async insert(tx: Transaction, build: NewBuild): Promise<Submitted> {
    const id = uuidv7();
    const { build_number: buildNumber, now } = await this.takeNumber(tx, build);
    await this.holdCredentials(tx, build);
    const superseded = await this.supersede(tx, build, buildNumber);
    const parkedUntil = build.notBefore !== undefined && build.notBefore > now ? build.notBefore : undefined;
    await this.insertBuild(tx, id, build, buildNumber, parkedUntil);
    await this.insertConfig(tx, id, build);
    const answer = await this.queue.enqueue(tx, {
      buildId: id,
      tenantId: build.tenantId,
      priority: build.priority,
      maxQueued: build.maxQueuedBuilds,
      actor: build.createdBy,
      ...(parkedUntil === undefined ? {} : { notBefore: parkedUntil }),
    });
    if (answer === 'queue-full') throw queueFull(build.maxQueuedBuilds);
    return { id, superseded };
  }

  private async takeNumber(tx: Transaction, build: NewBuild): Promise<NumberRow> {
    const [row] = await tx.query<NumberRow>(
      `UPDATE projects SET next_build_number = next_build_number + 1
        WHERE id = $1 AND tenant_id = $2 AND deleted_at IS NULL
        RETURNING next_build_number - 1 AS build_number, now() AS now`,
      [build.projectId, build.tenantId],
    );
    if (row !== undefined) return row;
    throw new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no project ${build.projectId}` });
  }

  private async supersede(tx: Transaction, build: NewBuild, buildNumber: number): Promise<Superseded> {
    const { tenantId, projectId, concurrency, createdBy: actor } = build;
    if (concurrency === undefined) return { buildIds: [], executionIds: [] };
    const decision = await decideKey(tx, { tenantId, projectId, concurrency, buildNumber, actor });
    if (decision.kind === 'free') return decision.superseded;
    throw new DomainError({
      kind: 'Conflict',
      reason: 'ConcurrencyKeyTaken',
      message:
        `build ${decision.buildNumber} (${decision.buildId}) of the concurrency key ` +
        `${JSON.stringify(concurrency.key)} is ${decision.status}, and the policy is reject; try again after its end`,
      retryable: true,
    });
  }

  /** KEY SHARE: a deletion of the credential waits for this build and then finds it. */
  private async holdCredentials(tx: Transaction, build: NewBuild): Promise<void> {
    if (build.registryAuthId !== undefined) {
      await tx.query('SELECT 1 FROM registry_auths WHERE id = $1 FOR KEY SHARE', [build.registryAuthId]);
    }
    if (build.repositoryAuthId !== undefined) {
      await tx.query('SELECT 1 FROM repository_auths WHERE id = $1 FOR KEY SHARE', [build.repositoryAuthId]);
    }
  }

  private async insertBuild(
    tx: Transaction,
    id: string,
    build: NewBuild,
    buildNumber: number,
    parkedUntil: Date | undefined,
  ): Promise<void> {
    const tags =
      build.tags.length === 0 && build.imageRepository !== undefined ? [defaultTag(buildNumber)] : build.tags;
    await tx.query(
      `INSERT INTO builds (id, tenant_id, project_id, build_number, status, queue_key, parked, parked_message, parked_wake_at,
         build_method, infrastructure_type, requested_provider_id, priority, not_before, build_timeout_minutes,
         queue_timeout_minutes, start_limit_minutes, git_branch, git_commit, tags, image_repository, retry_of, traceparent,
         created_by, cpu_millis, memory_bytes, cpu_limit_millis, memory_limit_bytes, concurrency_key, concurrency_policy,
         ephemeral_storage_bytes, ephemeral_storage_limit_bytes, workspace_bytes, queued_at)
       VALUES ($1, $2, $3, $4, 'queued', CASE WHEN $8::timestamptz IS NULL THEN ${queueKeyNow('$5')} END, $6, $7, $8,
         $9, $10, $11, $5, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
         $23, $24, $25, $26, $27, $28, $29, $30, $31, coalesce($8, now()))`,
      [
        id,
        build.tenantId,
        build.projectId,
        buildNumber,
        build.priority,
        parkedUntil === undefined ? null : 'NotBefore',
        parkedUntil === undefined ? null : `may not start before ${parkedUntil.toISOString()}`,
        parkedUntil ?? null,
        build.buildMethod,
        build.infrastructureType,
        build.requestedProviderId ?? null,
        build.notBefore ?? null,
        build.buildTimeoutMinutes,
        build.queueTimeoutMinutes,
        build.startLimitMinutes,
        build.gitBranch,
        build.gitCommit ?? null,
        tags,
        build.imageRepository ?? null,
        build.retryOf ?? null,
        build.traceparent ?? null,
        build.createdBy,
        build.resources.cpuMillis,
        build.resources.memoryBytes,
        build.resources.cpuLimitMillis ?? null,
        build.resources.memoryLimitBytes ?? null,
        build.concurrency?.key ?? null,
        build.concurrency?.policy ?? null,
        ...storageColumns(build.resources),
      ],
    );
  }

  private async insertConfig(tx: Transaction, id: string, build: NewBuild): Promise<void> {
    const { config } = build;
    await tx.query(
      `INSERT INTO build_configs (build_id, build_method, dockerfile_path, build_context, target, build_args, platforms,
         cache_repo, metadata, packer_template, variables)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        id,
        build.buildMethod,
        config.dockerfile_path ?? null,
        config.build_context ?? null,
        config.target ?? null,
        JSON.stringify(config.build_args ?? {}),
        config.platforms ?? [],
        config.cache_repo ?? null,
        JSON.stringify(config.metadata ?? {}),
        config.packer_template ?? null,
        JSON.stringify(config.variables ?? {}),
      ],
    );
    await tx.query(
      `INSERT INTO build_specs (build_id, request, git_repository_url, registry_auth_id, repository_auth_id)
       VALUES ($1, $2, $3, $4, $5)`,
      [
        id,
        JSON.stringify(build.request),
        build.gitRepositoryUrl,
        build.registryAuthId ?? null,
        build.repositoryAuthId ?? null,
      ],
    );
  }
}

function queueFull(maxQueuedBuilds: number): DomainError {
  return new DomainError({
    kind: 'QuotaExceeded',
    reason: 'TenantQueueFull',
    message: `this tenant has its ${maxQueuedBuilds} queued builds already; wait for some to start, or cancel them`,
    retryable: true,
    retryAfterSeconds: 30,
  });
}

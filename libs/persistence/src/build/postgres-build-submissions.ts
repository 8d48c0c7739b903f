import { DomainError } from '@image-factory/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../database/transaction.js';
import type { PostgresBuildQueue } from '../queue/postgres-build-queue.js';
import { decideKey, type Superseded } from '../queue/supersede-builds.js';
import type { NewBuild } from './new-build.js';
import { HOLD_REGISTRY_AUTH, HOLD_REPOSITORY_AUTH, LOCK_PROJECT, SUBMIT } from './submission-statements.js';
import { storageColumns } from './resources-row.js';

interface SubmittedRow {
  readonly counted: boolean;
}

/** A stored submission, and the builds of its key that it took the place of. */
export interface Submitted {
  readonly id: string;
  readonly superseded: Superseded;
}

/**
 * Stores submissions: one statement for a build, whose project's counter and lane stay locked for no longer than it and
 * the commit take. Lock order: the credentials' rows, the project's row (its counter), builds of the same key (with their
 * executions before and the lane after them), the build, then the tenant's lane. A full lane rolls everything back, the
 * number included.
 */
export class PostgresBuildSubmissions {
  constructor(private readonly queue: PostgresBuildQueue) {}

  /**
   * @throws DomainError QuotaExceeded TenantQueueFull; Conflict ConcurrencyKeyTaken; NotFound when the project is gone
   */
  async insert(tx: Transaction, build: NewBuild): Promise<Submitted> {
    const id = uuidv7();
    const held = this.holdCredentials(tx, build);
    // Awaited below; a refusal before that must not leave its failure to nobody.
    held.catch(() => undefined);
    const superseded = await this.supersede(tx, build);
    const [[row]] = await Promise.all([tx.query<SubmittedRow>(SUBMIT, parametersOf(id, build)), held]);
    if (row === undefined) throw projectGone(build.projectId);
    if (!row.counted && !(await this.queue.countNew(tx, id, build))) throw queueFull(build.maxQueuedBuilds);
    return { id, superseded };
  }

  /** Submissions of a key follow each other: they lock the project before they look at its builds. */
  private async supersede(tx: Transaction, build: NewBuild): Promise<Superseded> {
    const { tenantId, projectId, concurrency, createdBy: actor } = build;
    if (concurrency === undefined) return { buildIds: [], executionIds: [] };
    const [project] = await tx.query<{ build_number: number }>(LOCK_PROJECT, [projectId, tenantId]);
    if (project === undefined) throw projectGone(projectId);
    const buildNumber = project.build_number;
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

  /** KEY SHARE: a deletion of the credential waits for this build and then finds it. Before the project, as there. */
  private async holdCredentials(tx: Transaction, build: NewBuild): Promise<void> {
    const { registryAuthId, repositoryAuthId } = build;
    await Promise.all([
      registryAuthId === undefined ? [] : tx.query(HOLD_REGISTRY_AUTH, [registryAuthId]),
      repositoryAuthId === undefined ? [] : tx.query(HOLD_REPOSITORY_AUTH, [repositoryAuthId]),
    ]);
  }
}

function parametersOf(id: string, build: NewBuild): unknown[] {
  const { config, notBefore } = build;
  return [
    id,
    build.tenantId,
    build.projectId,
    build.priority,
    notBefore ?? null,
    notBefore === undefined ? null : `may not start before ${notBefore.toISOString()}`,
    build.buildMethod,
    build.infrastructureType,
    build.requestedProviderId ?? null,
    build.buildTimeoutMinutes,
    build.queueTimeoutMinutes,
    build.startLimitMinutes,
    build.gitBranch,
    build.gitCommit ?? null,
    build.tags,
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
    config.dockerfile_path ?? null,
    config.build_context ?? null,
    config.target ?? null,
    JSON.stringify(config.build_args ?? {}),
    config.platforms ?? [],
    config.cache_repo ?? null,
    JSON.stringify(config.metadata ?? {}),
    config.packer_template ?? null,
    JSON.stringify(config.variables ?? {}),
    JSON.stringify(build.request),
    build.gitRepositoryUrl,
    build.registryAuthId ?? null,
    build.repositoryAuthId ?? null,
    build.maxQueuedBuilds,
    ...storageColumns(build.resources),
  ];
}

function projectGone(projectId: string): DomainError {
  return new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no project ${projectId}` });
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

import {
  rejection,
  type BuildMethod,
  type BuildStatus,
  type ExecutionState,
  type InfrastructureType,
  type Provider,
  type ProviderHealth,
  type ProviderState,
  type ProviderType,
} from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import { verdictOf } from '../provider/provider-row.js';
import { storableJson, storableText } from '../sql/storable.js';
import type { PlacementCommit, PlacementResult } from './claimed-execution.js';
import { FIND_GRANTS, LOCK_CLAIMS, LOCK_PLACES, PLACE_WRITE } from './placement-statements.js';
import { unplace } from './unplace-executions.js';

interface ClaimRow {
  readonly id: string;
  readonly build_id: string;
  readonly tenant_id: string;
  readonly attempt: number;
  readonly owner: string;
  readonly claim_token: string;
  readonly state: ExecutionState;
  readonly status: BuildStatus;
  readonly build_method: BuildMethod;
  readonly infrastructure_type: InfrastructureType;
  readonly requested_provider_id: string | null;
  readonly provider_id: string | null;
  readonly shard: number | null;
}

interface ProviderRow {
  readonly id: string;
  readonly name: string;
  readonly provider_type: ProviderType;
  readonly source: Provider['source'];
  readonly is_global: boolean;
  readonly is_default: boolean;
  readonly state: ProviderState;
  readonly generation: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly allow_privileged: boolean;
  readonly max_concurrent_builds: number;
  readonly running: number;
  readonly unswept: number;
  readonly sweep_behind: boolean;
  readonly health: ProviderHealth;
  readonly tekton_answers: boolean;
  readonly watch_fresh: boolean;
  /** The clusters were compared with this database: see the rule of claims. */
  readonly trusted: boolean;
}

interface GrantRow {
  readonly provider_id: string;
  readonly tenant_id: string;
}

/** A commit whose claim is ours and whose build runs. */
interface Held {
  readonly commit: PlacementCommit;
  readonly claim: ClaimRow;
}

/** Providers as they stand under their locks, with what this transaction has reserved on them. */
class LockedProviders {
  readonly #rows: ReadonlyMap<string, ProviderRow>;
  readonly #grants: ReadonlySet<string>;
  readonly #reserved = new Map<string, number>();

  constructor(rows: readonly ProviderRow[], grants: readonly GrantRow[]) {
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.#grants = new Set(grants.map((grant) => `${grant.provider_id}|${grant.tenant_id}`));
  }

  find(id: string): ProviderRow | undefined {
    const row = this.#rows.get(id);
    return row === undefined ? undefined : { ...row, running: row.running + (this.#reserved.get(id) ?? 0) };
  }

  isGranted(id: string, tenantId: string): boolean {
    return this.#grants.has(`${id}|${tenantId}`);
  }

  reserve(id: string): void {
    this.#reserved.set(id, (this.#reserved.get(id) ?? 0) + 1);
  }
}

/**
 * The second half of a claim (correctness rule 8), for many at once: under the provider's lock its state, generation,
 * health, grant and limit are checked again, its slot is reserved, and everything that creating the attempt needs is
 * stored. None is placed by a database that may have lost that it was placed before (rule 4). Each has its own answer; one that is refused holds up no other, and one whose answer was lost with its COMMIT
 * is told again that it is placed (rule 2). Locks executions with their builds, then lanes
 * (only for what was cancelled meanwhile), then providers, each in the order of their ids.
 */
export async function placeExecutions(
  tx: Transaction,
  commits: readonly PlacementCommit[],
): Promise<PlacementResult[]> {
  const claims = await tx.query<ClaimRow>(LOCK_CLAIMS, [commits.map((commit) => commit.executionId)]);
  const byId = new Map(claims.map((claim) => [claim.id, claim]));
  const ours = commits.flatMap((commit): Held[] => {
    const claim = byId.get(commit.executionId);
    return claim !== undefined && isHeld(claim, commit) ? [{ commit, claim }] : [];
  });
  const running = ours.filter(({ claim }) => claim.status === 'running');
  if (running.length < ours.length) await endCancelled(tx, ours);
  const results = await checkAndReserve(tx, running);
  return commits.map((commit): PlacementResult => {
    const before = byId.get(commit.executionId);
    return results.get(commit.executionId) ?? { kind: isPlaced(before, commit) ? 'placed' : 'claim-lost' };
  });
}

/** A claim is placed once, by whoever knows its token: it was this commit, whatever has become of it since. */
function isPlaced(claim: ClaimRow | undefined, commit: PlacementCommit): boolean {
  return (
    claim?.claim_token === commit.claimToken &&
    claim.owner === commit.dispatcherId &&
    claim.provider_id === commit.providerId &&
    claim.shard === commit.shard
  );
}

function isHeld(claim: ClaimRow, commit: PlacementCommit): boolean {
  return claim.state === 'placing' && claim.owner === commit.dispatcherId && claim.claim_token === commit.claimToken;
}

async function endCancelled(tx: Transaction, ours: readonly Held[]): Promise<void> {
  const cancelled = ours.filter(({ claim }) => claim.status !== 'running');
  await unplace(
    tx,
    cancelled.map(({ commit: { executionId, dispatcherId } }) => ({
      executionId,
      owner: dispatcherId,
      target: 'queued',
      reason: 'UserCancel',
      message: 'cancelled before it was placed; no cluster was touched',
      actor: `dispatcher:${dispatcherId}`,
    })),
  );
}

async function checkAndReserve(tx: Transaction, held: readonly Held[]): Promise<Map<string, PlacementResult>> {
  if (held.length === 0) return new Map();
  const providerIds = [...new Set(held.map(({ commit }) => commit.providerId))];
  const tenantIds = [...new Set(held.map(({ claim }) => claim.tenant_id))];
  const [rows, grants] = await Promise.all([
    tx.query<ProviderRow>(LOCK_PLACES, [providerIds]),
    tx.query<GrantRow>(FIND_GRANTS, [providerIds, tenantIds]),
  ]);
  if (rows.some(({ trusted }) => !trusted)) {
    return new Map(held.map(({ commit }) => [commit.executionId, { kind: 'database-doubted' }]));
  }
  const providers = new LockedProviders(rows, grants);
  const results = new Map<string, PlacementResult>();
  const placed: Held[] = [];
  for (const one of held) {
    const { commit, claim } = one;
    const refusal = refusalOf(providers, claim, commit);
    results.set(commit.executionId, refusal ?? { kind: 'placed' });
    if (refusal !== undefined) continue;
    providers.reserve(commit.providerId);
    placed.push(one);
  }
  // The last statement: many wait for these providers.
  if (placed.length > 0) await tx.queryLast(PLACE_WRITE, placeParameters(placed, providers));
  return results;
}

function placeParameters(placed: readonly Held[], providers: LockedProviders): unknown[] {
  const column = (of: (commit: PlacementCommit) => unknown): unknown[] => placed.map(({ commit }) => of(commit));
  return [
    column((commit) => commit.executionId),
    column((commit) => commit.providerId),
    placed.map(({ claim }) => claim.build_id),
    column((commit) => commit.providerGeneration),
    column((commit) => commit.host),
    column((commit) => commit.shard),
    column((commit) => commit.place.clusterUid),
    column((commit) => commit.place.namespace),
    column((commit) => commit.place.namespaceUid),
    column((commit) => commit.document.document),
    column((commit) => commit.document.hash),
    column((commit) => commit.document.name),
    column((commit) => storableJson(commit.decision)),
    column((commit) => commit.ephemeralStorageLimitBytes ?? null),
    column((commit) => commit.workspaceBytes ?? null),
    column(({ providerId }) => storableText(`placed on ${providers.find(providerId)?.name ?? providerId}`)),
  ];
}

function refusalOf(
  providers: LockedProviders,
  claim: ClaimRow,
  commit: PlacementCommit,
): Extract<PlacementResult, { kind: 'provider-refused' }> | undefined {
  const row = providers.find(commit.providerId);
  if (row === undefined) {
    return { kind: 'provider-refused', reason: 'ProviderNotFound', message: `provider ${commit.providerId} is gone` };
  }
  if (row.generation !== commit.providerGeneration) {
    return {
      kind: 'provider-refused',
      reason: 'ProviderChanged',
      message: `${row.name} was changed since it was chosen`,
    };
  }
  const refusal = rejection(
    toCheckedProvider(row),
    {
      tenantId: claim.tenant_id,
      buildMethod: claim.build_method,
      infrastructureType: claim.infrastructure_type,
      ...(claim.requested_provider_id === null ? {} : { providerId: claim.requested_provider_id }),
    },
    providers.isGranted(row.id, claim.tenant_id),
  );
  if (refusal === undefined) return undefined;
  return { kind: 'provider-refused', reason: refusal.reason, message: `${row.name} ${refusal.message}` };
}

/** The fields that the placement filter reads. */
function toCheckedProvider(row: ProviderRow): Parameters<typeof rejection>[0] {
  const settings: Provider['settings'] =
    typeof row.settings['tekton_enabled'] === 'boolean' ? { tektonEnabled: row.settings['tekton_enabled'] } : {};
  return {
    type: row.provider_type,
    source: row.source,
    isGlobal: row.is_global,
    isDefault: row.is_default,
    state: row.state,
    settings,
    allowPrivileged: row.allow_privileged,
    maxConcurrentBuilds: row.max_concurrent_builds,
    running: row.running,
    unswept: row.unswept,
    sweepBehind: row.sweep_behind,
    health: {
      verdict: verdictOf(row),
      conditions: [],
      firstLossAt: undefined,
      probedAt: undefined,
      tektonAnswers: row.tekton_answers,
      watchFresh: row.watch_fresh,
    },
  };
}

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
import { storableJson, storableText } from '../sql/storable.js';
import type { PlacementCommit, PlacementResult } from './claimed-execution.js';
import { LOCK_CLAIM, LOCK_PROVIDER, PLACE_WRITE } from './placement-statements.js';
import { unplace } from './unplace-executions.js';

interface ClaimRow {
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
}

interface ProviderRow {
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
  readonly granted: boolean;
}

/**
 * The second half of a claim (correctness rule 8): under the provider's lock its state, generation, health, grant and
 * limit are checked again, its slot is reserved, and everything that creating the attempt needs is stored.
 */
export async function placeExecution(tx: Transaction, commit: PlacementCommit): Promise<PlacementResult> {
  const { executionId, dispatcherId, claimToken, providerId } = commit;
  const [claim] = await tx.query<ClaimRow>(LOCK_CLAIM, [executionId]);
  if (claim?.state !== 'placing' || claim.owner !== dispatcherId || claim.claim_token !== claimToken) {
    return { kind: 'claim-lost' };
  }
  if (claim.status !== 'running') {
    await unplace(tx, {
      executionIds: [executionId],
      owner: dispatcherId,
      target: 'queued',
      reason: 'UserCancel',
      message: 'cancelled before it was placed; no cluster was touched',
      actor: `dispatcher:${dispatcherId}`,
    });
    return { kind: 'claim-lost' };
  }
  const [provider] = await tx.query<ProviderRow>(LOCK_PROVIDER, [providerId, claim.tenant_id]);
  const refusal = refusalOf(provider, claim, commit);
  if (refusal !== undefined) return refusal;
  await tx.query(PLACE_WRITE, [
    executionId,
    providerId,
    claim.build_id,
    commit.providerGeneration,
    commit.host,
    commit.shard,
    commit.place.clusterUid,
    commit.place.namespace,
    commit.place.namespaceUid,
    commit.document.document,
    commit.document.hash,
    commit.document.name,
    claimToken,
    storableJson(commit.decision),
    storableText(`placed on ${provider?.name ?? providerId}`),
    commit.ephemeralStorageLimitBytes ?? null,
    commit.workspaceBytes ?? null,
  ]);
  return { kind: 'placed' };
}

function refusalOf(
  row: ProviderRow | undefined,
  claim: ClaimRow,
  commit: PlacementCommit,
): Extract<PlacementResult, { kind: 'provider-refused' }> | undefined {
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
    row.granted,
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
      verdict: row.health,
      conditions: [],
      firstLossAt: undefined,
      probedAt: undefined,
      tektonAnswers: row.tekton_answers,
      watchFresh: row.watch_fresh,
    },
  };
}

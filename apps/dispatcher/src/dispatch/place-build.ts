import {
  boundedDecision,
  chooseProvider,
  infrastructureTypeOf,
  isDomainError,
  type AvoidedProviders,
  type BuildExecutor,
  type MayWrite,
  type Place,
  type PlacementDecision,
  type Provider,
  type Reason,
} from '@image-factory/domain';
import type { ClaimedExecution, PlacementCommit, PlacementFactsReader } from '@image-factory/persistence';
import { withSpan, currentTraceparent } from '@image-factory/telemetry';
import type { Executors } from '../follow/provider-followers.js';
import { ParkClaim, type ParkClaimOptions, type ParkClaimParts, type PassedOver } from './park-claim.js';
import type { PlacementOutcome } from './placement-outcome.js';
import { placementRequest } from './placement-request.js';
import type { RetryFacts } from './retry-facts.js';
import { givenStorage, renderContext, shardOn } from './render-context.js';
import { stored } from './stored.js';

export interface PlaceBuildOptions extends ParkClaimOptions {
  readonly installationId: string;
  /** Host of local executions that are placed here. */
  readonly host: string;
  /** `host[:port]`s that speak plain HTTP, for every provider. */
  readonly insecureRegistries: readonly string[];
  readonly prepareTimeoutMs: number;
  /** The claimer's lease. */
  readonly mayWrite: MayWrite;
}

export interface PlaceBuildParts extends ParkClaimParts {
  readonly facts: PlacementFactsReader;
  readonly retryFacts: RetryFacts;
  readonly executors: Executors;
}

/** The first choice, and one more when it refuses. */
const CHOICES = 2;

/** A provider that was chosen, and what its run should keep away from. */
interface Chosen {
  readonly provider: Provider;
  readonly decision: PlacementDecision;
  readonly avoidedNodes: readonly string[];
}

/** What one choice led to: final, or "that provider not; choose again". */
type Choice = PlacementOutcome | Refused;
type Refused = PassedOver & {
  readonly kind: 'ProviderRefused';
  /** The commit found it otherwise than the facts that it was chosen by: fresh ones decide about it. */
  readonly isJudgedAnew?: boolean;
};

/**
 * Places one claimed build: choose a provider, make sure of the tenant's place there, render the document, commit. The
 * network is spoken to between transactions, never in one. Whatever cannot go on now is parked (ParkClaim). A cluster that
 * is slow or away refuses at once what it has no turn for (ClusterPressure), so that it holds up only a few builds, for
 * seconds.
 */
export class PlaceBuild {
  readonly #park: ParkClaim;

  constructor(
    private readonly parts: PlaceBuildParts,
    private readonly options: PlaceBuildOptions,
  ) {
    this.#park = new ParkClaim(parts, options);
  }

  async place(claimed: ClaimedExecution, dispatcherId: string, signal: AbortSignal): Promise<PlacementOutcome> {
    const attributes = { build: claimed.buildId, attempt: claimed.attempt, method: claimed.buildMethod };
    const work = (): Promise<PlacementOutcome> => this.#placeOrPark(claimed, dispatcherId, signal);
    return withSpan('place build', attributes, work, claimed.traceparent);
  }

  async #placeOrPark(claimed: ClaimedExecution, dispatcherId: string, signal: AbortSignal): Promise<PlacementOutcome> {
    try {
      return await this.#place(claimed, dispatcherId, signal);
    } catch (error) {
      if (signal.aborted || (isDomainError(error) && error.reason === 'DatabaseUnavailable')) throw error;
      this.parts.metrics.count('dispatchErrors');
      this.parts.logger.error('a build could not be placed', { build: claimed.buildId, error });
      return this.#park.afterSurprise(claimed, dispatcherId);
    }
  }

  async #place(claimed: ClaimedExecution, dispatcherId: string, signal: AbortSignal): Promise<PlacementOutcome> {
    const refusal = this.#refusedToTenant(claimed);
    if (refusal !== undefined) return this.#fail(claimed, dispatcherId, refusal.reason, refusal.message);
    const late = await this.parts.retryFacts.timeUsedUp(claimed);
    if (late !== undefined) return this.#fail(claimed, dispatcherId, 'RetryTimeExhausted', late);
    const hold = await this.parts.retryFacts.holdOn(claimed);
    if (hold !== undefined) return this.#park.untilHoldEnds(claimed, dispatcherId, hold);
    const avoided = await this.parts.retryFacts.avoided(claimed);
    const passedOver = new Map<string, Refused>();
    for (let choice = 0; choice < CHOICES; choice += 1) {
      const { decision, provider } = await this.#chooseSurely(claimed, avoided.providers, passedOver, choice > 0);
      if (provider === undefined)
        return this.#park.withoutProvider(claimed, dispatcherId, decision, passedOver.values());
      const chosen = { provider, decision, avoidedNodes: avoided.nodesOn(provider.id) };
      const outcome = await this.#tryProvider(claimed, dispatcherId, chosen, signal);
      if (outcome.kind !== 'ProviderRefused') return outcome;
      if (choice > 0 || outcome.isJudgedAnew !== true) passedOver.set(provider.id, outcome);
    }
    const { decision } = await this.#choose(claimed, avoided.providers, passedOver, true);
    const undecided = { ...decision, chosen: undefined };
    return this.#park.withoutProvider(claimed, dispatcherId, undecided, passedOver.values());
  }

  #refusedToTenant(claimed: ClaimedExecution): { reason: Reason; message: string } | undefined {
    if (!claimed.allowedMethods.includes(claimed.buildMethod)) {
      return { reason: 'MethodNotAllowedForTenant', message: `the tenant may not use ${claimed.buildMethod} any more` };
    }
    if (claimed.infrastructureType === 'kubernetes' && !claimed.tektonEnabledForTenant) {
      return {
        reason: 'TektonDisabled',
        message: 'Tekton is disabled for the tenant; submit it with infrastructure_type: local',
      };
    }
    return undefined;
  }

  /** Nobody is parked on facts from the cache: what woke the build may be newer. */
  async #chooseSurely(
    claimed: ClaimedExecution,
    avoided: AvoidedProviders,
    passedOver: ReadonlyMap<string, Refused>,
    fresh: boolean,
  ): Promise<{ decision: PlacementDecision; provider: Provider | undefined }> {
    const chosen = await this.#choose(claimed, avoided, passedOver, fresh);
    return chosen.provider === undefined && !fresh ? this.#choose(claimed, avoided, passedOver, true) : chosen;
  }

  async #choose(
    claimed: ClaimedExecution,
    avoided: AvoidedProviders,
    passedOver: ReadonlyMap<string, Refused>,
    fresh: boolean,
  ): Promise<{ decision: PlacementDecision; provider: Provider | undefined }> {
    const facts = await this.parts.facts.read(claimed.tenantId, fresh);
    const providers = facts.providers.filter((provider) => !passedOver.has(provider.id));
    const decision = chooseProvider(placementRequest(claimed, avoided), { ...facts, providers });
    const rejected = facts.providers.flatMap(({ id, name }) => {
      const why = passedOver.get(id);
      return why === undefined ? [] : [{ providerId: id, name, reason: why.reason, message: why.message }];
    });
    return {
      decision: boundedDecision({ ...decision, rejected: [...rejected, ...decision.rejected] }),
      provider: providers.find((provider) => provider.id === decision.chosen?.providerId),
    };
  }

  async #tryProvider(
    claimed: ClaimedExecution,
    dispatcherId: string,
    { provider, decision, avoidedNodes }: Chosen,
    signal: AbortSignal,
  ): Promise<Choice> {
    const executor = this.parts.executors[infrastructureTypeOf(provider.type)];
    if (executor === undefined) {
      return { kind: 'ProviderRefused', reason: 'TektonDisabled', message: 'this dispatcher runs no such executions' };
    }
    const prepared = await this.#prepare(executor, provider, claimed.tenantId, signal);
    if (prepared.kind === 'notReady') {
      const { reason, message, retryAfterMs } = prepared;
      return { kind: 'ProviderRefused', reason, message, notReady: { provider, retryAfterMs } };
    }
    const context = renderContext(claimed, provider, {
      ...this.options,
      avoidedNodes,
      traceparent: currentTraceparent(),
    });
    let document: PlacementCommit['document'];
    try {
      document = executor.render(context, prepared.place);
    } catch (error) {
      if (!isDomainError(error) || error.kind !== 'InvalidInput') throw error;
      return this.#fail(claimed, dispatcherId, error.reason, error.message);
    }
    const { executionId, claimToken } = claimed;
    const shard = shardOn(provider, claimed.buildId);
    const host = provider.type === 'local' ? this.options.host : '';
    const providerId = provider.id;
    const providerGeneration = provider.generation;
    const { place } = prepared;
    return this.#commit(claimed, provider, {
      executionId,
      dispatcherId,
      claimToken,
      providerId,
      providerGeneration,
      host,
      shard,
      place,
      document,
      decision,
      ...(provider.type === 'local' ? {} : givenStorage(context)),
    });
  }

  async #prepare(
    executor: BuildExecutor,
    provider: Provider,
    tenantId: string,
    signal: AbortSignal,
  ): Promise<{ kind: 'ready'; place: Place } | NotReady> {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(this.options.prepareTimeoutMs)]);
    try {
      const place = await executor.prepare({ providerId: provider.id, tenantId }, timeout, this.options.mayWrite);
      return { kind: 'ready', place };
    } catch (error) {
      if (isDomainError(error)) {
        const retryAfterMs = (error.retryAfterSeconds ?? 0) * 1000;
        return { kind: 'notReady', reason: error.reason, message: error.message, retryAfterMs };
      }
      if (!timeout.aborted) throw error;
      return { kind: 'notReady', reason: 'ClusterUnreachable', message: 'it did not answer in time', retryAfterMs: 0 };
    }
  }

  async #commit(claimed: ClaimedExecution, provider: Provider, commit: PlacementCommit): Promise<Choice> {
    const placed = await stored(this.parts.clock, () => this.parts.queue.place(commit));
    if (placed.kind === 'claim-lost') return { kind: 'ClaimLost' };
    if (placed.kind === 'database-doubted') return this.#giveBack(claimed, commit.dispatcherId);
    if (placed.kind === 'provider-refused') return { ...placed, kind: 'ProviderRefused', isJudgedAnew: true };
    this.parts.logger.info('build dispatched', {
      build: claimed.buildId,
      execution: claimed.executionId,
      attempt: claimed.attempt,
      method: claimed.buildMethod,
      infrastructureType: claimed.infrastructureType,
      provider: provider.name,
      shard: commit.shard,
    });
    return { kind: 'Dispatched', providerId: provider.id, shard: commit.shard };
  }

  /** Claims wait until the clusters were compared, and this one with them, in its old place. */
  async #giveBack({ executionId }: ClaimedExecution, dispatcherId: string): Promise<PlacementOutcome> {
    const message = 'the database failed over before it was placed; no cluster was touched';
    const request = { executionId, dispatcherId, reason: 'ClaimLost', message } as const;
    await stored(this.parts.clock, () => this.parts.queue.release(request));
    return { kind: 'ClaimLost' };
  }

  async #fail(
    claimed: ClaimedExecution,
    dispatcherId: string,
    reason: Reason,
    message: string,
  ): Promise<PlacementOutcome> {
    const { executionId } = claimed;
    const request = { executionId, dispatcherId, reason, message };
    await stored(this.parts.clock, () => this.parts.queue.failPlacing(request));
    this.parts.logger.info('build refused while placing', { build: claimed.buildId, reason, message });
    return { kind: 'BuildRefused', reason, message };
  }
}

interface NotReady {
  readonly kind: 'notReady';
  readonly reason: Reason;
  readonly message: string;
  readonly retryAfterMs: number;
}

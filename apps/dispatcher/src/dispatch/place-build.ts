import {
  boundedDecision,
  chooseProvider,
  infrastructureTypeOf,
  isDomainError,
  tenantText,
  type AvoidedProviders,
  type BuildExecutor,
  type Clock,
  type Parking,
  type Place,
  type PlacementDecision,
  type Provider,
  type Reason,
} from '@image-factory/domain';
import type {
  ClaimedExecution,
  PlacementCommit,
  PlacementFactsReader,
  PostgresBuildQueue,
  RegistryHold,
} from '@image-factory/persistence';
import { withSpan, currentTraceparent, type Logger, type Metrics } from '@image-factory/telemetry';
import type { Executors } from '../follow/provider-followers.js';
import { backOffMs, withJitter } from '../loop/back-off.js';
import type { PlacementOutcome } from './placement-outcome.js';
import { noProviderMessage, placementRequest } from './placement-request.js';
import type { RetryFacts } from './retry-facts.js';
import { givenStorage, renderContext, shardOn } from './render-context.js';

export interface PlaceBuildOptions {
  readonly installationId: string;
  /** Host of local executions that are placed here. */
  readonly host: string;
  /** `host[:port]`s that speak plain HTTP, for every provider. */
  readonly insecureRegistries: readonly string[];
  readonly prepareTimeoutMs: number;
  /** How long a build without an eligible provider sleeps, unless a provider changes. */
  readonly noProviderWaitMs: number;
  /** The database's time, ms since the epoch. */
  readonly databaseNowMs: () => number;
}

export interface PlaceBuildParts {
  readonly queue: PostgresBuildQueue;
  readonly facts: PlacementFactsReader;
  readonly retryFacts: RetryFacts;
  readonly executors: Executors;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const BUSY = { baseMs: 2_000, capMs: 60_000 };
const STORE = { baseMs: 200, capMs: 5_000 };
/** Builds that waited for a hold's end do not come all at once. */
const AFTER_HOLD_MS = 15_000;
/** The first choice, and one more when it refuses. */
const CHOICES = 2;

/** A provider that was chosen, and what its run should keep away from. */
interface Chosen {
  readonly provider: Provider;
  readonly decision: PlacementDecision;
  readonly avoidedNodes: readonly string[];
}

/** What one choice led to: final, or "that provider not; choose again". */
type Choice =
  | PlacementOutcome
  | {
      readonly kind: 'ProviderRefused';
      readonly reason: Reason;
      readonly message: string;
      /** It could not be prepared: where no other provider is eligible, the build waits for this one. */
      readonly notReady?: { readonly provider: Provider; readonly retryAfterMs: number };
    };
type Refused = Extract<Choice, { kind: 'ProviderRefused' }>;

/**
 * Places one claimed build: choose a provider, make sure of the tenant's place there, render the document, commit. The
 * network is spoken to between transactions, never in one. Whatever cannot go on now is parked with its reason, and
 * uses no attempt. A cluster that is slow or away refuses at once what it has no turn for (ClusterPressure), so that it
 * holds up only a few builds, for seconds.
 */
export class PlaceBuild {
  constructor(
    private readonly parts: PlaceBuildParts,
    private readonly options: PlaceBuildOptions,
  ) {}

  async place(claimed: ClaimedExecution, dispatcherId: string, signal: AbortSignal): Promise<PlacementOutcome> {
    const attributes = { build: claimed.buildId, attempt: claimed.attempt, method: claimed.buildMethod };
    const work = (): Promise<PlacementOutcome> => this.#placeOrPark(claimed, dispatcherId, signal);
    return withSpan('place build', attributes, work, claimed.traceparent);
  }

  /** A surprise must not be claimed again at once for ever: it waits like a provider that is not ready. */
  async #placeOrPark(claimed: ClaimedExecution, dispatcherId: string, signal: AbortSignal): Promise<PlacementOutcome> {
    try {
      return await this.#place(claimed, dispatcherId, signal);
    } catch (error) {
      if (signal.aborted || (isDomainError(error) && error.reason === 'DatabaseUnavailable')) throw error;
      this.parts.metrics.count('dispatchErrors');
      this.parts.logger.error('a build could not be placed', { build: claimed.buildId, error });
      const message = 'placing failed with an internal error; it is tried again';
      const wakeAt = new Date(this.options.databaseNowMs() + backOffMs(claimed.bounces + 1, BUSY));
      await this.#park(claimed, dispatcherId, { reason: 'BackOff', message, wakeAt });
      return { kind: 'NoEligibleProvider', message };
    }
  }

  async #place(claimed: ClaimedExecution, dispatcherId: string, signal: AbortSignal): Promise<PlacementOutcome> {
    const refusal = this.#refusedToTenant(claimed);
    if (refusal !== undefined) return this.#fail(claimed, dispatcherId, refusal.reason, refusal.message);
    const hold = await this.parts.retryFacts.holdOn(claimed);
    if (hold !== undefined) return this.#parkHeld(claimed, dispatcherId, hold);
    const avoided = await this.parts.retryFacts.avoided(claimed);
    const passedOver = new Map<string, Refused>();
    for (let choice = 0; choice < CHOICES; choice += 1) {
      const { decision, provider } = await this.#chooseSurely(claimed, avoided.providers, passedOver, choice > 0);
      if (provider === undefined) return this.#parkPassedOver(claimed, dispatcherId, decision, passedOver);
      const chosen = { provider, decision, avoidedNodes: avoided.nodesOn(provider.id) };
      const outcome = await this.#tryProvider(claimed, dispatcherId, chosen, signal);
      if (outcome.kind !== 'ProviderRefused') return outcome;
      passedOver.set(provider.id, outcome);
    }
    const { decision } = await this.#choose(claimed, avoided.providers, passedOver, true);
    return this.#parkPassedOver(claimed, dispatcherId, { ...decision, chosen: undefined }, passedOver);
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
      const place = await executor.prepare({ providerId: provider.id, tenantId }, timeout);
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
    const placed = await this.#stored(() => this.parts.queue.place(commit));
    if (placed.kind === 'claim-lost') return { kind: 'ClaimLost' };
    if (placed.kind === 'provider-refused') return { ...placed, kind: 'ProviderRefused' };
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

  /** The first provider that was only not ready is waited for; else whatever changes. */
  async #parkPassedOver(
    claimed: ClaimedExecution,
    dispatcherId: string,
    decision: PlacementDecision,
    passedOver: ReadonlyMap<string, Refused>,
  ): Promise<PlacementOutcome> {
    for (const { reason, message, notReady } of passedOver.values()) {
      if (notReady === undefined) continue;
      const { provider, retryAfterMs } = notReady;
      const refusal: NotReady = { kind: 'notReady', reason, message, retryAfterMs };
      return this.#parkNotReady(claimed, dispatcherId, { provider, decision }, refusal);
    }
    return this.#parkWithoutProvider(claimed, dispatcherId, decision);
  }

  async #parkWithoutProvider(
    claimed: ClaimedExecution,
    dispatcherId: string,
    decision: PlacementDecision,
  ): Promise<PlacementOutcome> {
    const named = claimed.requestedProviderId;
    const message = noProviderMessage(decision, named);
    const wakeAt = new Date(this.options.databaseNowMs() + this.#waitMs(claimed, decision));
    const wakeOn = named === undefined ? 'provider:any' : `provider:${named}`;
    await this.#park(claimed, dispatcherId, { reason: 'NoEligibleProvider', message, wakeAt, wakeOn }, decision);
    return { kind: 'NoEligibleProvider', message };
  }

  /** A breaker closes without anybody being told of it. */
  #waitMs(claimed: ClaimedExecution, decision: PlacementDecision): number {
    const waitMs = withJitter(this.options.noProviderWaitMs, 0.2);
    const held = decision.rejected.some(({ reason }) => reason === 'BreakerOpen');
    return held ? Math.min(waitMs, backOffMs(claimed.bounces, BUSY)) : waitMs;
  }

  /** A registry that many builds had trouble with: no cluster's time is spent on what could not be pushed. */
  async #parkHeld(claimed: ClaimedExecution, dispatcherId: string, hold: RegistryHold): Promise<PlacementOutcome> {
    const message = `${hold.message}; builds for it wait until ${hold.heldUntil.toISOString()}`;
    const wakeAt = new Date(hold.heldUntil.getTime() + Math.floor(AFTER_HOLD_MS * Math.random()));
    await this.#park(claimed, dispatcherId, { reason: 'RegistryHeld', message, wakeAt });
    return { kind: 'RegistryHeld', message };
  }

  async #parkNotReady(
    claimed: ClaimedExecution,
    dispatcherId: string,
    { provider, decision }: Pick<Chosen, 'provider' | 'decision'>,
    { reason, message: whole, retryAfterMs }: NotReady,
  ): Promise<PlacementOutcome> {
    const message = `provider ${provider.name} cannot take it now (${reason}): ${tenantText(reason, whole)}`;
    const waitMs = Math.max(retryAfterMs, backOffMs(claimed.bounces, BUSY));
    const wakeAt = new Date(this.options.databaseNowMs() + waitMs);
    this.parts.logger.warn('a provider is not ready', { provider: provider.name, reason, message: whole });
    await this.#park(claimed, dispatcherId, { reason: 'BackOff', message, wakeAt }, decision);
    return { kind: 'ProviderNotReady', providerId: provider.id, reason, message };
  }

  async #park(
    claimed: ClaimedExecution,
    dispatcherId: string,
    parking: Parking,
    decision?: PlacementDecision,
  ): Promise<void> {
    const { executionId } = claimed;
    const request = { executionId, dispatcherId, parking, ...(decision === undefined ? {} : { decision }) };
    await this.#stored(() => this.parts.queue.park(request));
    this.parts.metrics.count('parks', 1, { reason: parking.reason });
    this.parts.logger.info('build parked', { build: claimed.buildId, execution: executionId, ...parking });
  }

  async #fail(
    claimed: ClaimedExecution,
    dispatcherId: string,
    reason: Reason,
    message: string,
  ): Promise<PlacementOutcome> {
    const { executionId } = claimed;
    await this.#stored(() => this.parts.queue.failPlacing({ executionId, dispatcherId, reason, message }));
    this.parts.logger.info('build refused while placing', { build: claimed.buildId, reason, message });
    return { kind: 'BuildRefused', reason, message };
  }

  /**
   * A write whose answer is lost is sent again: each of them finds its own effect and then changes nothing, so the
   * repetition is the read-back that correctness rule 2 asks for. Ends when the claim is somebody else's.
   */
  async #stored<T>(write: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await write();
      } catch (error) {
        if (!isDomainError(error) || error.reason !== 'DatabaseUnavailable' || tries >= 20) throw error;
        await this.parts.clock.sleep(backOffMs(tries, STORE));
      }
    }
  }
}

interface NotReady {
  readonly kind: 'notReady';
  readonly reason: Reason;
  readonly message: string;
  readonly retryAfterMs: number;
}

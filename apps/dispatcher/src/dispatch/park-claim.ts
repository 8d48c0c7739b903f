import {
  tenantText,
  type Clock,
  type Parking,
  type PlacementDecision,
  type Provider,
  type Reason,
} from '@image-factory/domain';
import type { ClaimedExecution, PostgresBuildQueue, RegistryHold } from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import { backOffMs, withJitter } from '../loop/back-off.js';
import type { PlacementOutcome } from './placement-outcome.js';
import { noProviderMessage } from './placement-request.js';
import { stored } from './stored.js';

export interface ParkClaimParts {
  readonly queue: PostgresBuildQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ParkClaimOptions {
  /** How long a build without an eligible provider sleeps at first, unless a provider changes. */
  readonly noProviderWaitMs: number;
  /** The database's time, ms since the epoch. */
  readonly databaseNowMs: () => number;
}

/** Why a provider that was chosen did not take the build. */
export interface PassedOver {
  readonly reason: Reason;
  readonly message: string;
  /** It could not be prepared: where no other provider is eligible, the build waits for this one. */
  readonly notReady?: { readonly provider: Provider; readonly retryAfterMs: number };
}

const BUSY = { baseMs: 2_000, capMs: 60_000 };
/** Longest sleep, in times of the first one, where a wake-up comes anyway. */
const MOST_WAITS = 2;
/** Refusals whose end is told to those that wait: a slot is free, a provider is fit again. Others show only when looked at. */
const ANNOUNCED: readonly Reason[] = [
  'ProviderAtLimit',
  'SweepBehind',
  'ProviderUnhealthy',
  'ProviderCordoned',
  'ProviderDraining',
];
/** Builds that waited for a hold's end do not come all at once. */
const AFTER_HOLD_MS = 15_000;

/** Takes back a claim that cannot be placed now, with its reason and what wakes the build; no attempt is used. */
export class ParkClaim {
  constructor(
    private readonly parts: ParkClaimParts,
    private readonly options: ParkClaimOptions,
  ) {}

  /**
   * The first provider that was only not ready is waited for; else whatever changes. What only this dispatcher's breaker
   * keeps away waits for a time: what wakes others would bring it back here at once, and nobody is told of a breaker.
   */
  async withoutProvider(
    claimed: ClaimedExecution,
    dispatcherId: string,
    decision: PlacementDecision,
    passedOver: Iterable<PassedOver>,
  ): Promise<PlacementOutcome> {
    for (const { reason, message, notReady } of passedOver) {
      if (notReady !== undefined)
        return this.#untilReady(claimed, dispatcherId, decision, { reason, message, ...notReady });
    }
    const named = claimed.requestedProviderId;
    const message = noProviderMessage(decision, named);
    const heldBack = decision.rejected.some((rejected) => rejected.reason === 'BreakerOpen');
    const waitMs = this.#waitMs(claimed, decision);
    const wake = heldBack
      ? { wakeAt: this.#in(Math.min(waitMs, backOffMs(claimed.bounces, BUSY))) }
      : { wakeAt: this.#in(waitMs), wakeOn: named === undefined ? 'provider:any' : `provider:${named}` };
    await this.#park(claimed, dispatcherId, { reason: 'NoEligibleProvider', message, ...wake }, decision);
    return { kind: 'NoEligibleProvider', message, heldBack };
  }

  /** A registry that many builds had trouble with: no cluster's time is spent on what could not be pushed. */
  async untilHoldEnds(claimed: ClaimedExecution, dispatcherId: string, hold: RegistryHold): Promise<PlacementOutcome> {
    const message = `${hold.message}; builds for it wait until ${hold.heldUntil.toISOString()}`;
    const wakeAt = new Date(hold.heldUntil.getTime() + Math.floor(AFTER_HOLD_MS * Math.random()));
    await this.#park(claimed, dispatcherId, { reason: 'RegistryHeld', message, wakeAt });
    return { kind: 'RegistryHeld', message };
  }

  /** A surprise must not be claimed again at once for ever: it waits like a provider that is not ready. */
  async afterSurprise(claimed: ClaimedExecution, dispatcherId: string): Promise<PlacementOutcome> {
    const message = 'placing failed with an internal error; it is tried again';
    const wakeAt = this.#in(backOffMs(claimed.bounces + 1, BUSY));
    await this.#park(claimed, dispatcherId, { reason: 'BackOff', message, wakeAt });
    return { kind: 'NoEligibleProvider', message, heldBack: false };
  }

  async #untilReady(
    claimed: ClaimedExecution,
    dispatcherId: string,
    decision: PlacementDecision,
    why: Omit<PassedOver, 'notReady'> & Required<PassedOver>['notReady'],
  ): Promise<PlacementOutcome> {
    const { provider, reason, retryAfterMs } = why;
    const message = `provider ${provider.name} cannot take it now (${reason}): ${tenantText(reason, why.message)}`;
    const wakeAt = this.#in(Math.max(retryAfterMs, backOffMs(claimed.bounces, BUSY)));
    this.parts.logger.warn('a provider is not ready', { provider: provider.name, reason, message: why.message });
    await this.#park(claimed, dispatcherId, { reason: 'BackOff', message, wakeAt }, decision);
    return { kind: 'ProviderNotReady', providerId: provider.id, reason, message };
  }

  #waitMs({ bounces }: ClaimedExecution, { rejected }: PlacementDecision): number {
    const { noProviderWaitMs } = this.options;
    const isAnnounced = rejected.every(({ reason }) => ANNOUNCED.includes(reason));
    return withJitter(noProviderWaitMs * (isAnnounced ? Math.min(2 ** bounces, MOST_WAITS) : 1), 0.2);
  }

  #in(ms: number): Date {
    return new Date(this.options.databaseNowMs() + ms);
  }

  async #park(
    claimed: ClaimedExecution,
    dispatcherId: string,
    parking: Parking,
    decision?: PlacementDecision,
  ): Promise<void> {
    const { clock, queue, metrics, logger } = this.parts;
    const { executionId } = claimed;
    const request = { executionId, dispatcherId, parking, ...(decision === undefined ? {} : { decision }) };
    await stored(clock, () => queue.park(request));
    metrics.count('parks', 1, { reason: parking.reason });
    logger.info('build parked', { build: claimed.buildId, execution: executionId, ...parking });
  }
}

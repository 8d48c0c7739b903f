import type { QueuePosition, StoredBuild } from '@image-factory/persistence';
import {
  estimateWait,
  type Parking,
  type ParkReason,
  type Reason,
  REASONS,
  type WaitEstimate,
} from '@image-factory/domain';
import { type Audience, told } from '../../access/audience.js';
import { Shown, ShownAs, timeOrNull } from '../../http/response/shown.js';

/** What holds a queued build. */
export class BindingLimit {
  @Shown('text', { choices: REASONS, example: 'TenantAtLimit' }) readonly reason!: Reason;
  @Shown('text', { example: 'the tenant runs 10 of at most 10 builds' }) readonly message!: string;
}

/** How long a build may wait, and what that is made of. */
export class ExpectedWait {
  @Shown('number', { example: 120 }) readonly seconds!: number;
  @Shown('text', { example: 'position 7, 10 of 10 run, the last 20 attempts took 94 s in the median' })
  readonly basis!: string;
}

/** Where a queued build stands and what keeps it there. */
export class QueueStanding {
  @Shown('integer', {
    nullable: true,
    description:
      '1 is next in its tenant, or among those that wait for the same project, key or provider; null while it waits for a time',
  })
  readonly position!: number | null;

  @ShownAs(() => BindingLimit, { nullable: true, description: 'null when the next free dispatcher takes it' })
  readonly binds!: BindingLimit | null;

  @Shown('time', { nullable: true, description: 'When a parked build is looked at again at the latest' })
  readonly wake_at!: string | null;

  @ShownAs(() => ExpectedWait, {
    nullable: true,
    description: 'An estimate of what is left of the wait; null where there is nothing to make one of',
  })
  readonly estimate!: ExpectedWait | null;

  @Shown('text', {
    nullable: true,
    description: 'Why there is no estimate; null where there is one',
    example: 'no attempt of the tenant has ended lately',
  })
  readonly no_estimate!: string | null;
}

/** Parked builds say why; others are held by the pause, a limit or builds ahead, in that order. */
export function queueStanding(
  build: StoredBuild,
  place: QueuePosition | undefined,
  audience: Audience,
  now: Date,
): QueueStanding {
  const { parking } = build;
  const held = parking ?? (place === undefined ? null : bindingLimit(place));
  const binds =
    held === null ? null : { reason: held.reason, message: told(audience, held.reason, held.message) ?? '' };
  const expected = parking === undefined ? expectedTurn(place, audience) : expectedWake(parking, place, audience, now);
  const isKnown = typeof expected !== 'string';
  return {
    position: place?.position ?? null,
    binds,
    wake_at: timeOrNull(parking?.wakeAt),
    estimate: isKnown ? expected : null,
    no_estimate: isKnown ? null : expected,
  };
}

/** What ends when its time has come. */
const UNTIL: Partial<Record<ParkReason, string>> = {
  NotBefore: 'until its not_before',
  BackOff: 'until its back-off is over',
  RegistryHeld: 'until the hold on its registry is over',
};

/** How long a parked build waits at least, or why nobody can say. */
function expectedWake(
  { reason, wakeAt, wakeOn }: Parking,
  place: QueuePosition | undefined,
  audience: Audience,
  now: Date,
): WaitEstimate | string {
  if (wakeOn === undefined && wakeAt !== undefined) {
    const seconds = Math.max(0, Math.round((wakeAt.getTime() - now.getTime()) / 1000));
    return { seconds, basis: `${UNTIL[reason] ?? 'until it is looked at again'}; then it takes its turn in the queue` };
  }
  if (place?.awaited !== undefined) return expectedTurn(place, audience);
  return reason === 'DispatchPaused' ? PAUSED : 'nobody knows when what binds it will change';
}

const PAUSED = 'dispatching is paused, and nobody knows for how long';

/** From how long attempts took lately; nothing is expected while an administrator or a missing dispatcher holds everything. */
function expectedTurn(place: QueuePosition | undefined, audience: Audience): WaitEstimate | string {
  if (place === undefined) return 'its place is not known';
  if (place.dispatchPaused || place.claimsHeld) return PAUSED;
  if (place.liveDispatchers === 0) return 'no dispatcher is alive';
  if (place.medianSlotSeconds === undefined) return 'no attempt of the tenant has ended lately';
  const { awaited, installationRunning: slotsTaken, activeWeights } = place;
  const facts = { ...place, slots: slotsOfAll(place), slotsTaken };
  const { limit, taken, isShared } = awaited ?? { limit: place.maxRunning, taken: place.running, isShared: false };
  // Who waits for a provider waits in one line of all tenants: all of what is free comes to it.
  const weights = isShared ? place.weight : activeWeights;
  const isHidden = isShared && audience === 'tenant';
  return (
    estimateWait({ ...facts, running: taken, maxRunning: limit, weights, isHidden }) ?? 'its limits let no build run'
  );
}

function slotsOfAll({ dispatcherSlots, installationLimit, providerSlots }: QueuePosition): number {
  return Math.min(dispatcherSlots, installationLimit ?? dispatcherSlots, providerSlots ?? dispatcherSlots);
}

function bindingLimit(place: QueuePosition): BindingLimit | null {
  if (place.dispatchPaused) {
    return { reason: 'DispatchPaused', message: 'dispatching is paused by an administrator' };
  }
  if (place.claimsHeld) {
    const message = 'the database has failed over; builds start again once the clusters were compared with it';
    return { reason: 'DispatchPaused', message };
  }
  if (place.installationLimit !== undefined && place.installationRunning >= place.installationLimit) {
    return {
      reason: 'InstallationAtLimit',
      message: `all tenants together run ${place.installationRunning} of at most ${place.installationLimit} builds`,
    };
  }
  if (place.running >= place.maxRunning) {
    return {
      reason: 'TenantAtLimit',
      message: `the tenant runs ${place.running} of at most ${place.maxRunning} builds`,
    };
  }
  if (place.liveDispatchers === 0) {
    return { reason: 'DispatcherMissing', message: 'no dispatcher is alive; an operator has to start one' };
  }
  if (place.providersFull) {
    const message =
      'no provider that takes builds of the tenant at present has room for another (max_concurrent_builds)';
    return { reason: 'NoEligibleProvider', message };
  }
  if (place.installationRunning >= place.dispatcherSlots) {
    return { reason: 'SlotsTaken', message: `all ${place.dispatcherSlots} slots of the dispatchers are taken` };
  }
  if (place.position > 1) {
    return { reason: 'BuildsAhead', message: `${place.position - 1} builds of the tenant are ahead` };
  }
  return null;
}

import type { QueuePosition, StoredBuild } from '@image-factory/persistence';
import { estimateWait, type ParkReason, type Reason, REASONS, type WaitEstimate } from '@image-factory/domain';
import { type Audience, told } from '../../access/audience.js';
import { Shown, ShownAs } from '../../http/response/shown.js';

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
      '1 is next in its tenant, or among those that wait for the same project or key; null while it waits for a time or a provider',
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
}

/** True for what only ends with other builds: then there is an order among those that wait. */
export function waitsForBuilds(reason: ParkReason): boolean {
  return reason === 'ProjectAtLimit' || reason === 'ConcurrencyKeyBusy';
}

/** Parked builds say why; others are held by the pause, a limit or builds ahead, in that order. */
export function queueStanding(build: StoredBuild, place: QueuePosition | undefined, audience: Audience): QueueStanding {
  if (build.parking !== undefined) {
    const { reason, message, wakeAt } = build.parking;
    const at = wakeAt?.toISOString() ?? null;
    const binds = { reason, message: told(audience, reason, message) ?? '' };
    return { position: place?.position ?? null, binds, wake_at: at, estimate: null };
  }
  if (place === undefined) return { position: null, binds: null, wake_at: null, estimate: null };
  const binds = bindingLimit(place);
  const shown = binds === null ? null : { ...binds, message: told(audience, binds.reason, binds.message) ?? '' };
  return { position: place.position, binds: shown, wake_at: null, estimate: expectedWait(place, binds) ?? null };
}

/** Nothing is expected while an administrator or a missing dispatcher holds everything. */
function expectedWait(place: QueuePosition, binds: QueueStanding['binds']): WaitEstimate | undefined {
  if (binds?.reason === 'DispatchPaused' || binds?.reason === 'DispatcherMissing') return undefined;
  const { installationRunning: slotsTaken, activeWeights: weights } = place;
  return estimateWait({ ...place, slots: slotsOfAll(place), slotsTaken, weights });
}

function slotsOfAll({ dispatcherSlots, installationLimit }: QueuePosition): number {
  return Math.min(dispatcherSlots, installationLimit ?? dispatcherSlots);
}

function bindingLimit(place: QueuePosition): QueueStanding['binds'] {
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
  if (place.installationRunning >= place.dispatcherSlots) {
    return { reason: 'SlotsTaken', message: `all ${place.dispatcherSlots} slots of the dispatchers are taken` };
  }
  if (place.position > 1) {
    return { reason: 'BuildsAhead', message: `${place.position - 1} builds of the tenant are ahead` };
  }
  return null;
}

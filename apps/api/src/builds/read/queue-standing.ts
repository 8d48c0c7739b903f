import type { QueuePosition, StoredBuild } from '@image-factory/persistence';
import { type Reason, REASONS } from '@image-factory/domain';
import { Shown, ShownAs } from '../../http/response/shown.js';

/** What holds a queued build. */
export class BindingLimit {
  @Shown('text', { choices: REASONS, example: 'TenantAtLimit' }) readonly reason!: Reason;
  @Shown('text', { example: 'the tenant runs 10 of at most 10 builds' }) readonly message!: string;
}

/** Where a queued build stands and what keeps it there. */
export class QueueStanding {
  @Shown('integer', {
    nullable: true,
    description: '1 is next in its tenant; null while it waits for a time or an event',
  })
  readonly position!: number | null;

  @ShownAs(() => BindingLimit, { nullable: true, description: 'null when the next free dispatcher takes it' })
  readonly binds!: BindingLimit | null;

  @Shown('time', { nullable: true, description: 'When a parked build is looked at again at the latest' })
  readonly wake_at!: string | null;
}

/** Parked builds say why; others are held by the pause, the tenant's limit or builds ahead, in that order. */
export function queueStanding(build: StoredBuild, place: QueuePosition | undefined): QueueStanding {
  if (build.parking !== undefined) {
    const { reason, message, wakeAt } = build.parking;
    return { position: null, binds: { reason, message }, wake_at: wakeAt?.toISOString() ?? null };
  }
  if (place === undefined) return { position: null, binds: null, wake_at: null };
  return { position: place.position, binds: bindingLimit(place), wake_at: null };
}

function bindingLimit(place: QueuePosition): QueueStanding['binds'] {
  if (place.dispatchPaused) {
    return { reason: 'DispatchPaused', message: 'dispatching is paused by an administrator' };
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
  if (place.position > 1) {
    return { reason: 'BuildsAhead', message: `${place.position - 1} builds of the tenant are ahead` };
  }
  return null;
}

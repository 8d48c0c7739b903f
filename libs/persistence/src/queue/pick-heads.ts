import { keyWake, projectWake } from '@image-factory/domain';
import { type LaneTally, nextLane } from './lane-allotment.js';

/** A build at the head of a locked lane, with what decides whether it may start. */
export interface QueuedHead {
  readonly buildId: string;
  readonly tenantId: string;
  readonly projectId: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly concurrencyKey: string | undefined;
  /** A build of its key has a live attempt. */
  readonly keyBusy: boolean;
  readonly projectLimit: number | undefined;
  readonly projectRunning: number;
}

/** A head that may not start, and what wakes it. */
export interface BlockedHead {
  readonly buildId: string;
  readonly reason: 'ProjectAtLimit' | 'ConcurrencyKeyBusy';
  readonly message: string;
  readonly wakeOn: string;
}

export interface PickedHeads {
  readonly picked: readonly QueuedHead[];
  readonly blocked: readonly BlockedHead[];
  /** The lane whose turn it was when its heads ran out, though it has more. */
  readonly unread: boolean;
}

/**
 * Serves lanes by their turn with the builds that were read, as if they were claimed one by one: each build's own
 * figures count before the next lane is chosen. A head that may not start is set aside and its lane goes on with the
 * next. It ends at `limit`, or when the lane whose turn it is has more builds than were read: to go on without it would
 * be unfair. Changes the tallies.
 */
export function pickHeads(tallies: readonly LaneTally[], heads: readonly QueuedHead[], limit: number): PickedHeads {
  const picked: QueuedHead[] = [];
  const blocked: BlockedHead[] = [];
  const waiting = new Map(tallies.map((tally) => [tally.lane.tenantId, [] as QueuedHead[]]));
  for (const head of heads) waiting.get(head.tenantId)?.push(head);
  const taken = new TakenRoom();
  while (picked.length < limit) {
    const next = nextLane(tallies);
    if (next === undefined) return { picked, blocked, unread: false };
    const head = waiting.get(next.lane.tenantId)?.shift();
    if (head === undefined) return { picked, blocked, unread: true };
    const obstacle = taken.obstacleOf(head);
    if (obstacle === undefined) {
      taken.take(head);
      next.serve(head);
      picked.push(head);
    } else {
      next.queued -= 1;
      blocked.push({ buildId: head.buildId, ...obstacle });
    }
  }
  return { picked, blocked, unread: false };
}

/** What the picked heads have taken of their projects and keys. */
class TakenRoom {
  readonly #projects = new Map<string, number>();
  readonly #keys = new Set<string>();

  take(head: QueuedHead): void {
    this.#projects.set(head.projectId, (this.#projects.get(head.projectId) ?? 0) + 1);
    if (head.concurrencyKey !== undefined) this.#keys.add(keyWake(head.projectId, head.concurrencyKey));
  }

  obstacleOf(head: QueuedHead): Omit<BlockedHead, 'buildId'> | undefined {
    const { projectId, concurrencyKey, projectLimit, projectRunning } = head;
    if (concurrencyKey !== undefined) {
      const wakeOn = keyWake(projectId, concurrencyKey);
      if (head.keyBusy || this.#keys.has(wakeOn)) {
        const message = `waits for the end of another build with the concurrency key ${JSON.stringify(concurrencyKey)}`;
        return { reason: 'ConcurrencyKeyBusy', message, wakeOn };
      }
    }
    const running = projectRunning + (this.#projects.get(projectId) ?? 0);
    if (projectLimit === undefined || running < projectLimit) return undefined;
    const message = `the project runs ${running} of at most ${projectLimit} builds`;
    return { reason: 'ProjectAtLimit', message, wakeOn: projectWake(projectId) };
  }
}

import { DEFAULT_CPU_MILLIS, DEFAULT_MEMORY_BYTES } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { LaneTally } from './lane-allotment.js';
import { pickHeads, type QueuedHead } from './pick-heads.js';

function tally(tenantId: string, queued: number): LaneTally {
  return new LaneTally({
    tenantId,
    queued,
    running: 0,
    maxRunning: 100,
    weight: 1,
    guaranteed: 0,
    runningCpu: 0,
    runningMemory: 0,
    served: 0,
  });
}

function heads(tenantId: string, count: number, over: Partial<QueuedHead> = {}): QueuedHead[] {
  return Array.from({ length: count }, (_, index) => ({
    buildId: `${tenantId}${index}`,
    tenantId,
    projectId: `project of ${tenantId}`,
    cpuMillis: DEFAULT_CPU_MILLIS,
    memoryBytes: DEFAULT_MEMORY_BYTES,
    concurrencyKey: undefined,
    keyBusy: false,
    projectLimit: undefined,
    projectRunning: 0,
    ...over,
  }));
}

describe('the builds that a claim picks', () => {
  it('are fewer of a lane whose builds are large', () => {
    const { picked } = pickHeads(
      [tally('a', 9), tally('b', 9)],
      [...heads('a', 9, { cpuMillis: 4000 }), ...heads('b', 9)],
      10,
    );
    expect(picked.filter((head) => head.tenantId === 'a')).toHaveLength(2);
  });

  it('end where the lane whose turn it is has more than was read', () => {
    const given = [...heads('a', 5, { cpuMillis: 4000 }), ...heads('b', 2)];
    const { picked, unread } = pickHeads([tally('a', 5), tally('b', 50)], given, 10);
    expect(picked.map((head) => head.buildId)).toEqual(['a0', 'b0', 'b1']);
    expect(unread).toBe(true);
  });

  it('leave out what has no room in its project, counted with those just picked', () => {
    const limited = { projectLimit: 3, projectRunning: 1 };
    const { picked, blocked } = pickHeads([tally('a', 4)], heads('a', 4, limited), 10);
    expect(picked.map((head) => head.buildId)).toEqual(['a0', 'a1']);
    expect(blocked).toMatchObject([
      { buildId: 'a2', reason: 'ProjectAtLimit', wakeOn: 'project:project of a' },
      { buildId: 'a3', message: 'the project runs 3 of at most 3 builds' },
    ]);
  });

  it('have at most one of a key, and none of a key that is busy', () => {
    const given = [
      ...heads('a', 2, { concurrencyKey: 'main' }),
      ...heads('b', 1, { concurrencyKey: 'main', keyBusy: true }),
    ];
    const { picked, blocked } = pickHeads([tally('a', 2), tally('b', 1)], given, 10);
    expect(picked.map((head) => head.buildId)).toEqual(['a0']);
    expect(blocked.map((head) => head.wakeOn).sort()).toEqual(['key:project of a:main', 'key:project of b:main']);
  });

  it('go on past those that may not start', () => {
    const given = [...heads('a', 3, { concurrencyKey: 'main', keyBusy: true }), ...heads('a', 2)];
    const { picked, blocked, unread } = pickHeads([tally('a', 5)], given, 2);
    expect({ picked: picked.length, blocked: blocked.length, unread }).toEqual({
      picked: 2,
      blocked: 3,
      unread: false,
    });
  });
});

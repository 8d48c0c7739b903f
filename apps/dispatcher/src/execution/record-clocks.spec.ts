import type { Reason } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { describe, expect, it } from 'vitest';
import { attemptClocks } from './record-clocks.js';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);
const limits = { placementBudgetMs: 300_000, sealLimitMs: 120_000 };
/** Claimed at 0, placed at 1, made at 3, a step at 10, over at 100, sealed at 102. */
const sealed = {
  claimedAt: at(0),
  placedAt: at(1),
  createdAt: at(3),
  firstStepStartedAt: at(10),
  outcomeAt: at(100),
  logSealedAt: at(102),
  startSeconds: 7,
  runSeconds: 60,
} as OwnedExecution;
const { outcomeAt, logSealedAt, ...open } = sealed;
const unstarted = { ...open, firstStepStartedAt: undefined, startSeconds: 0, runSeconds: 0 };
const unmade = { ...unstarted, createdAt: undefined, logSealedAt: undefined };
const clocks = (row: Partial<OwnedExecution>, reason: Reason) =>
  attemptClocks(row as OwnedExecution, reason, at(2_000).getTime(), limits);

describe('the clocks of an attempt', () => {
  it('are all known of one that ended in sight', () => {
    expect(clocks(sealed, 'Succeeded')).toEqual({
      seconds: { placement: 3, start: 7, run: 60, seal: 2 },
      ranOut: [],
    });
  });

  it('are not those of its steps when it was lost: nobody saw how long they ran', () => {
    const lost = { ...open, startSeconds: 0, runSeconds: 0, firstLossAt: at(200) };
    expect(clocks(lost, 'ClusterLost')).toEqual({
      seconds: { placement: 3, start: 7, loss: 1_800 },
      ranOut: ['loss'],
    });
    expect(clocks({ ...unstarted, firstLossAt: at(200) }, 'ClusterLost').seconds).toEqual({
      placement: 3,
      loss: 1_800,
    });
  });

  it('count placement until the attempt is made, or nobody tries any more', () => {
    expect(clocks({ ...sealed, createdAt: at(290) }, 'Succeeded').seconds.placement).toBe(290);
    expect(clocks({ ...unmade, outcomeAt: at(40) }, 'ClusterUnavailable').seconds.placement).toBe(40);
    expect(clocks({ ...unmade, firstLossAt: at(50) }, 'ClusterLost').seconds.placement).toBe(50);
  });

  it.each([
    ['a step that did not start', sealed, 'StartTimeout', ['start']],
    ['steps that ran too long', sealed, 'RunTimeout', ['run']],
    ['a create that was put off for too long', { ...unmade, outcomeAt: at(301) }, 'ClusterThrottled', ['placement']],
    ['a log that was not whole in time', { ...sealed, logSealedAt: at(220) }, 'Succeeded', ['seal']],
  ] as const)('that ran out are counted: %s', (_, row, reason, ranOut) => {
    expect(clocks(row, reason).ranOut).toEqual(ranOut);
  });

  it.each([
    ['was refused at once', { ...unmade, outcomeAt: at(2) }, 'PipelineRunRefused'],
    ['was made late', { ...sealed, createdAt: at(400), outcomeAt: at(500), logSealedAt: at(501) }, 'Succeeded'],
    ['was cancelled before it was made', { ...unmade, outcomeAt: at(400), stopIntent: 'UserCancel' }, 'Cancelled'],
  ] as const)('have not run out when it %s', (_, row, reason) => {
    expect(clocks(row, reason).ranOut).toEqual([]);
  });
});

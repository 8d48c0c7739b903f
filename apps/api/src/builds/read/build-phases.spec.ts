import type { ExecutionView, QueuePosition, StoredBuild } from '@image-factory/persistence';
import { describe, expect, it } from 'vitest';
import { buildPhases } from './build-phases.js';
import { queueStanding } from './queue-standing.js';

const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const build = {
  status: 'running',
  queuedAt: at(0),
  queuedSeconds: 10,
  queueTimeoutMinutes: 60,
  startLimitMinutes: 15,
  buildTimeoutMinutes: 30,
} as StoredBuild;
const limits = {
  queueMinutes: 60,
  placementSeconds: 300,
  startMinutes: 15,
  runMinutes: 30,
  sealSeconds: 120,
  lossMinutes: 30,
};
const execution = {
  claimedAt: at(10),
  placedAt: at(11),
  createdAt: at(12),
  startSeconds: 0,
  runSeconds: 0,
} as ExecutionView;

describe('the phases of a build', () => {
  it('count the queue over all its stays', () => {
    expect(buildPhases({ ...build, status: 'queued' }, undefined, at(5), limits)).toEqual({
      queue: { seconds: 15, limit_seconds: 3600 },
      placement: { seconds: null, limit_seconds: 300 },
      start: { seconds: null, limit_seconds: 900 },
      run: { seconds: null, limit_seconds: 1800 },
      seal: { seconds: null, limit_seconds: 120 },
      loss: { seconds: null, limit_seconds: 1800 },
    });
  });

  it('show a start that goes on, then a run that goes on', () => {
    expect(buildPhases(build, execution, at(20), limits).start.seconds).toBe(8);
    const started = { ...execution, firstStepStartedAt: at(15), runSince: at(16) };
    expect(buildPhases(build, started, at(20), limits)).toMatchObject({
      placement: { seconds: 2 },
      start: { seconds: 3 },
      run: { seconds: 4 },
    });
  });

  it('show a placement until the run is made, however soon its provider was chosen', () => {
    const putOff = { ...execution, createdAt: undefined };
    expect(buildPhases(build, putOff, at(300), limits).placement.seconds).toBe(290);
    expect(buildPhases(build, { ...execution, createdAt: at(299) }, at(400), limits).placement.seconds).toBe(289);
    const givenUp = { ...putOff, endedAt: at(310), outcomeAt: at(310), finishedAt: at(400) };
    expect(buildPhases(build, givenUp, at(500), limits).placement.seconds).toBe(300);
  });

  it('show no wait of a later task as run time', () => {
    const ran = { ...execution, firstStepStartedAt: at(15), runSeconds: 10 };
    expect(buildPhases(build, ran, at(865), limits).run.seconds).toBe(10);
    expect(buildPhases(build, { ...ran, runSince: at(900) }, at(905), limits).run.seconds).toBe(15);
  });

  it('show nothing of an outage as run time or as start', () => {
    const away = { ...execution, firstStepStartedAt: at(15), runSince: at(15), firstLossAt: at(40) };
    expect(buildPhases(build, away, at(600), limits).run.seconds).toBe(25);
    expect(buildPhases(build, { ...away, finishedAt: at(1840) }, at(2000), limits).run.seconds).toBe(25);
    const unstarted = { ...execution, firstLossAt: at(40), finishedAt: at(1840) };
    expect(buildPhases(build, unstarted, at(2000), limits)).toMatchObject({
      start: { seconds: 28 },
      run: { seconds: null },
    });
  });

  it('take the stored figures once the outcome is fixed: waits of later tasks are not run time', () => {
    const over = {
      ...execution,
      firstStepStartedAt: at(15),
      endedAt: at(60),
      outcomeAt: at(60),
      startSeconds: 3.5,
      runSeconds: 12.25,
    };
    expect(buildPhases(build, over, at(500), limits)).toMatchObject({
      start: { seconds: 3.5 },
      run: { seconds: 12.25 },
    });
  });

  it('show the seal and, while the cluster is out of contact, the loss', () => {
    const sealing = { ...execution, outcomeAt: at(60), firstLossAt: at(70) };
    expect(buildPhases(build, sealing, at(100), limits)).toMatchObject({
      seal: { seconds: 40 },
      loss: { seconds: 30 },
    });
    const sealed = { ...execution, outcomeAt: at(60), logSealedAt: at(62) };
    expect(buildPhases(build, sealed, at(100), limits)).toMatchObject({
      seal: { seconds: 2 },
      loss: { seconds: null },
    });
  });

  it('are never negative while a queued build may not start yet', () => {
    expect(
      buildPhases({ ...build, status: 'queued', queuedAt: at(50), queuedSeconds: 0 }, undefined, at(5), limits).queue
        .seconds,
    ).toBe(0);
  });
});

describe('what holds a queued build', () => {
  const place: QueuePosition = {
    position: 1,
    awaited: undefined,
    running: 0,
    maxRunning: 10,
    guaranteed: 0,
    weight: 1,
    dispatchPaused: false,
    claimsHeld: false,
    liveDispatchers: 1,
    dispatcherSlots: 50,
    installationLimit: undefined,
    installationRunning: 0,
    providersFull: false,
    providerSlots: undefined,
    activeWeights: 1,
    medianSlotSeconds: undefined,
    samples: 0,
  };
  it.each([
    ['nothing', place, undefined],
    ['the pause', { ...place, dispatchPaused: true, running: 10 }, 'DispatchPaused'],
    ['a failover', { ...place, claimsHeld: true, running: 10 }, 'DispatchPaused'],
    ['the limit of all', { ...place, installationLimit: 3, installationRunning: 3 }, 'InstallationAtLimit'],
    ["the tenant's limit", { ...place, running: 10, liveDispatchers: 0 }, 'TenantAtLimit'],
    ['that no dispatcher lives', { ...place, position: 3, liveDispatchers: 0 }, 'DispatcherMissing'],
    ['that no provider has room', { ...place, position: 3, providersFull: true }, 'NoEligibleProvider'],
    ['that others take all slots', { ...place, position: 3, installationRunning: 50 }, 'SlotsTaken'],
    ['builds ahead', { ...place, position: 3 }, 'BuildsAhead'],
  ])('is %s', (_name, position, reason) => {
    expect(queueStanding(build, position, 'platform', at(0)).binds?.reason).toBe(reason);
  });

  it('has no figures of others for a tenant', () => {
    const full = { ...place, installationLimit: 3, installationRunning: 3 };
    expect(queueStanding(build, full, 'platform', at(0)).binds?.message).toContain('3 of at most 3');
    expect(queueStanding(build, full, 'tenant', at(0)).binds).toMatchObject({
      reason: 'InstallationAtLimit',
      message: expect.not.stringMatching(/\d/),
    });
  });

  it.each([
    ['NotBefore', 'until its not_before'],
    ['BackOff', 'until its back-off is over'],
    ['RegistryHeld', 'until the hold on its registry is over'],
    ['NoEligibleProvider', 'until it is looked at again'],
  ] as const)('is its parking, with the time that ends %s and what is left until then', (reason, basis) => {
    const parking = { reason, message: 'later', wakeAt: at(9) };
    expect(queueStanding({ ...build, parking }, undefined, 'platform', at(2))).toEqual({
      position: null,
      binds: { reason, message: 'later' },
      wake_at: at(9).toISOString(),
      estimate: { seconds: 7, basis: `${basis}; then it takes its turn in the queue` },
      no_estimate: null,
    });
  });

  describe('that waits for room', () => {
    const known = { ...place, position: 3, medianSlotSeconds: 100, samples: 5 };
    const waiting = (
      reason: 'ProjectAtLimit' | 'ConcurrencyKeyBusy' | 'NoEligibleProvider',
      seen: Partial<QueuePosition>,
      audience: 'platform' | 'tenant' = 'platform',
    ) => {
      const parking = { reason, message: 'full', wakeOn: 'what it waits for', wakeAt: at(90) };
      return queueStanding({ ...build, parking }, { ...known, ...seen }, audience, at(0));
    };

    it.each([
      ['in its project', 'ProjectAtLimit', { limit: 2, taken: 2, isShared: false }, 150, '2 of 2 run'],
      ['of its key', 'ConcurrencyKeyBusy', { limit: 1, taken: 1, isShared: false }, 300, '1 of 1 run'],
      ['at its providers', 'NoEligibleProvider', { limit: 6, taken: 6, isShared: true }, 50, '6 of 6 run'],
      ['that is there already', 'ProjectAtLimit', { limit: 4, taken: 1, isShared: false }, 0, '1 of 4 run'],
    ] as const)('%s has a place, and an estimate by what frees it', (_, reason, awaited, seconds, run) => {
      expect(waiting(reason, { awaited })).toMatchObject({
        position: 3,
        estimate: { seconds, basis: `position 3, ${run}, the last 5 attempts took 100 s in the median` },
        no_estimate: null,
      });
    });

    it('of all tenants is not told to one', () => {
      const { estimate } = waiting('NoEligibleProvider', { awaited: { limit: 6, taken: 6, isShared: true } }, 'tenant');
      expect(estimate?.basis).toBe('position 3, the last 5 attempts took 100 s in the median');
    });

    it.each([
      ['no provider is only full', { awaited: undefined }, /nobody knows when what binds/],
      ['dispatching is paused', { dispatchPaused: true }, /paused/],
      ['no dispatcher lives', { liveDispatchers: 0 }, /no dispatcher/],
      ['nothing ended lately', { medianSlotSeconds: undefined }, /no attempt of the tenant/],
    ] as const)('has its place but no estimate while %s, and says so', (_, seen, why) => {
      const awaited = { limit: 6, taken: 6, isShared: true };
      expect(waiting('NoEligibleProvider', { awaited, ...seen })).toMatchObject({
        position: 3,
        estimate: null,
        no_estimate: expect.stringMatching(why),
      });
    });
  });

  it('comes with an estimate where attempts ended lately and somebody dispatches', () => {
    const known = { ...place, position: 25, running: 10, medianSlotSeconds: 100, samples: 5 };
    expect(queueStanding(build, known, 'platform', at(0)).estimate).toMatchObject({
      seconds: 250,
      basis: expect.stringContaining('median'),
    });
    expect(queueStanding(build, { ...known, dispatchPaused: true }, 'platform', at(0))).toMatchObject({
      estimate: null,
      no_estimate: 'dispatching is paused, and nobody knows for how long',
    });
    const shared = { ...known, running: 5, installationLimit: 40, installationRunning: 40, activeWeights: 8 };
    expect(queueStanding(build, shared, 'platform', at(0)).estimate?.seconds).toBe(500);
    const slots = { ...shared, installationLimit: undefined, dispatcherSlots: 40 };
    expect(queueStanding(build, slots, 'platform', at(0)).estimate?.seconds).toBe(500);
    const limited = { ...slots, dispatcherSlots: 50, providerSlots: 40 };
    expect(queueStanding(build, limited, 'platform', at(0)).estimate?.seconds).toBe(500);
    expect(queueStanding(build, place, 'platform', at(0)).estimate).toBeNull();
  });
});

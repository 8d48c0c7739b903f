import { describe, expect, it } from 'vitest';
import { makePlan, type BuildPlan } from '../load/build-plan.ts';
import { Random } from '../schedule/random.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import type { RunFacts } from '../world/cluster-facts.ts';
import { checkAllowances } from './check-allowances.ts';
import { checkEnds } from './check-ends.ts';
import { checkLogs } from './check-logs.ts';
import type { LoggedRun } from './excused-gap.ts';

const SEALED = new Date('2026-01-01T00:00:10Z');
const POD_DELETED = 'Pod p was deleted before the log of step-build was read to its end.';

const run = (part: Partial<RunFacts> = {}): RunFacts => ({
  name: 'r',
  cluster: 'east',
  uid: 'u',
  buildId: 'b',
  attempt: 1,
  tenantId: 't',
  plan: undefined,
  stepsStarted: new Set(),
  printed: new Map([['build', [Buffer.from('one\ntwo\n')]]]),
  livePods: new Set(),
  podDeletedAt: new Map(),
  goneAt: undefined,
  deletedByOthers: false,
  logsKeptAway: false,
  ...part,
});

/** The log of the step `build` as it is stored: what it holds, then a gap that says so. */
interface Stored {
  readonly text: string;
  readonly gap?: string;
}

async function logs(facts: RunFacts, stored: Stored, row: Partial<LoggedRun> = {}): Promise<string[]> {
  const whole = { id: 'e', pipeline_run_name: 'r', pipeline_run_uid: 'u', log_gap: null, log_sealed_at: SEALED };
  const database = {
    query: async (sql: string) => (sql.includes('build_log_chunks') ? [] : [{ ...whole, outcome_at: SEALED, ...row }]),
    logs: {
      async *read({ step: { step } }: { step: { step: string } }) {
        if (step !== 'build') return;
        yield { record: { kind: 'line', text: Buffer.from(stored.text), newline: false } };
        if (stored.gap !== undefined) yield { record: { kind: 'gap', message: stored.gap } };
      },
    },
  };
  const world = { database, clusters: [{ facts: { runs: new Map([['r', facts]]) } }] };
  return [...(await checkLogs(world as unknown as ChaosWorld)).violations];
}

describe('a stored log', () => {
  it('is right when it holds every byte', async () => {
    expect(await logs(run(), { text: 'one\ntwo\n' })).toEqual([]);
  });

  it('is wrong when a byte differs, is there twice or is of nothing that was printed', async () => {
    expect(await logs(run(), { text: 'one\ntwO\n' })).toEqual([expect.stringContaining('differs from byte 6 on')]);
    expect(await logs(run(), { text: 'one\none\n' })).toEqual([expect.stringContaining('differs from byte 4 on')]);
    expect(await logs(run(), { text: 'one\ntwo\nthree\n' })).toEqual([expect.stringContaining('differs from byte 8')]);
  });

  it('is wrong when it ends too soon and nothing says so', async () => {
    expect(await logs(run(), { text: 'one\n' })).toEqual([expect.stringContaining('ends too soon without a gap')]);
  });

  it('is right with a gap only when what that says is true', async () => {
    const stored = { text: 'one\n', gap: POD_DELETED };
    expect(await logs(run({ podDeletedAt: new Map([['build', SEALED.getTime() - 1]]) }), stored)).toEqual([]);
    for (const podDeletedAt of [new Map(), new Map([['build', SEALED.getTime() + 1]])]) {
      expect(await logs(run({ podDeletedAt }), stored)).toEqual([expect.stringContaining('without reason')]);
    }
    expect(await logs(run(), { text: 'one\n', gap: 'something else' })).toEqual([
      expect.stringContaining('without reason'),
    ]);
  });

  it('is marked as one of a late run only when nobody had recorded that run', async () => {
    const log_gap = 'a run was made after the attempt had ended; its log was not read';
    expect(await logs(run(), { text: '' }, { log_gap, pipeline_run_uid: null })).toEqual([]);
    expect(await logs(run(), { text: '' }, { log_gap })).toContainEqual(expect.stringContaining('without reason'));
  });

  it('is wrong when the run was removed before its log was sealed', async () => {
    const facts = run({ goneAt: SEALED.getTime() - 1, podDeletedAt: new Map([['build', SEALED.getTime() - 1]]) });
    expect(await logs(facts, { text: 'one\n', gap: POD_DELETED })).toEqual([
      expect.stringContaining('was removed before its log was sealed'),
    ]);
  });
});

const plan = (part: Partial<BuildPlan>): BuildPlan => ({
  ...makePlan(0, new Random(1)),
  disruptions: 0,
  concurrency: undefined,
  ...part,
});

async function ends(of: BuildPlan, row: object, tagged?: string): Promise<string[]> {
  const whole = { id: 'b', git_branch: 'chaos-0', reason: null, message: null, image_digest: null, placed: 1 };
  const world = {
    database: { query: async () => [{ ...whole, attempts: 1, ...row }] },
    plans: [of],
    registry: { digestOf: () => tagged },
    clusters: [],
  };
  return checkEnds(world as unknown as ChaosWorld);
}

describe('the end of a build', () => {
  const completed = { status: 'completed', image_digest: 'sha256:a' };
  const failed = { status: 'failed', reason: 'StepFailed' };

  it('is right when it is as planned', async () => {
    expect(await ends(plan({ ending: 'succeeds' }), completed, 'sha256:a')).toEqual([]);
    expect(await ends(plan({ ending: 'fails' }), failed)).toEqual([]);
    expect(await ends(plan({ ending: 'cancelled' }), { status: 'cancelled', reason: 'Cancelled' })).toEqual([]);
  });

  it('is wrong when it is another one', async () => {
    expect(await ends(plan({ ending: 'succeeds' }), failed)).toEqual([expect.stringMatching(/^end: /)]);
    expect(await ends(plan({ ending: 'fails' }), { ...failed, reason: 'PodEvicted' })).toEqual([
      expect.stringMatching(/^end: /),
    ]);
    expect(await ends(plan({ ending: 'succeeds' }), { status: 'cancelled', reason: 'Superseded' })).toEqual([
      expect.stringMatching(/^end: /),
    ]);
  });

  it('is wrong after an attempt that nothing explains', async () => {
    expect(await ends(plan({ ending: 'fails' }), { ...failed, attempts: 2 })).toEqual([
      expect.stringMatching(/^attempts: .*after 2 attempts$/),
    ]);
    expect(await ends(plan({ ending: 'fails', disruptions: 1 }), { ...failed, attempts: 2 })).toEqual([]);
  });

  it('is wrong when its tag names another image, or names one though it made none', async () => {
    const succeeds = plan({ ending: 'succeeds' });
    expect(await ends(succeeds, completed, 'sha256:b')).toEqual([expect.stringMatching(/^tag: /)]);
    expect(await ends(plan({ ending: 'fails' }), failed, 'sha256:a')).toEqual([expect.stringMatching(/^tag: /)]);
  });
});

describe('gaps and late runs', () => {
  const strikes = (...struck: string[]) => ({ struck, missed: [], provoked: [] });

  it('are allowed as far as the faults explain them', () => {
    const kills = strikes('kill at a', 'kill at b');
    expect(checkAllowances(kills, { opening: 3, logsWithGaps: 3, lateRuns: 0 })).toEqual([]);
    expect(checkAllowances(kills, { opening: 3, logsWithGaps: 4, lateRuns: 0 })).toEqual([
      'log: 4 have gaps, the faults explain 3',
    ]);
    expect(checkAllowances(kills, { opening: 3, logsWithGaps: 0, lateRuns: 1 })).toEqual([
      'late: 1 runs came late, the faults explain 0',
    ]);
  });
});

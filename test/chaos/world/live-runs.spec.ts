import { LABELS } from '@image-factory/domain';
import { beforeEach, describe, expect, it } from 'vitest';
import { makePlan, type BuildPlan } from '../load/build-plan.ts';
import { Random } from '../schedule/random.ts';
import { ClusterFacts, type RunFacts } from './cluster-facts.ts';
import { LiveRuns } from './live-runs.ts';

let live: LiveRuns;
let east: ClusterFacts;
let west: ClusterFacts;

beforeEach(() => {
  live = new LiveRuns();
  east = new ClusterFacts('east', 2, live);
  west = new ClusterFacts('west', 0, live);
});

/** Of the tenant `small`, which may have three at once, when its index says so. */
const plan = (index: number, part: Partial<BuildPlan> = {}): BuildPlan => ({
  ...makePlan(index, new Random(1)),
  project: 'web',
  concurrency: undefined,
  ...part,
});

function make(cluster: ClusterFacts, build: string, attempt = 1, of?: BuildPlan, hasSecret = true): RunFacts {
  const name = `${build}-${attempt}`;
  const labels = { [LABELS.build]: build, [LABELS.attempt]: String(attempt) };
  if (hasSecret) cluster.secretMade(name);
  return cluster.created({ metadata: { name, uid: `${name}-${Math.random()}`, labels } }, of, hasSecret);
}

function pod(run: RunFacts, running: boolean): Parameters<ClusterFacts['podChanged']>[1] {
  const containerStatuses = [{ state: running ? { running: {} } : { terminated: {} } }];
  return { metadata: { name: run.name, uid: run.uid, labels: {} }, status: { containerStatuses } };
}

const start = (cluster: ClusterFacts, run: RunFacts): void => cluster.podChanged(run, pod(run, true), false);
const end = (cluster: ClusterFacts, run: RunFacts): void => cluster.podChanged(run, pod(run, false), false);
const found = (): string[] => [...live.violations, ...east.violations, ...west.violations];

describe('what runs on all clusters', () => {
  it('breaks no rule while attempts follow one another', () => {
    const first = make(east, 'b');
    start(east, first);
    end(east, first);
    const second = make(west, 'b', 2);
    start(west, second);
    end(west, second);
    expect(found()).toEqual([]);
  });

  it('breaks one when an attempt has two runs, on one cluster or on two', () => {
    make(east, 'b');
    make(west, 'b');
    expect(found()).toEqual([expect.stringContaining('twice: run b-1 on west, of attempt b/1')]);
  });

  it('breaks one when a run is made beside a container of its build’s last attempt', () => {
    start(east, make(east, 'b'));
    make(west, 'b', 2);
    expect(found()).toEqual(['pods: run b-1 still lives when b-2 of the same build is made']);
  });

  it('breaks one when two of a build live, though both were made before', () => {
    const [first, second] = [make(east, 'b'), make(west, 'b', 2)];
    start(east, first);
    start(west, second);
    expect(found()).toEqual(['limit: build b has 2 runs of 1: b-1, b-2']);
  });

  it('breaks one when a cluster, a tenant, a project, a key or all have more than they may', () => {
    for (const build of ['a', 'b', 'c']) start(east, make(east, build));
    expect(found()).toEqual(['east: 3 runs at once, its limit is 2']);
    for (const index of [0, 3, 6, 9]) start(west, make(west, `t${index}`, 1, plan(index)));
    expect(live.violations).toEqual([expect.stringMatching(/^limit: tenant small has 4 runs of 3/)]);
    for (const index of [2, 5, 8]) start(west, make(west, `p${index}`, 1, plan(index, { project: 'limited' })));
    expect(live.violations).toContainEqual(expect.stringMatching(/^limit: project large\/limited has 3 runs of 2/));
    const concurrency = { key: 'k', policy: 'queue' } as const;
    for (const index of [11, 14]) start(west, make(west, `k${index}`, 1, plan(index, { concurrency })));
    expect(live.violations).toContainEqual(expect.stringMatching(/^limit: key large\/web\/k has 2 runs of 1/));
    expect(live.violations).toContainEqual(expect.stringMatching(/^limit: the installation has 11 runs of 10/));
  });

  it('notes which limits were reached: one that nothing came near shows nothing', () => {
    for (const index of [0, 3, 6]) start(west, make(west, `t${index}`, 1, plan(index)));
    expect([...live.reached]).toEqual(['tenant small']);
    expect(found()).toEqual([]);
  });
});

describe('a run that comes late', () => {
  it('is counted, and breaks no rule while its Secret is not there', () => {
    make(east, 'b');
    east.runGone('b-1');
    make(east, 'b', 1, undefined, false);
    expect({ late: east.lateRuns, found: found() }).toEqual({ late: 1, found: [] });
  });

  it('breaks one when its Secret is made again, so that it starts', () => {
    make(east, 'b');
    make(east, 'b', 1, undefined, false);
    east.secretMade('b-1');
    expect(found()).toEqual(['east: run b-1 came late and could start: its Secret was made again']);
  });

  it('breaks one when it never had a Secret', () => {
    make(east, 'b', 1, undefined, false);
    expect(found()).toEqual(['east: run b-1 was made before its Secret']);
  });
});

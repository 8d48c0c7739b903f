import { describe, expect, it } from 'vitest';
import { AttemptViews } from './attempt-views.js';
import { podView, runView } from './run-views.js';
import type { PodView, RunView } from './run-views.js';

const HOUR_MS = 60 * 60_000;

function labels(executionId: string): Record<string, string> {
  return {
    'image-factory.io/execution': executionId,
    'image-factory.io/shard': '3',
    'tekton.dev/taskRun': `${executionId}-build`,
  };
}

function run(executionId: string): RunView {
  return runView({
    metadata: { name: executionId, namespace: 'n', uid: `run-${executionId}`, labels: labels(executionId) },
  });
}

function pod(executionId: string): PodView {
  return podView({ metadata: { name: 'pod', namespace: 'n', uid: `pod-${executionId}`, labels: labels(executionId) } });
}

function opened(): { views: AttemptViews; forgotten: string[]; pass: (ms: number) => void } {
  let nowMs = 0;
  const forgotten: string[] = [];
  const views = new AttemptViews(
    () => undefined,
    () => nowMs,
    (executionId) => forgotten.push(executionId),
  );
  return { views, forgotten, pass: (ms) => (nowMs += ms) };
}

describe('the views of attempts', () => {
  it('forget a removed attempt soon after its last news, though the shards never change', () => {
    const { views, forgotten, pass } = opened();
    views.putRun(run('a'));
    views.release('a');
    views.dropRun(run('a'));
    pass(2 * 60_000);
    views.putRun(run('b'));
    expect(forgotten).toEqual(['a']);
    expect(views.size).toBe(1);
  });

  it('keep a removed attempt while a pod of it may live', () => {
    const { views, forgotten, pass } = opened();
    views.putRun(run('a'));
    views.putPod(pod('a'));
    views.release('a');
    views.dropRun(run('a'));
    pass(2 * 60_000);
    views.putRun(run('b'));
    expect(forgotten).toEqual([]);
    views.putPod({ ...pod('a'), gone: true });
    pass(2 * 60_000);
    views.putRun(run('b'));
    expect(forgotten).toEqual(['a']);
  });

  it('keep a run that others deleted for an hour, and then forget it', () => {
    const { views, forgotten, pass } = opened();
    views.putRun(run('a'));
    views.dropRun(run('a'));
    pass(HOUR_MS / 2);
    views.putRun(run('b'));
    expect(views.find('a')).toMatchObject({ runGone: true });
    pass(HOUR_MS);
    views.putRun(run('b'));
    expect(forgotten).toEqual(['a']);
  });

  it('forget late news of a run that was forgotten, and never a run that goes on', () => {
    const { views, forgotten, pass } = opened();
    views.putRun(run('lives'));
    views.putPod(pod('late'));
    pass(2 * HOUR_MS);
    views.putRun(run('other'));
    expect(forgotten).toEqual(['late']);
    expect(views.find('lives').run).toBeDefined();
  });

  it('forget the attempts of shards that are held no more', () => {
    const { views, forgotten } = opened();
    views.putRun(run('a'));
    views.retain(new Set([3]));
    expect(forgotten).toEqual([]);
    views.retain(new Set([4]));
    expect(forgotten).toEqual(['a']);
    expect(views.size).toBe(0);
  });

  it('take a pod for gone, its last state unseen, that watches which take over do not know', () => {
    const { views } = opened();
    views.putRun(run('a'));
    views.putPod(pod('a'));
    views.replace({ runs: [run('a')], taskRuns: [], pods: [] }, new Set([3]));
    expect(views.find('a').pods).toMatchObject([{ gone: true, lastStateUnseen: true }]);
    expect(views.find('a').runGone).toBe(false);
  });
});

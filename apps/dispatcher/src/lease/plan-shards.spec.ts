import { describe, expect, it } from 'vitest';
import { desiredOwner, planShards, type ShardCandidate, type ShardRow } from './plan-shards.js';

const none = new Set<string>();
const candidate = (id: string, host = 'h1', stuck: ReadonlySet<string> = none): ShardCandidate => ({ id, host, stuck });
const rows = (owner?: string, ownerAlive = false): ShardRow[] =>
  Array.from({ length: 64 }, (_, shard) => ({ providerId: 'p', host: '', shard, owner, ownerAlive }));
const plan = (me: string, candidates: ShardCandidate[], shards: ShardRow[], mayAdopt = true, adoptBatch = 100) =>
  planShards({ me, candidates, shards, mayAdopt, adoptBatch });

describe('planShards', () => {
  it('divides free shards among the live dispatchers without overlap', () => {
    const both = [candidate('a'), candidate('b')];
    const a = plan('a', both, rows()).acquire.map((row) => row.shard);
    const b = plan('b', both, rows()).acquire.map((row) => row.shard);
    expect([...a, ...b].sort((x, y) => x - y)).toEqual(rows().map((row) => row.shard));
    expect(a.length).toBeGreaterThan(16);
  });

  it('leaves a dead owner’s shards alone while nobody may adopt', () => {
    expect(plan('a', [candidate('a')], rows('dead'), false).adopt).toEqual([]);
    expect(plan('a', [candidate('a')], rows('dead'), true).adopt).toHaveLength(64);
  });

  it('adopts no more than a batch at once', () => {
    expect(plan('a', [candidate('a')], rows('dead'), true, 5).adopt).toHaveLength(5);
  });

  it('gives up what a new dispatcher should own, and nothing else', () => {
    const both = [candidate('a'), candidate('b')];
    const given = plan('a', both, rows('a', true)).giveUp;
    expect(given.length).toBeGreaterThan(16);
    for (const shard of given) expect(desiredOwner(shard, both)).toBe('b');
  });

  it('gives up a shard whose cluster only this dispatcher cannot reach', () => {
    const both = [candidate('a', 'h1', new Set(['p'])), candidate('b')];
    expect(plan('a', both, rows('a', true)).giveUp).toHaveLength(64);
    expect(plan('b', both, rows()).acquire).toHaveLength(64);
  });

  it('keeps a shard whose cluster nobody can reach', () => {
    const both = [candidate('a', 'h1', new Set(['p'])), candidate('b', 'h1', new Set(['p']))];
    expect(plan('a', both, rows('a', true)).giveUp).toEqual([]);
    expect(plan('b', both, rows('a', true)).acquire).toEqual([]);
  });

  it('keeps a host’s shard on its host', () => {
    const shards = rows().map((row) => ({ ...row, host: 'h2' }));
    expect(plan('a', [candidate('a', 'h1'), candidate('b', 'h2')], shards).acquire).toEqual([]);
    expect(plan('b', [candidate('a', 'h1'), candidate('b', 'h2')], shards).acquire).toHaveLength(64);
  });
});

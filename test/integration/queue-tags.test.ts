import { PostgresExecutions, type FixedOutcome, type ShardLease } from '@image-factory/persistence';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixedOutcome } from './fixed-outcome.js';
import { DIGEST, QueueWorld } from './queue-world.js';
import { weakened } from './weakened-database.js';

const NEWER_DIGEST = `sha256:${'b'.repeat(64)}`;

interface Built {
  readonly build: string;
  readonly id: string;
}

describe('the tags of an image', () => {
  let world: QueueWorld;
  let tenant: string;
  let provider: string;
  let dispatcher: string;
  let fence: ShardLease;

  beforeEach(async () => {
    world = await QueueWorld.open();
    tenant = await world.tenant();
    provider = await world.provider();
    dispatcher = await world.dispatcher();
  });
  afterEach(async () => {
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
    await world.close();
  });

  /** A build whose image is pushed and not published yet. */
  async function built(outcome: FixedOutcome, tags: readonly string[]): Promise<Built> {
    const { id: build } = await world.submitNew(tenant, { imageRepository: 'registry.example/app', tags });
    const placed = await world.placed(dispatcher, provider);
    const id = placed.claimed.executionId;
    fence = placed.fence;
    await world.executions.markStarting(fence, id, { uid: id });
    await world.executions.markRunning(fence, id, { firstStepStartedAt: new Date() });
    expect(await world.executions.fixOutcome(fence, id, outcome)).toBe('done');
    await world.executions.markPodsOver(fence, id);
    expect(await world.executions.markSealed(fence, id, {})).toBe('done');
    return { build, id };
  }

  const builtOlder = () => built(fixedOutcome(), ['latest', 'v1']);
  const builtNewer = () => built(fixedOutcome({ imageDigest: NEWER_DIGEST }), ['latest']);

  async function winners(): Promise<object[]> {
    const found = await world.executions.findTags('registry.example/app', ['latest', 'v1']);
    return found
      .map(({ tag, buildId, digest }) => ({ tag, buildId, digest }))
      .sort((a, b) => a.tag.localeCompare(b.tag));
  }

  it('go to the newer build, whichever promotes first', async () => {
    const [older, newer] = [await builtOlder(), await builtNewer()];
    const promote = ({ id }: Built, digest: string) => world.executions.markTagsPromoted(fence, id, digest);
    expect(await promote(older, DIGEST)).toEqual(['latest', 'v1']);
    expect(await promote(newer, NEWER_DIGEST)).toEqual(['latest']);
    expect(await promote(older, DIGEST)).toEqual(['v1']);
    expect(await winners()).toEqual([
      { tag: 'latest', buildId: newer.build, digest: NEWER_DIGEST },
      { tag: 'v1', buildId: older.build, digest: DIGEST },
    ]);
  });

  it('go to whoever promotes last when their rows do not order builds', async () => {
    const [older, newer] = [await builtOlder(), await builtNewer()];
    const unordered = { of: 'promote_tags', without: /WHERE t\.build_ordinal <=.*/ };
    const executions = new PostgresExecutions(weakened(world.database, unordered));
    await executions.markTagsPromoted(fence, newer.id, NEWER_DIGEST);
    expect(await executions.markTagsPromoted(fence, older.id, DIGEST)).toEqual(['latest', 'v1']);
    expect(await winners()).toContainEqual({ tag: 'latest', buildId: older.build, digest: DIGEST });
  });

  it('are none of a build whose publication fails', async () => {
    const { id } = await builtOlder();
    expect(await world.executions.markTagsPromoted(fence, id, DIGEST)).toEqual(['latest', 'v1']);
    const failed = { state: 'failed' as const, reason: 'PublishFailed' as const, message: '', retry: false };
    expect(await world.executions.finish(fence, id, failed)).toBe('done');
    expect(await winners()).toEqual([]);
  });
});

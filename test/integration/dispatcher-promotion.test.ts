import { attemptTag, DomainError } from '@image-factory/domain';
import { eventually, TestSignal } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness, REPOSITORY } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

const BOTH = ['latest', 'v1'];

/** The digest that a tag names in the registry. */
function named(tag: string): string | undefined {
  return harness.cluster.images.get(`${REPOSITORY}:${tag}`);
}

function imageOf(buildId: string): string | undefined {
  return named(attemptTag({ buildId, attempt: 1 }));
}

/** The registry takes no manifest of this build under these tags. */
function refuse(buildId: () => string, tags: readonly string[]): void {
  const message = 'the tag is immutable';
  harness.publisher.failing = (tag, digest) =>
    digest === imageOf(buildId()) && tags.includes(tag)
      ? new DomainError({ kind: 'Conflict', reason: 'RegistryRefused', message, fault: 'cluster' })
      : undefined;
}

/** Holds the first put that `which` picks, between the question whether it may be put and its arrival. */
function holdPut(which: (tag: string, digest: string) => boolean): { held: TestSignal; goOn: TestSignal } {
  const held = new TestSignal();
  const goOn = new TestSignal();
  const before = harness.publisher.beforePut;
  let first = true;
  harness.publisher.beforePut = async (tag, digest) => {
    await before(tag, digest);
    if (!first || !which(tag, digest)) return;
    first = false;
    held.raise();
    await goOn.raised;
  };
  return { held, goOn };
}

async function digestOfCompleted(buildId: string): Promise<string> {
  return (await harness.reaches(buildId, 'completed')).image_digest ?? 'none';
}

function winners(): Promise<{ tag: string; build_id: string; state: string }[]> {
  return harness.database.query('SELECT tag, build_id, state FROM image_tags ORDER BY tag');
}

describe('a build whose tags are refused', () => {
  it('does not keep them from an older build', async () => {
    const { held, goOn } = holdPut((_, digest) => digest === imageOf(older));
    await harness.start();
    const older = await harness.submit();
    await held.raised;
    const newer = await harness.submit();
    refuse(() => newer, ['latest']);
    expect(await harness.reaches(newer, 'failed', 30_000)).toMatchObject({ reason: 'PublishFailed' });
    goOn.raise();
    const digest = await digestOfCompleted(older);
    expect(named('latest')).toBe(digest);
    expect(await winners()).toEqual([{ tag: 'latest', build_id: older, state: 'promoted' }]);
  });

  it('gives a tag that was put already back to the build that had it before', async () => {
    await harness.start();
    const before = await digestOfCompleted(await harness.submit());
    let refused = '';
    refuse(() => refused, ['v1']);
    refused = await harness.submit({ tags: BOTH });
    await harness.reaches(refused, 'failed', 30_000);
    expect(named('latest')).toBe(before);
  });

  it('gives a tag that it put over a newer build’s back, also when another of its tags is refused', async () => {
    const { held, goOn } = holdPut((_, digest) => digest === imageOf(older));
    await harness.start();
    const older = await harness.submit({ tags: BOTH });
    refuse(() => older, ['v1']);
    await held.raised;
    const digest = await digestOfCompleted(await harness.submit());
    goOn.raise();
    expect(await harness.reaches(older, 'failed', 30_000)).toMatchObject({ reason: 'PublishFailed' });
    expect(named('latest')).toBe(digest);
  });

  it('or never read back owns none of them', async () => {
    harness.publisher.digestOf = () => Promise.resolve('sha256:other');
    await harness.start();
    const buildId = await harness.submit();
    const { reason, message } = await harness.reaches(buildId, 'failed', 30_000);
    expect({ reason, message }).toEqual({
      reason: 'PublishFailed',
      message: expect.stringContaining('latest reads back as sha256:other'),
    });
    expect(await winners()).toEqual([]);
  });

  it('leaves nothing behind of a claim that an earlier version has kept', async () => {
    await harness.database.query(
      `INSERT INTO image_tags VALUES ($1, 'latest', gen_random_uuid(), 1000, 'sha256:failed', 'promoting')`,
      [REPOSITORY],
    );
    await harness.start();
    const digest = await digestOfCompleted(await harness.submit());
    expect(named('latest')).toBe(digest);
  });
});

describe('an older build whose put arrives last', () => {
  it('puts back what the newest has, also when that changes while it does', async () => {
    const { held, goOn } = holdPut((_, digest) => digest === imageOf(first));
    await harness.start();
    const first = await harness.submit();
    await held.raised;
    const second = await digestOfCompleted(await harness.submit());
    const restore = holdPut((_, digest) => digest === second);
    goOn.raise();
    await restore.held.raised;
    const third = await digestOfCompleted(await harness.submit());
    restore.goOn.raise();
    await harness.reaches(first, 'completed');
    expect(named('latest')).toBe(third);
  });

  it('is completed with its other tags, and says which a newer build has', async () => {
    const { held, goOn } = holdPut((_, digest) => digest === imageOf(older));
    await harness.start();
    const older = await harness.submit({ tags: BOTH });
    await held.raised;
    const newer = await digestOfCompleted(await harness.submit());
    goOn.raise();
    const { image_digest: digest, message } = await harness.reaches(older, 'completed');
    expect([named('latest'), named('v1')]).toEqual([newer, digest]);
    expect(message).toContain('A newer build’s image stands under latest.');
  });

  it('is completed although the newer build’s image cannot be put back, which has gone meanwhile', async () => {
    const { held, goOn } = holdPut((_, digest) => digest === imageOf(older));
    await harness.start();
    const older = await harness.submit({ tags: BOTH });
    await held.raised;
    const newer = await harness.submit();
    await harness.reaches(newer, 'completed');
    refuse(() => newer, ['latest']);
    goOn.raise();
    await harness.reaches(older, 'completed', 30_000);
    expect(named('v1')).toBe(imageOf(older));
  });
});

describe('a process that has lost its lease while it puts', () => {
  /** It is held in its put, and others have completed its build and a newer one of the same tags since. */
  async function overtaken() {
    const { held, goOn } = holdPut((_, digest) => digest === imageOf(older));
    const zombie = await harness.start();
    const older = await harness.submit({ tags: BOTH });
    await held.raised;
    await zombie.runtime?.loops.heartbeat.stop();
    await harness.start();
    await harness.reaches(older, 'completed');
    return { zombie, newer: await digestOfCompleted(await harness.submit({ tags: BOTH })), goOn };
  }

  it('puts no further tag, and gives back what a newer build has had since', async () => {
    const { zombie, newer, goOn } = await overtaken();
    expect(zombie.runtime?.lease.mayWrite()).toBe(false);
    const puts: string[] = [];
    harness.publisher.beforePut = (tag, digest) => Promise.resolve(void puts.push(`${tag} ${digest}`));
    goOn.raise();
    // Nobody waits for what gives it back: its shards may be released meanwhile.
    await zombie.runtime?.followers.closeAll();
    await eventually('it is put again', () => puts.length > 0);
    await eventually('it is given back', () => named('latest') === newer);
    expect(named('v1')).toBe(newer);
    expect(puts).toEqual([`latest ${newer}`]);
  });

  it('gives it back also when it learns only from the database that its lease is lost', async () => {
    const { held, goOn } = holdPut((_, digest) => digest === imageOf(older));
    await harness.start();
    const older = await harness.submit();
    await held.raised;
    const newer = await digestOfCompleted(await harness.submit());
    // Another process has the shards now, and does nothing.
    await harness.database.query(`
      WITH other AS (
        INSERT INTO dispatchers (id, host, version, slots, lease_until)
        VALUES (gen_random_uuid(), 'other', '0', 1, now() + interval '1 hour') RETURNING id)
      UPDATE cluster_shards SET owner = other.id, token = gen_random_uuid() FROM other`);
    const restore = holdPut((_, digest) => digest === newer);
    goOn.raise();
    await restore.held.raised;
    expect(named('latest')).toBe(imageOf(older));
    restore.goOn.raise();
    await eventually('it is given back', () => named('latest') === newer);
    expect((await harness.execution(older)).state).toBe('promoting');
  });

  it('gives it back when the rows can be read again', async () => {
    const { zombie, newer, goOn } = await overtaken();
    await harness.database.query('ALTER TABLE image_tags RENAME TO hidden_tags');
    goOn.raise();
    await eventually('it was put over', () => named('latest') !== newer);
    await harness.database.query('ALTER TABLE hidden_tags RENAME TO image_tags');
    await zombie.runtime?.followers.closeAll();
    await eventually('it is given back', () => named('latest') === newer);
  });
});

import type { BuildResources, RenderContext, Reason } from '@image-factory/domain';
import { eventually, USUAL_RESOURCES } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

const GI = 2 ** 30;

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

/** The first `attempts` attempts of every build end so, wherever they run. */
function failAttempts(attempts: number, reason: Reason): void {
  const failure = { reason, fault: 'user' as const, nodeName: 'node-a' };
  harness.cluster.scriptRun = (run) => (run.attempt <= attempts ? { exitCode: 1, failure } : undefined);
}

interface AttemptRow {
  retry_reason: string | null;
  retry_message: string | null;
  failure_class: string | null;
  memory_bytes: number;
  ephemeral_storage_limit_bytes: number | null;
  workspace_bytes: number | null;
  provider_id: string | null;
  /** What the fake executor was asked to render. */
  document: string;
}

function attemptsOf(buildId: string): Promise<AttemptRow[]> {
  return harness.database.query<AttemptRow>(
    `SELECT * FROM build_executions WHERE build_id = $1 AND state <> 'released' ORDER BY attempt`,
    [buildId],
  );
}

function rendered(row: AttemptRow): RenderContext {
  return JSON.parse(row.document) as RenderContext;
}

function learned(): Promise<Record<string, number | null>[]> {
  return harness.database.query(
    'SELECT learned_memory_bytes, learned_ephemeral_storage_bytes, learned_workspace_bytes FROM projects',
  );
}

const NOTHING_LEARNED = {
  learned_memory_bytes: null,
  learned_ephemeral_storage_bytes: null,
  learned_workspace_bytes: null,
};

interface Case {
  readonly reason: Reason;
  readonly cap: string;
  readonly learned: string;
  /** Words of the decision's message. */
  readonly words: string;
  /** What a first attempt has of it, in Gi, and is limited to. */
  readonly usual: number;
  readonly limits: Partial<BuildResources>;
  readonly limitOf: (context: RenderContext) => number | undefined | string;
  readonly storedOf: (row: AttemptRow) => number | null;
  /** The limit of one with so many Gi. */
  readonly shown: (gibibytes: number) => number | string;
}

const CASES: readonly Case[] = [
  {
    reason: 'StepOutOfMemory',
    cap: 'max_memory',
    learned: 'learned_memory_bytes',
    words: 'of memory',
    usual: 2,
    limits: { memoryBytes: 2 * GI, memoryLimitBytes: 2 * GI },
    limitOf: (context) => context.resources.memoryLimitBytes,
    storedOf: (row) => row.memory_bytes,
    shown: (gibibytes) => gibibytes * GI,
  },
  {
    reason: 'EphemeralStorageExceeded',
    cap: 'max_ephemeral_storage',
    learned: 'learned_ephemeral_storage_bytes',
    words: 'of ephemeral_storage',
    usual: 4,
    limits: { ephemeralStorageBytes: 4 * GI, ephemeralStorageLimitBytes: 4 * GI },
    limitOf: (context) => context.resources.ephemeralStorageLimitBytes,
    storedOf: (row) => row.ephemeral_storage_limit_bytes,
    shown: (gibibytes) => gibibytes * GI,
  },
  {
    reason: 'WorkspaceFull',
    cap: 'max_workspace_size',
    learned: 'learned_workspace_bytes',
    words: 'of workspace_size',
    usual: 1,
    limits: {},
    limitOf: (context) => context.workspaceSize,
    storedOf: (row) => row.workspace_bytes,
    shown: (gibibytes) => `${gibibytes}Gi`,
  },
];

/** A build that has the usual amount for a limit. */
function submitLimited({ limits }: Case): Promise<string> {
  return harness.submit({ resources: { ...USUAL_RESOURCES, ...limits } });
}

describe.each(CASES)('an attempt at its limit that ended with $reason', (one) => {
  it('is followed by attempts with twice as much up to the tenant’s cap, and a failure teaches nothing', async () => {
    await harness.database.query(`UPDATE tenants SET ${one.cap} = '${one.usual * 3}Gi'`);
    failAttempts(99, one.reason);
    await harness.start();
    const buildId = await submitLimited(one);
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: one.reason, attempt: 3 });
    const rows = await attemptsOf(buildId);
    const given = [one.usual, 2 * one.usual, 3 * one.usual];
    expect(rows.map((row) => one.limitOf(rendered(row)))).toEqual(given.map(one.shown));
    expect(rows.map((row) => row.failure_class)).toEqual(['resource', 'resource', 'resource']);
    expect(rows.map((row) => row.retry_reason)).toEqual(['CauseMayPass', 'CauseMayPass', 'NothingMoreToGive']);
    expect(rows[0]?.retry_message).toContain(`with ${2 * one.usual}Gi ${one.words}`);
    expect(await learned()).toEqual([NOTHING_LEARNED]);
    expect(await harness.counters()).toEqual({ lane: 0, provider: 0 });
  });

  it('teaches the project what it then succeeded with, and keeps it on the attempt', async () => {
    failAttempts(1, one.reason);
    await harness.start();
    const buildId = await submitLimited(one);
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 2 });
    expect(one.storedOf((await attemptsOf(buildId))[1]!)).toBe(2 * one.usual * GI);
    // Written after the end: a hint that may be lost.
    const known = await eventually('the project knows', async () => {
      const [project] = await learned();
      return project?.[one.learned] === null ? undefined : project;
    });
    expect(known).toEqual({ ...NOTHING_LEARNED, [one.learned]: 2 * one.usual * GI });
  });

  it('is the last one when no more can be given', async () => {
    await harness.database.query(`UPDATE tenants SET ${one.cap} = '${one.usual}Gi'`);
    failAttempts(99, one.reason);
    await harness.start();
    const buildId = await submitLimited(one);
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: one.reason, attempt: 1 });
    expect(await attemptsOf(buildId)).toMatchObject([{ failure_class: 'resource', retry_reason: 'NothingMoreToGive' }]);
  });
});

interface Unlimited {
  readonly reason: Reason;
  readonly cap: string;
  readonly learned: string;
  readonly words: string;
  readonly usual: number;
  readonly figuresOf: (resources: BuildResources) => readonly [number, number | undefined];
}

describe.each<Unlimited>([
  {
    reason: 'StepOutOfMemory',
    cap: 'max_memory',
    learned: 'learned_memory_bytes',
    words: 'of memory',
    usual: 2,
    figuresOf: ({ memoryBytes, memoryLimitBytes }) => [memoryBytes, memoryLimitBytes],
  },
  {
    reason: 'EphemeralStorageExceeded',
    cap: 'max_ephemeral_storage',
    learned: 'learned_ephemeral_storage_bytes',
    words: 'of ephemeral_storage',
    usual: 4,
    figuresOf: ({ ephemeralStorageBytes, ephemeralStorageLimitBytes }) => [
      ephemeralStorageBytes,
      ephemeralStorageLimitBytes,
    ],
  },
])('an attempt without a limit that ended with $reason', (one) => {
  /** Request and limit of each attempt, in Gi. */
  const givenTo = async (buildId: string): Promise<(number | undefined)[][]> => {
    const rows = await attemptsOf(buildId);
    const figures = rows.map((row) => one.figuresOf(rendered(row).resources));
    return figures.map((ofOne) => ofOne.map((bytes) => (bytes === undefined ? undefined : bytes / GI)));
  };

  it('is followed by attempts that request twice as much, are limited to nothing, and go elsewhere', async () => {
    const other = await harness.addProvider('cluster-2');
    await harness.database.query('UPDATE providers SET is_default = true WHERE id = $1', [harness.providerId]);
    failAttempts(1, one.reason);
    const { scriptRun } = harness.cluster;
    other.cluster.scriptRun = (run) => scriptRun({ ...run, attempt: run.attempt - 1 });
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 3 });
    expect(await givenTo(buildId)).toEqual([
      [one.usual, undefined],
      [2 * one.usual, undefined],
      [4 * one.usual, undefined],
    ]);
    const rows = await attemptsOf(buildId);
    expect(rows.map((row) => row.provider_id)).toEqual([harness.providerId, other.id, harness.providerId]);
    expect(rendered(rows[2]!).avoidedNodes).toEqual(['node-a']);
    expect(rows[0]?.retry_message).toContain(`with at least ${2 * one.usual}Gi ${one.words}`);
    const known = await eventually('the project knows', async () => {
      const [project] = await learned();
      return project?.[one.learned] === null ? undefined : project;
    });
    expect(known).toEqual({ ...NOTHING_LEARNED, [one.learned]: 4 * one.usual * GI });
  });

  it('is limited to its tenant’s cap at most, where that has one by now', async () => {
    await harness.database.query(`UPDATE tenants SET ${one.cap} = '${one.usual * 8}Gi'`);
    failAttempts(99, one.reason);
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ attempt: 2 });
    expect(await givenTo(buildId)).toEqual([
      [one.usual, undefined],
      [2 * one.usual, 8 * one.usual],
    ]);
    expect((await attemptsOf(buildId))[1]).toMatchObject({ retry_reason: 'NothingMoreToGive' });
  });
});

describe('an attempt that ran out of memory where all nodes are known', () => {
  const detect = (providerId: string, gibibytes: number) =>
    harness.database.query('UPDATE providers SET detected = $2 WHERE id = $1', [
      providerId,
      { largestNode: { cpuMillis: 16_000, memoryBytes: gibibytes * GI }, undetected: {} },
    ]);

  it('is the last one when none of them has twice as much, instead of waiting for one that does', async () => {
    await detect(harness.providerId, 7);
    const disabled = await harness.addProvider('disabled');
    await harness.database.query(`UPDATE providers SET state = 'disabled' WHERE id = $1`, [disabled.id]);
    const ofOthers = await harness.addProvider('of-others');
    await harness.database.query('UPDATE providers SET is_global = false WHERE id = $1', [ofOthers.id]);
    failAttempts(99, 'StepOutOfMemory');
    await harness.start();
    const buildId = await harness.submit({
      resources: { ...USUAL_RESOURCES, memoryBytes: 2 * GI, memoryLimitBytes: 2 * GI },
    });
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'StepOutOfMemory', attempt: 2 });
    expect((await attemptsOf(buildId))[1]).toMatchObject({ memory_bytes: 4 * GI, retry_reason: 'NothingMoreToGive' });
  });

  it('is followed by another where one provider of the tenant has such a node, or has not shown its nodes', async () => {
    await detect(harness.providerId, 3);
    const granted = await harness.addProvider('granted');
    await harness.database.query('UPDATE providers SET is_global = false WHERE id = $1', [granted.id]);
    await harness.database.query(
      `INSERT INTO provider_permissions (provider_id, tenant_id, granted_by) VALUES ($1, $2, 'admin')`,
      [granted.id, harness.tenantId],
    );
    granted.cluster.scriptRun = (run) => harness.cluster.scriptRun?.(run);
    failAttempts(1, 'StepOutOfMemory');
    await harness.start();
    const unknown = await harness.submit();
    await harness.reaches(unknown, 'completed');
    await detect(granted.id, 4);
    const large = await harness.submit();
    await harness.reaches(large, 'completed');
    for (const buildId of [unknown, large]) {
      expect((await attemptsOf(buildId))[1]).toMatchObject({ provider_id: granted.id });
    }
  });
});

describe('what a provider gives', () => {
  it('is doubled where its own workspaces are larger than usual', async () => {
    await harness.database.query(`UPDATE providers SET settings = '{"workspace_size": "5Gi"}'`);
    failAttempts(1, 'WorkspaceFull');
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    const sizes = (await attemptsOf(buildId)).map((row) => rendered(row).workspaceSize);
    expect(sizes).toEqual(['5Gi', '10Gi']);
  });
});

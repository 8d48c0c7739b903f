import { randomUUID } from 'node:crypto';
import { PostgresPlacementHistory } from '@image-factory/persistence';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';

const MINUTE_MS = 60_000;

interface Attempt {
  readonly build?: string;
  readonly tenant?: string;
  readonly state?: 'succeeded' | 'failed' | 'moved' | 'running';
  readonly failureClass?: string;
  readonly reason?: string;
  readonly startSeconds?: number;
  readonly ageMs?: number;
}

describe('what recent attempts say of their providers', () => {
  let world: QueueWorld;
  let history: PostgresPlacementHistory;
  let tenant: string;
  let here: string;
  let elsewhere: string;

  beforeAll(async () => {
    world = await QueueWorld.open();
    history = new PostgresPlacementHistory(world.database);
    tenant = await world.tenant();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.database.query('DELETE FROM build_executions');
    here = await world.provider();
    elsewhere = await world.provider();
  });

  /** Ids tell the time, as those that a claim makes. */
  const idOf = (ageMs: number): string => {
    const time = (Date.now() - ageMs).toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
  };

  const attempt = async (provider: string, of: Attempt = {}): Promise<void> => {
    const state = of.state ?? 'succeeded';
    const live = state === 'running';
    await world.database.query(
      `INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token, provider_id, shard,
         document, document_hash, pipeline_run_name, namespace, namespace_uid, cluster_uid, log_day, outcome, reason,
         failure_class, start_seconds, first_step_started_at, slot_held, finished_at, log_sealed_at)
       VALUES ($1::uuid, $2, $3, 1, $4, gen_random_uuid(), gen_random_uuid(), $5, 0, '{}', 'h', $1::uuid::text, 'n', 'u', 'c',
               current_date, $6, $7, $8, $9, now(), $10::boolean, CASE WHEN $10::boolean THEN NULL ELSE now() END, now())`,
      [
        idOf(of.ageMs ?? 0),
        of.build ?? randomUUID(),
        of.tenant ?? tenant,
        state,
        provider,
        live ? null : state,
        of.reason ?? null,
        of.failureClass ?? null,
        of.startSeconds ?? 0,
        live,
      ],
    );
  };
  const failure = async (provider: string, reason = 'RegistryUnavailable'): Promise<void> =>
    attempt(provider, { build: await world.submit(tenant), state: 'failed', failureClass: 'registry', reason });
  const success = async (provider: string): Promise<void> => attempt(provider, { build: await world.submit(tenant) });
  const unreached = async (): Promise<readonly string[] | undefined> =>
    (await history.read()).get(here)?.unreachedRegistries;

  it('counts those that ended for a cause of the cluster, and how long starts took', async () => {
    await attempt(here, { startSeconds: 10 });
    await attempt(here, { startSeconds: 20, state: 'failed', failureClass: 'cluster', reason: 'StartTimeout' });
    await attempt(here, { startSeconds: 30, state: 'failed', failureClass: 'user', reason: 'StepFailed' });
    await attempt(here, { startSeconds: 40, state: 'moved', failureClass: 'disruption', reason: 'Drain' });
    await attempt(here, { state: 'failed', failureClass: 'cluster', ageMs: 61 * MINUTE_MS });
    await attempt(here, { state: 'running' });
    expect((await history.read()).get(here)).toMatchObject({ ended: 4, failed: 1, startSeconds: 25 });
    expect((await history.read()).get(elsewhere)).toBeUndefined();
  });

  it('counts what runs there by tenant', async () => {
    const second = await world.tenant();
    for (const owner of [tenant, tenant, second]) await attempt(here, { state: 'running', tenant: owner });
    await attempt(here);
    expect((await history.read()).get(here)?.runningByTenant).toEqual(
      new Map([
        [tenant, 2],
        [second, 1],
      ]),
    );
  });

  it('name a registry that three builds did not reach from there while another one did from elsewhere', async () => {
    await success(elsewhere);
    await failure(here);
    await failure(here);
    expect(await unreached()).toEqual([]);
    await failure(here);
    expect(await unreached()).toEqual(['registry.example']);
    await success(here);
    expect(await unreached()).toEqual([]);
  });

  it.each(['BaseImageUnavailable', 'GitUnavailable'])(
    'do not blame a provider for other hosts that builds name: %s',
    async (reason) => {
      await success(elsewhere);
      for (let n = 0; n < 4; n += 1) await failure(here, reason);
      expect(await unreached()).toEqual([]);
    },
  );

  it('do not blame a provider for a registry that nobody reaches', async () => {
    for (let n = 0; n < 4; n += 1) await failure(here);
    await failure(elsewhere);
    expect(await unreached()).toEqual([]);
  });
});

import type { ProviderState } from '@image-factory/domain';
import {
  generateEncryptionKeys,
  parseEncryptionKeys,
  PostgresProviders,
  SecretCipher,
} from '@image-factory/persistence';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';

type Step = { readonly pause: number } & (
  { readonly kind: 'place' } | { readonly kind: 'state'; readonly state: ProviderState }
);

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('place' as const), pause: fc.nat(6) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('state' as const),
      pause: fc.nat(6),
      state: fc.constantFrom<ProviderState>('enabled', 'cordoned', 'draining', 'disabled'),
    }),
  },
);

describe('placements that race with an admin', () => {
  let world: QueueWorld;
  let providers: PostgresProviders;
  let tenant: string;
  let dispatcher: string;

  beforeAll(async () => {
    world = await QueueWorld.open();
    providers = new PostgresProviders(world.database, new SecretCipher(parseEncryptionKeys(generateEncryptionKeys())));
    tenant = await world.tenant(10_000);
    dispatcher = await world.dispatcher();
  });
  afterAll(() => world.close());

  const placedOn = async (provider: string, database: Pick<typeof world.database, 'query'>): Promise<number> => {
    const [row] = await database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM build_executions WHERE provider_id = $1`,
      [provider],
    );
    return row?.n ?? 0;
  };

  /** Some round trips to the database, so that steps overlap in many ways. */
  const pause = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await world.database.query('SELECT 1');
  };

  it('put nothing on a provider from its cordon, drain or end on until it is enabled again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 4, maxLength: 14 }), async (steps) => {
        const provider = await world.provider();
        const log: { state: ProviderState; placed: number }[] = [{ state: 'enabled', placed: 0 }];
        const places = steps.filter(({ kind }) => kind === 'place').length;
        await world.submitMany(tenant, places);
        const { claimed } = await world.queue.claim({ dispatcherId: dispatcher, limit: Math.max(1, places) });
        const waiting = [...claimed];
        const results: unknown[] = [];
        await Promise.all(
          steps.map(async (step) => {
            const one = step.kind === 'place' ? waiting.pop() : undefined;
            await pause(step.pause);
            if (step.kind === 'state') {
              await world.database.transaction(async (tx) => {
                const change = { state: step.state, drainDeadlineAt: undefined, reason: 'a test', actor: 'user:test' };
                await providers.setState(tx, provider, change);
                log.push({ state: step.state, placed: await placedOn(provider, tx) });
              });
            } else if (one !== undefined) {
              results.push((await world.queue.place(world.commit(one, dispatcher, provider))).kind);
            }
          }),
        );
        const end = await placedOn(provider, world.database);
        expect(results.filter((kind) => kind === 'placed')).toHaveLength(end);
        [...log.slice(1), { placed: end }].forEach(({ placed }, index) => {
          if (log[index]?.state !== 'enabled') expect(placed).toBe(log[index]?.placed);
        });
      }),
      { numRuns: 40 },
    );
    expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
  });
});

import { type ListingToRecord, PostgresDiscoveredClusters } from '@image-factory/persistence';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';

const SUBSCRIPTION = '11111111-2222-3333-4444-aaaaaaaaaaaa';
const FACTS = { status: 'Succeeded', resource: `/subscriptions/${SUBSCRIPTION}/resourcegroups/Builds/clusters/Prod` };

let world: QueueWorld;
let clusters: PostgresDiscoveredClusters;
beforeEach(async () => {
  world = await QueueWorld.open();
  clusters = new PostgresDiscoveredClusters(world.database);
});
afterEach(() => world.close());

/** A complete listing of a subscription by one identity. */
function azure(seenBy: string, names: readonly (readonly [string, string])[]): ListingToRecord {
  const key = (resourceGroup: string, name: string) =>
    ({ cloud: 'azure', account: SUBSCRIPTION, location: 'westeurope', resourceGroup, name }) as const;
  const found = names.map(([group, name]) => ({ key: key(group, name), facts: FACTS }));
  return { cloud: 'azure', account: SUBSCRIPTION, location: undefined, complete: true, seenBy, clusters: found };
}

const shown = async () =>
  (await clusters.list({ limit: 10 }, {})).items.map(({ resourceGroup, name, state }) => [resourceGroup, name, state]);

describe('a cluster of Azure', () => {
  it('is the same in whatever case its cloud writes it, and is shown as it was first written', async () => {
    const first = await clusters.record(azure('a', [['Builds', 'Prod']]));
    expect(first.found).toHaveLength(1);
    const lower = azure('a', [['builds', 'prod']]);
    const facts = { ...FACTS, resource: FACTS.resource.toUpperCase() };
    const again = {
      ...lower,
      account: SUBSCRIPTION.toUpperCase(),
      clusters: lower.clusters.map((one) => ({ ...one, facts })),
    };
    const key = { ...lower.clusters[0]!.key, account: SUBSCRIPTION.toUpperCase() };
    expect(await clusters.record({ ...again, clusters: [{ key, facts }] })).toEqual({
      seen: first.found,
      found: [],
      changed: [],
      vanished: [],
    });
    expect(await shown()).toEqual([['Builds', 'Prod', 'found']]);
  });

  it('vanishes when the identity that saw it sees it no more, and not when another one does not see it', async () => {
    await clusters.record(azure('tenant/builder', [['Builds', 'Prod']]));
    expect((await clusters.record(azure('tenant/other', []))).vanished).toEqual([]);
    expect(await shown()).toEqual([['Builds', 'Prod', 'found']]);
    expect((await clusters.record(azure('tenant/builder', []))).vanished).toHaveLength(1);
    expect(await shown()).toEqual([['Builds', 'Prod', 'vanished']]);
    expect((await clusters.record(azure('tenant/other', [['Builds', 'Prod']]))).changed).toHaveLength(1);
    expect((await clusters.record(azure('tenant/other', []))).vanished).toHaveLength(1);
  });
});

describe('a listing of nobody knows whose clusters', () => {
  it('changes nothing', async () => {
    await clusters.record(azure('a', [['Builds', 'Prod']]));
    const listing = { ...azure('a', []), account: undefined };
    expect(await clusters.record(listing)).toEqual({ seen: [], found: [], changed: [], vanished: [] });
    expect(await shown()).toEqual([['Builds', 'Prod', 'found']]);
  });
});

import { CloudSessions } from '@image-factory/cluster-connectors';
import type { Clock } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CloudStub, withIdentities } from './cloud-stub.ts';

let stub: CloudStub;
let forget: () => Promise<void>;
let laterMs: number;
/** The token that the clouds accept. */
let cured: string;
beforeEach(async () => {
  forget = await withIdentities();
  stub = await CloudStub.start(({ authorization }) =>
    authorization === cured
      ? { body: { value: [] } }
      : { status: 403, body: { error: { status: 'PERMISSION_DENIED' } } },
  );
  cured = 'none';
  laterMs = 0;
});
afterEach(async () => {
  await stub.close();
  await forget();
});

const attempt = { subject: 'the clusters', doing: 'listing them', cure: 'grant it', missing: 'there are none' };

function reader(): CloudSessions['reader'] {
  const clock: Clock = {
    now: () => systemClock.now(),
    monotonicMs: () => systemClock.monotonicMs() + laterMs,
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
  };
  return new CloudSessions({ egress: new EgressPolicy({ allow: ['127.0.0.1'] }), clock, redirects: stub.redirects })
    .reader;
}

describe('a token of discovery', () => {
  const ways = {
    google: (of: CloudSessions['reader']) => of.gke('farm-1', 'locations/-/clusters', attempt, signal()),
    azure: (of: CloudSessions['reader']) => of.arm('AzureCloud', '/subscriptions', attempt, signal()),
  };
  const signal = (): AbortSignal => AbortSignal.timeout(10_000);

  it.each(['google', 'azure'] as const)(
    'that is refused is replaced once it is a minute old, and asked with again: %s',
    async (way) => {
      const of = reader();
      await expect(ways[way](of)).rejects.toMatchObject({ reason: 'CloudAccessDenied' });
      const refused = stub.requests[0]?.authorization;
      // The right was given: tokens that are made from now on have it.
      stub.googleToken = 'google-token-2';
      stub.azureObject = 'object-2';
      await expect(ways[way](of)).rejects.toMatchObject({ reason: 'CloudAccessDenied' });
      expect(stub.requests.map(({ authorization }) => authorization)).toEqual([refused, refused]);
      laterMs = 2 * 60_000;
      await expect(ways[way](of)).rejects.toMatchObject({ reason: 'CloudAccessDenied' });
      const renewed = stub.requests.at(-1)?.authorization ?? '';
      expect(stub.requests.map(({ authorization }) => authorization)).toEqual([refused, refused, refused, renewed]);
      expect(renewed).not.toBe(refused);
      cured = renewed;
      await ways[way](of);
      expect(stub.requests).toHaveLength(5);
    },
  );

  it('cannot be had from Google: the failure names the project, whichever location asked first', async () => {
    const of = reader();
    stub.googleToken = '';
    const ask = (subject: string) => of.gke('farm-1', 'locations/-/clusters', { ...attempt, subject }, signal());
    await expect(ask('GKE in project farm-1, europe-west1')).rejects.toThrow(/^GKE in project farm-1: /);
  });
});

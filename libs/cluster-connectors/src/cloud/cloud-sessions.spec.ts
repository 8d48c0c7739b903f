import { Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import { CloudSessions } from './cloud-sessions.js';

const cluster = () => ({
  name: 'a cluster',
  authenticate: () => Promise.reject(new Error('nobody is asked here')),
  describe: () => Promise.reject(new Error('nobody is asked here')),
  mint: () => Promise.reject(new Error('nobody is asked here')),
});

describe('a session at a cloud', () => {
  const sessions = new CloudSessions({ egress: new EgressPolicy({ allow: [] }), clock: systemClock });
  const of = (clusterId: string, credentialVersion: number, secret = 'one') =>
    sessions.session({ clusterId, credentialVersion }, { client_secret: new Secret(secret) }, cluster);

  it('is shared by all that enter one cluster by one version of its credential', () => {
    expect(of('a', 1)).toBe(of('a', 1));
  });

  it('is another one for another cluster, another version and another secret', () => {
    const first = of('a', 1);
    expect(of('b', 1)).not.toBe(first);
    expect(of('a', 2)).not.toBe(first);
    expect(of('a', 1, 'two')).not.toBe(first);
  });

  it('of an older version is not kept beside the newer one', () => {
    const old = of('c', 1);
    of('c', 2);
    expect(of('c', 1)).not.toBe(old);
  });
});

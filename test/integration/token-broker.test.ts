import { type ClusterConnection, TokenBroker } from '@image-factory/cluster-connectors';
import { DomainError, Secret } from '@image-factory/domain';
import { type FakeClock, type FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectorWorld, failure, listPods } from './connector-world.ts';

const MINUTE = 60_000;
const LIFE_MS = 15 * MINUTE;

let world: ConnectorWorld;
let server: FakeKubeApiServer;
let clock: FakeClock;

beforeEach(async () => {
  world = await ConnectorWorld.start();
  ({ server, clock } = world);
  server.tokens.clear();
});

afterEach(() => world.close());

/** Gives out tokens that the API server takes until they end, and not a moment longer. */
class TokenIssuer {
  readonly issuedAtMs: number[] = [];
  readonly #ends: { readonly token: string; readonly endsAtMs: number }[] = [];
  failing: DomainError | undefined;

  async issue(): Promise<{ value: string; expiresAt: Date }> {
    this.issuedAtMs.push(clock.monotonicMs());
    if (this.failing !== undefined) throw this.failing;
    const value = `token-${this.issuedAtMs.length}`;
    const endsAtMs = clock.monotonicMs() + LIFE_MS;
    server.tokens.set(value, 'fake-admin');
    this.#ends.push({ token: value, endsAtMs });
    return { value, expiresAt: new Date(clock.now().getTime() + LIFE_MS) };
  }

  async pass(ms: number): Promise<void> {
    await clock.advance(ms);
    for (const { token, endsAtMs } of this.#ends) {
      if (endsAtMs <= clock.monotonicMs()) server.tokens.delete(token);
    }
  }
}

function brokerOf(issuer: TokenIssuer): TokenBroker {
  return new TokenBroker({ name: 'a cluster', mint: () => issuer.issue(), clock });
}

function connectBy(broker: TokenBroker): ClusterConnection {
  return world.connect({
    server: server.url,
    ca: { kind: 'value', value: new Secret(server.ca) },
    tlsServerName: undefined,
    identity: { kind: 'broker', broker },
  });
}

describe('tokens of 15 minutes', () => {
  it('carry a process through 24 hours: no 401 at all, one renewal per life, the watch and its socket stay', async () => {
    const issuer = new TokenIssuer();
    const broker = brokerOf(issuer);
    const [first, second] = [connectBy(broker), connectBy(broker)];
    const watch = await first.stream({ ...listPods, query: { watch: true, resourceVersion: '1000' } });
    for (let passedMs = 0; passedMs < 24 * 60 * MINUTE; passedMs += 30_000) {
      await Promise.all([first.request(listPods), first.request(listPods), second.request(listPods)]);
      await issuer.pass(30_000);
    }
    expect(server.requests).toHaveLength(1 + 3 * 24 * 120);
    expect(server.requests.filter((request) => request.user === undefined)).toHaveLength(0);
    const gaps = issuer.issuedAtMs.slice(1).map((at, index) => at - (issuer.issuedAtMs[index] ?? 0));
    expect(gaps.length).toBeGreaterThan(100);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.6 * LIFE_MS);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(0.8 * LIFE_MS + 30_000);
    expect(new Set(gaps).size).toBeGreaterThan(3);
    expect(first.tokens).toEqual(second.tokens);
    expect(first.tokens).toMatchObject({ renewals: issuer.issuedAtMs.length, failures: 0, failure: undefined });
    expect(watch.body.destroyed).toBe(false);
    expect(server.openWatches).toBe(1);
    expect(server.connectionsAccepted).toBeLessThan(10);
  }, 180_000);

  it('are made anew, once for all, when nobody has asked for longer than they live', async () => {
    const issuer = new TokenIssuer();
    const connection = connectBy(brokerOf(issuer));
    await connection.request(listPods);
    await issuer.pass(8 * 60 * MINUTE);
    await Promise.all(Array.from({ length: 20 }, () => connection.request(listPods)));
    expect(issuer.issuedAtMs).toHaveLength(2);
    expect(server.requests.filter((request) => request.user === undefined)).toHaveLength(0);
  });
});

describe('a token that the server refuses early', () => {
  it('is replaced and the request repeated once, unseen by the caller', async () => {
    const issuer = new TokenIssuer();
    const connection = connectBy(brokerOf(issuer));
    await connection.request(listPods);
    await issuer.pass(5 * MINUTE);
    server.tokens.clear();
    await Promise.all(Array.from({ length: 10 }, () => connection.request(listPods)));
    expect(issuer.issuedAtMs).toHaveLength(2);
  });

  it('makes no storm when the identity itself is refused', async () => {
    const issuer = new TokenIssuer();
    const connection = connectBy(brokerOf(issuer));
    server.tokens.set = () => server.tokens;
    for (let count = 0; count < 200; count += 1) {
      expect(await failure(connection.request(listPods))).toMatchObject({ reason: 'ClusterUnauthorized' });
      await issuer.pass(1_000);
    }
    expect(issuer.issuedAtMs.length).toBeLessThanOrEqual(4);
  });

  it('ends in the reason why there is no other, when there is none', async () => {
    const issuer = new TokenIssuer();
    const connection = connectBy(brokerOf(issuer));
    for (let round = 0; round < 5; round += 1) {
      issuer.failing = undefined;
      await connection.request(listPods);
      await issuer.pass(5 * MINUTE);
      server.tokens.clear();
      issuer.failing = new DomainError({ kind: 'NotAllowed', reason: 'CloudAccessDenied', message: 'No role.' });
      expect(await failure(connection.request(listPods))).toMatchObject({ reason: 'CloudAccessDenied' });
      await issuer.pass(MINUTE);
    }
    // The refused answers were read to their end: each would else hold a socket.
    expect(server.connectionsAccepted).toBeLessThanOrEqual(2);
  });
});

describe('a token that cannot be made', () => {
  it('fails the request before anything is sent, without a try for each and without the breaker', async () => {
    const issuer = new TokenIssuer();
    const connection = connectBy(brokerOf(issuer));
    issuer.failing = new DomainError({
      kind: 'Unavailable',
      reason: 'CloudThrottled',
      message: 'Throttled.',
      retryable: true,
      details: { outcome: 'notSent' },
    });
    for (let count = 0; count < 50; count += 1) {
      expect(await failure(connection.request(listPods))).toMatchObject({
        reason: 'CloudThrottled',
        details: { outcome: 'notSent' },
      });
    }
    expect(issuer.issuedAtMs).toHaveLength(1);
    expect(server.requests).toHaveLength(0);
    expect(connection.pressure.breaker).toBe('closed');
    issuer.failing = undefined;
    await issuer.pass(2_000);
    await connection.request(listPods);
  });
});

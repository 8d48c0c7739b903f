import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readEnv } from './env.js';

const URL = 'postgres://u:p@localhost/db';

describe('readEnv', () => {
  it('takes the limits of clocks and retries, by class', () => {
    const result = readEnv({
      IF_DATABASE_URL: URL,
      IF_RETRY_ATTEMPTS: '3',
      IF_RETRY_CLASS_ATTEMPTS: 'registry=2, disruption=4',
      IF_RETRY_TOTAL_MINUTES: '90',
      IF_SEAL_LIMIT_SECONDS: '30',
    });
    expect(result).toMatchObject({
      env: {
        retry: {
          maxAttempts: 3,
          maxTotalMs: 90 * 60_000,
          policies: {
            registry: { attempts: 2 },
            disruption: { attempts: 4 },
            cluster: { attempts: 5 },
            user: { attempts: 1 },
          },
        },
        clocks: { placementSeconds: 300, sealSeconds: 30, lossMinutes: 30 },
      },
    });
  });

  it.each(['user=2', 'registry', 'registry=0', 'registry=1,registry=2', 'registry=2=3', ''])(
    'refuses %j as attempts by class',
    (text) => {
      const result = readEnv({ IF_DATABASE_URL: URL, IF_RETRY_CLASS_ATTEMPTS: text });
      expect(result.kind).toBe(text === '' ? 'valid' : 'invalid');
    },
  );

  it('has a default for everything but the database', () => {
    const result = readEnv({ IF_DATABASE_URL: URL });
    expect(result).toMatchObject({
      kind: 'valid',
      env: { slots: 50, leaseMs: 30_000, heartbeatMs: 5_000, pollMs: 2_000, httpPort: 9465, logRetentionDays: 30 },
    });
  });

  it('builds the URL from its parts', () => {
    const result = readEnv({ IF_DATABASE_HOST: 'db', IF_DATABASE_USER: 'me', IF_DATABASE_PASSWORD: 'p@ss/word' });
    expect(result).toMatchObject({ env: { databaseUrl: 'postgresql://me:p%40ss%2Fword@db:5432/image_factory' } });
  });

  it('lists every problem at once, without any value', () => {
    const result = readEnv({
      IF_DISPATCHER_SLOTS: 'canary-many',
      IF_ENCRYPTION_KEYS: 'canary-key',
      IF_LOGGER_LEVEL: 'canary-loud',
    });
    expect(result.kind).toBe('invalid');
    const names = result.kind === 'invalid' ? result.problems.map((problem) => problem.name) : [];
    expect(names.sort()).toEqual(['IF_DATABASE_URL', 'IF_DISPATCHER_SLOTS', 'IF_ENCRYPTION_KEYS', 'IF_LOGGER_LEVEL']);
    expect(inspect(result, { depth: 9 })).not.toContain('canary');
  });

  it('refuses a probe that may take as long as the interval, as the health monitor does', () => {
    const read = (timeoutMs: string) =>
      readEnv({ IF_DATABASE_URL: URL, IF_HEALTH_INTERVAL_MS: '5000', IF_HEALTH_TIMEOUT_MS: timeoutMs });
    expect(read('5000')).toMatchObject({ kind: 'invalid', problems: [{ name: 'IF_HEALTH_TIMEOUT_MS' }] });
    expect(read('4999')).toMatchObject({ kind: 'valid' });
  });

  it('warns of credentials a week before they end, or as long before as it is told', () => {
    const read = (days: Record<string, string>) => readEnv({ IF_DATABASE_URL: URL, ...days });
    expect(read({})).toMatchObject({ env: { credentialWarningMs: 7 * 86_400_000 } });
    expect(read({ IF_CREDENTIAL_WARNING_DAYS: '30' })).toMatchObject({ env: { credentialWarningMs: 30 * 86_400_000 } });
    expect(read({ IF_CREDENTIAL_WARNING_DAYS: '0' })).toMatchObject({ kind: 'invalid' });
  });

  it('keeps finished runs for as long as a failover of the database may lag, unless it is told otherwise', () => {
    const read = (seconds: Record<string, string>) => readEnv({ IF_DATABASE_URL: URL, ...seconds });
    expect(read({})).toMatchObject({ env: { runRetentionMs: 60_000 } });
    expect(read({ IF_RUN_RETENTION_SECONDS: '0' })).toMatchObject({ env: { runRetentionMs: 0 } });
  });

  it('refuses a floor of the request rate above its ceiling, which no cluster could keep', () => {
    const result = readEnv({ IF_DATABASE_URL: URL, IF_CLUSTER_RATE_FLOOR: '50', IF_CLUSTER_RATE_CEILING: '49' });
    expect(result).toMatchObject({ kind: 'invalid', problems: [{ name: 'IF_CLUSTER_RATE_FLOOR' }] });
    expect(readEnv({ IF_DATABASE_URL: URL, IF_CLUSTER_RATE_FLOOR: '50', IF_CLUSTER_RATE_CEILING: '50' })).toMatchObject(
      {
        env: { clusterRateFloor: 50, clusterRateCeiling: 50, clusterRequestsAtOnce: 16, clusterMaxUnswept: 2_000 },
      },
    );
  });

  it('refuses a lease that one late heartbeat would lose', () => {
    const result = readEnv({
      IF_DATABASE_URL: URL,
      IF_DISPATCHER_LEASE_MS: '3000',
      IF_DISPATCHER_HEARTBEAT_MS: '2000',
    });
    expect(result).toMatchObject({ kind: 'invalid', problems: [{ name: 'IF_DISPATCHER_HEARTBEAT_MS' }] });
  });

  it('takes the cluster of its own pod when it is told to, and only in a pod', () => {
    const asked = {
      IF_DATABASE_URL: 'postgres://x',
      IF_BUILD_TEKTON_ENABLED: 'true',
      IF_BUILD_TEKTON_IN_CLUSTER: 'true',
    };
    const inPod = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    expect(readEnv({ ...asked, ...inPod })).toMatchObject({ kind: 'valid', env: { tektonInCluster: true } });
    expect(readEnv({ ...inPod, IF_DATABASE_URL: 'postgres://x' })).toMatchObject({ env: { tektonInCluster: false } });
    const refused = readEnv({ ...asked, IF_BUILD_TEKTON_ENABLED: 'false' });
    const messages =
      refused.kind === 'invalid' ? refused.problems.map(({ name, message }) => `${name} ${message}`) : [];
    expect(messages).toEqual([
      'IF_BUILD_TEKTON_IN_CLUSTER needs IF_BUILD_TEKTON_ENABLED=true',
      'IF_BUILD_TEKTON_IN_CLUSTER needs KUBERNETES_SERVICE_HOST, which a pod has',
    ]);
  });
});

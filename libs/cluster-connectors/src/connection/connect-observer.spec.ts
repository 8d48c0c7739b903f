import { Socket } from 'node:net';
import { EgressPolicy, egressError } from '@image-factory/egress';
import { Logger, type LogFields, Metrics } from '@image-factory/telemetry';
import type { buildConnector } from 'undici';
import { describe, expect, it } from 'vitest';
import { connectFailureKind, ConnectObserver } from './connect-observer.js';

class KeptLog extends Logger {
  readonly lines: string[] = [];
  readonly fields: LogFields[] = [];
  debug(): void {}
  warn = this.#keep('warn');
  info = this.#keep('info');
  error = this.#keep('error');
  child(): Logger {
    return this;
  }

  #keep(level: string): (message: string, fields?: LogFields) => void {
    return (message, fields = {}) => {
      this.lines.push(`${level} ${message}`);
      this.fields.push(fields);
    };
  }
}

const failed = (code: string): Error => Object.assign(new Error(code), { code });
const TARGET = { hostname: 'k', protocol: 'https:', port: '443' } as buildConnector.Options;

/** A cluster that answers what it is told to, one result per connection. */
function world(results: (Error | Socket)[]) {
  const logger = new KeptLog();
  const metrics = new Metrics();
  const provider = { id: 'p', name: 'prod' };
  const observer = new ConnectObserver({ provider, method: 'token', logger, metrics });
  const connect = observer.observe((_target, callback) => {
    const result = results.shift() ?? failed('ECONNREFUSED');
    if (result instanceof Error) callback(result, null);
    else callback(null, result);
  });
  const open = (): Promise<Socket | Error> =>
    new Promise((resolve) => connect(TARGET, (error, socket) => resolve(error ?? socket)));
  return { logger, metrics, observer, open };
}

describe('what is seen of connections', () => {
  it('is an attempt and its result, with the time that it took, and how many are open', async () => {
    const [first, second] = [new Socket(), new Socket()];
    const { logger, metrics, observer, open } = world([first, second]);
    expect(await open()).toBe(first);
    expect(await open()).toBe(second);
    expect(observer.open).toBe(2);
    expect(logger.lines).toEqual(['info attempting cluster connection', 'info cluster connection successful']);
    expect(logger.fields[0]).toEqual({ cluster: 'prod', provider: 'p', method: 'token' });
    expect(logger.fields[1]).toMatchObject({ cluster: 'prod', success: true, duration_ms: expect.any(Number) });
    const { counters, durations } = metrics.view();
    expect(counters).toEqual({ clusterConnectAttempts: 2, clusterConnectSuccesses: 2 });
    expect(durations.clusterConnectDuration?.count).toBe(2);
    first.destroy();
    second.destroy();
    await new Promise((resolve) => second.once('close', resolve));
    expect(observer.open).toBe(0);
  });

  it('is logged once for a cluster that stays away, and counted each time', async () => {
    const back = new Socket();
    const { logger, metrics, open } = world([failed('ECONNREFUSED'), failed('ECONNREFUSED'), back]);
    await open();
    await open();
    expect(await open()).toBe(back);
    expect(logger.lines).toEqual([
      'info attempting cluster connection',
      'error cluster connection failed',
      'info cluster connection successful',
    ]);
    expect(logger.fields[1]).toMatchObject({ success: false, reason: 'ClusterUnreachable', kind: 'refused' });
    expect(metrics.view().counters).toMatchObject({ clusterConnectAttempts: 3, clusterConnectFailures: 2 });
    back.destroy();
  });

  it('gives the caller the error as it was', async () => {
    const error = failed('CERT_HAS_EXPIRED');
    expect(await world([error]).open()).toBe(error);
  });
});

describe('the kind of a failure', () => {
  const refusal = async (host: string): Promise<Error> => {
    const verdict = await new EgressPolicy({ allow: [], resolve: async () => [] }).check(`https://${host}`, 'cluster');
    return verdict.allowed ? new Error('allowed') : egressError(verdict);
  };

  it.each([
    ['ECONNREFUSED', 'refused'],
    ['UND_ERR_CONNECT_TIMEOUT', 'timeout'],
    ['ENOTFOUND', 'dns'],
    ['EHOSTUNREACH', 'no_route'],
    ['ECONNRESET', 'reset'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['ESOMETHING', 'other'],
  ])('of %s is %s', (code, kind) => {
    expect(connectFailureKind(failed(code))).toBe(kind);
  });

  it('of an address that is not allowed is forbidden, of a name without an address dns', async () => {
    expect(connectFailureKind(await refusal('169.254.169.254'))).toBe('forbidden');
    expect(connectFailureKind(await refusal('gone.example'))).toBe('dns');
  });
});

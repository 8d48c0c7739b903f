import { subscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import pg from 'pg';
import {
  type ArmedPoint,
  type ChaosOrder,
  type ChaosReport,
  type Crossing,
  crossingKey,
  STRUCK,
  type Struck,
} from './crossing.ts';
import { requestLabel } from './request-label.ts';
import { ConnectionLabels } from './statement-label.ts';

/**
 * Stands at everything that leaves the process: statements to PostgreSQL, HTTP requests to API servers and registries,
 * timers. Each is a crossing with three moments (before, sent, after); some of them can be armed, and at the first that comes the
 * process is killed or frozen, or the connection is cut. The product's code is untouched: the driver's query is wrapped, HTTP is seen
 * through undici's diagnostic channels.
 */
type Cut = (() => void) | undefined;

const crossed = new Map<string, number>();
let armed: readonly ArmedPoint[] = [];
let left: number[] = [];

function report(message: ChaosReport): void {
  process.send?.(message);
}

function cross(crossing: Crossing, cut: Cut): void {
  const key = crossingKey(crossing);
  crossed.set(key, (crossed.get(key) ?? 0) + 1);
  const index = armed.findIndex((point, at) => crossingKey(point.crossing) === key && --left[at]! <= 0);
  const point = armed[index];
  if (point === undefined) return;
  armed = [];
  // What was written goes out when the event loop has turned once.
  if (crossing.phase === 'sent') setImmediate(() => strike(point, index, cut));
  else strike(point, index, cut);
}

/** Where there is no connection yet that could be cut, it dies. */
function strike({ action }: ArmedPoint, index: number, cut: Cut): void {
  const does = action === 'cut' && cut === undefined ? 'kill' : action;
  // Nothing that is sent over the channel would leave before it stands still.
  writeSync(process.stdout.fd, `${STRUCK}${JSON.stringify({ index, does } satisfies Struck)}\n`);
  if (does === 'freeze') process.kill(process.pid, 'SIGSTOP');
  else if (does === 'kill') process.kill(process.pid, 'SIGKILL');
  else cut?.();
}

type Query = (...parameters: unknown[]) => unknown;
interface QueryingClient {
  readonly connection: { readonly stream: Socket };
}

function wrapQueries(): void {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const original = prototype.query;
  const labels = new WeakMap<object, ConnectionLabels>();
  prototype.query = function query(this: QueryingClient, ...parameters: unknown[]): unknown {
    const statement = statementOf(parameters[0]);
    if (statement === undefined) return original.apply(this, parameters);
    const names = labels.get(this) ?? new ConnectionLabels();
    labels.set(this, names);
    const label = names.next(statement.text, statement.name);
    const cut = (): void => void this.connection.stream.destroy();
    const after = (): void => cross({ label, phase: 'after' }, cut);
    cross({ label, phase: 'before' }, cut);
    const last = parameters.at(-1);
    if (typeof last === 'function') {
      const callback = last as Query;
      parameters[parameters.length - 1] = (...answer: unknown[]): void => {
        after();
        callback(...answer);
      };
    }
    const result = original.apply(this, parameters);
    cross({ label, phase: 'sent' }, cut);
    return result instanceof Promise ? result.finally(after) : result;
  };
}

function statementOf(query: unknown): { text: string; name?: string } | undefined {
  if (typeof query === 'string') return { text: query };
  if (typeof query !== 'object' || query === null || 'submit' in query) return undefined;
  return 'text' in query && typeof query.text === 'string' ? (query as { text: string; name?: string }) : undefined;
}

interface HttpMessage {
  readonly request: { readonly method: string; readonly path: string };
  readonly socket?: Socket;
}

function watchRequests(): void {
  const sockets = new WeakMap<object, Socket>();
  const at = (channel: string, phase: Crossing['phase']): void =>
    subscribe(channel, (message) => {
      const { request, socket } = message as HttpMessage;
      if (socket !== undefined) sockets.set(request, socket);
      const known = sockets.get(request);
      const cut = known === undefined ? undefined : (): void => void known.destroy();
      cross({ label: requestLabel(request.method, request.path), phase }, cut);
    });
  at('undici:request:create', 'before');
  at('undici:client:sendHeaders', 'sent');
  at('undici:request:headers', 'after');
}

function wrapTimers(): void {
  const original = globalThis.setTimeout;
  const wrapped = (callback: (...given: unknown[]) => void, ms?: number, ...given: unknown[]): NodeJS.Timeout =>
    original(() => {
      cross({ label: 'timer', phase: 'before' }, undefined);
      callback(...given);
    }, ms);
  globalThis.setTimeout = Object.assign<typeof wrapped, typeof original>(wrapped, original);
}

/** A wall clock that can be moved; the monotonic one cannot, as on a real machine. */
function wrapClock(): (ms: number) => void {
  const RealDate = Date;
  let shiftMs = 0;
  globalThis.Date = class ShiftedDate extends RealDate {
    constructor(...given: [] | [number]) {
      if (given.length === 0) super(RealDate.now() + shiftMs);
      else super(...given);
    }
    static override now(): number {
      return RealDate.now() + shiftMs;
    }
  } as DateConstructor;
  return (ms) => {
    shiftMs += ms;
  };
}

wrapQueries();
watchRequests();
wrapTimers();
const shiftClock = wrapClock();

process.on('message', (order: ChaosOrder) => {
  switch (order.kind) {
    case 'arm':
      left = order.points.map(({ nth }) => nth);
      armed = order.points;
      return;
    case 'disarm':
      armed = [];
      // After what is about to strike.
      setImmediate(() => report({ kind: 'disarmed' }));
      return;
    case 'shiftClock':
      shiftClock(order.ms);
      return;
    case 'census':
      report({ kind: 'census', crossed: Object.fromEntries(crossed) });
  }
});
// A suite that is gone leaves nothing running.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

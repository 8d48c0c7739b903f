import { subscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { Socket } from 'node:net';
import promisedTimers from 'node:timers/promises';
import pg from 'pg';
import {
  type ArmedPoint,
  type ChaosOrder,
  type ChaosReport,
  type Crossing,
  crossingKey,
  type Phase,
  STRUCK,
  type Struck,
} from './crossing.ts';
import { requestLabel, streamLabel } from './request-label.ts';
import { ConnectionLabels } from './statement-label.ts';

/**
 * Stands at everything that leaves the process: connections and statements to PostgreSQL, HTTP requests to API servers and
 * registries, timers. Each is a crossing with three moments (before, sent, after), and each piece of a watch or a log is one;
 * some of them can be armed, and at the first that comes the process is killed or frozen, or the connection is cut. The
 * product's code is untouched: the driver's methods are wrapped, HTTP is seen through undici's diagnostic channels.
 */
type Cut = () => void;

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

function strike({ action }: ArmedPoint, index: number, cut: Cut): void {
  // Nothing that is sent over the channel would leave before it stands still.
  writeSync(process.stdout.fd, `${STRUCK}${JSON.stringify({ index } satisfies Struck)}\n`);
  if (action === 'freeze') process.kill(process.pid, 'SIGSTOP');
  else if (action === 'kill') process.kill(process.pid, 'SIGKILL');
  else cut();
}

type Call = (...parameters: unknown[]) => unknown;
interface DatabaseClient {
  readonly connection: { readonly stream: Socket };
}

function wrapClient(): void {
  const prototype = pg.Client.prototype as unknown as { connect: Call; query: Call };
  const { connect, query } = prototype;
  const labels = new WeakMap<object, ConnectionLabels>();
  prototype.connect = function connectSeen(this: DatabaseClient, ...parameters: unknown[]): unknown {
    return callSeen('CONNECT', this, connect, parameters);
  };
  prototype.query = function querySeen(this: DatabaseClient, ...parameters: unknown[]): unknown {
    const statement = statementOf(parameters[0]);
    if (statement === undefined) return query.apply(this, parameters);
    const names = labels.get(this) ?? new ConnectionLabels();
    labels.set(this, names);
    return callSeen(names.next(statement.text, statement.name), this, query, parameters);
  };
}

/** Calls a method of the driver that takes a callback last, or gives a promise. */
function callSeen(label: string, client: DatabaseClient, method: Call, parameters: unknown[]): unknown {
  const cut = (): void => void client.connection.stream.destroy();
  const after = (): void => cross({ label, phase: 'after' }, cut);
  cross({ label, phase: 'before' }, cut);
  const last = parameters.at(-1);
  if (typeof last === 'function') {
    const callback = last as Call;
    parameters[parameters.length - 1] = (...answer: unknown[]): void => {
      after();
      callback(...answer);
    };
  }
  const result = method.apply(client, parameters);
  cross({ label, phase: 'sent' }, cut);
  return result instanceof Promise ? result.finally(after) : result;
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

/** A request of which a crossing was met. */
interface SeenRequest {
  readonly label: string;
  /** Of its answer; undefined when that is no stream. */
  readonly stream: string | undefined;
  socket: Socket | undefined;
  /** Its connection is cut as soon as it has one: nothing of it is sent. */
  isDoomed: boolean;
}

function watchRequests(): void {
  const requests = new WeakMap<object, SeenRequest>();
  const at = (channel: string, phase: Phase): void =>
    subscribe(channel, (message) => {
      const { request, socket } = message as HttpMessage;
      const seen = requests.get(request) ?? seeRequest(request);
      requests.set(request, seen);
      seen.socket = socket ?? seen.socket;
      const label = phase === 'chunk' ? seen.stream : seen.label;
      if (seen.isDoomed) seen.socket?.destroy();
      else if (label !== undefined) cross({ label, phase }, () => cutRequest(seen));
    });
  at('undici:request:create', 'before');
  // Tells of headers that are about to be written.
  at('undici:client:sendHeaders', 'sent');
  at('undici:request:headers', 'after');
  at('undici:request:bodyChunkReceived', 'chunk');
}

function seeRequest({ method, path }: HttpMessage['request']): SeenRequest {
  const label = requestLabel(method, path);
  return { label, stream: streamLabel(label), socket: undefined, isDoomed: false };
}

function cutRequest(request: SeenRequest): void {
  if (request.socket === undefined) request.isDoomed = true;
  else request.socket.destroy();
}

function wrapTimers(): void {
  const { setTimeout } = globalThis;
  const wrapped = (callback: (...given: unknown[]) => void, ms?: number, ...given: unknown[]): NodeJS.Timeout =>
    setTimeout(() => {
      crossTimer();
      callback(...given);
    }, ms);
  globalThis.setTimeout = Object.assign<typeof wrapped, typeof setTimeout>(wrapped, setTimeout);
  const { setTimeout: sleep } = promisedTimers;
  promisedTimers.setTimeout = (...given) => sleep(...given).finally(crossTimer);
  syncBuiltinESMExports();
}

function crossTimer(): void {
  cross({ label: 'timer', phase: 'before' }, () => {
    throw new Error('a timer crosses no connection that could be cut');
  });
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

wrapClient();
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

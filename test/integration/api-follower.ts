import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { ADMIN_KEY } from './api-support.ts';

/** One event as the server sent it. */
export interface SentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

export interface FollowOptions {
  readonly apiUrl: string;
  /** Below `/api/v1`. */
  readonly path: string;
  readonly tenantId: string;
  readonly key?: string;
  readonly lastEventId?: string | undefined;
}

/** A client of an event stream on a socket of its own, which can stop reading. */
export class Follower {
  readonly events: SentEvent[] = [];
  /** Resolves when the server has closed, or `close` was called. */
  readonly closed: Promise<void>;
  #rest = '';
  readonly #changed = new Set<() => void>();

  private constructor(private readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    response.on('error', () => undefined);
    this.closed = new Promise((resolve) => response.once('close', resolve));
  }

  static async open({ apiUrl, path, tenantId, key = ADMIN_KEY, lastEventId }: FollowOptions): Promise<Follower> {
    const asking = request(`${apiUrl}/api/v1${path}`, {
      agent: false,
      headers: {
        authorization: `Bearer ${key}`,
        'x-tenant-id': tenantId,
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
    });
    asking.end();
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) {
      response.destroy();
      throw new Error(`the stream was answered with ${response.statusCode}`);
    }
    return new Follower(response);
  }

  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  /** The log's text so far: lines with their feeds, gaps left out. */
  get text(): string {
    return this.events
      .filter(({ event }) => event === 'log')
      .map(({ data }) => `${String(data['text'])}\n`)
      .join('');
  }

  get hasEnded(): boolean {
    return this.events.at(-1)?.event === 'end';
  }

  pause(): void {
    this.response.pause();
  }

  resume(): void {
    this.response.resume();
  }

  close(): void {
    this.response.destroy();
  }

  /** Resolves when `until` holds; rejects after `withinMs`. */
  async sees(until: (follower: Follower) => boolean, withinMs = 20_000): Promise<void> {
    const deadline = AbortSignal.timeout(withinMs);
    while (!until(this)) {
      deadline.throwIfAborted();
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#changed.delete(done);
          deadline.removeEventListener('abort', done);
          resolve();
        };
        this.#changed.add(done);
        deadline.addEventListener('abort', done, { once: true });
      });
    }
  }

  #take(text: string): void {
    const frames = (this.#rest + text).split('\n\n');
    this.#rest = frames.pop() ?? '';
    for (const frame of frames) {
      const fields = new Map(
        frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      const event = fields.get('event');
      if (event !== undefined)
        this.events.push({ id: fields.get('id'), event, data: JSON.parse(fields.get('data') ?? '{}') });
    }
    for (const wake of [...this.#changed]) wake();
  }
}

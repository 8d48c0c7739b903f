import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { StreamLimits } from './stream-limits.js';

/** One server-sent event. */
export interface StreamEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

/** The event as it goes over the wire. */
export function eventText({ id, event, data }: StreamEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * A server-sent event stream on a raw response.
 *
 * States: *open* (entered by `open`), *ended* (we wrote `event: end`, its time is over, the process stops, or the
 * client went; never left). `signal` is aborted when it ends. `send` and `write` resolve when the client has taken the bytes: a
 * slow client slows its reader down, and memory stays bounded.
 */
export class EventStream {
  private readonly controller = new AbortController();
  private readonly keepAlive: NodeJS.Timeout;
  private readonly lifetime: NodeJS.Timeout;

  private constructor(
    private readonly response: ServerResponse,
    limits: Pick<StreamLimits, 'keepAliveMs' | 'maxMs'>,
    private readonly onEnd: () => void,
  ) {
    this.keepAlive = setInterval(() => this.comment('keep-alive'), limits.keepAliveMs);
    this.lifetime = setTimeout(() => this.close(), limits.maxMs);
    response.on('close', () => this.finish());
    response.on('error', () => this.finish());
    // A client that went while its request was looked at: `close` is over and will not be told again.
    if (response.closed || response.destroyed) this.finish();
  }

  static open(
    response: ServerResponse,
    headers: Readonly<Record<string, number | string | readonly string[] | undefined>>,
    limits: Pick<StreamLimits, 'keepAliveMs' | 'maxMs'>,
    onEnd: () => void,
  ): EventStream {
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) response.setHeader(name, value);
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    response.write(': stream\n\n');
    return new EventStream(response, limits, onEnd);
  }

  /** Aborted when the stream is over, whoever ended it. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  async send(event: StreamEvent): Promise<void> {
    await this.write(eventText(event));
  }

  /** Whole events, as `eventText` makes them. Resolves when the client has taken them. */
  async write(events: string | Uint8Array): Promise<void> {
    if (this.signal.aborted || this.response.write(events)) return;
    await once(this.response, 'drain', { signal: this.signal }).catch(() => undefined);
  }

  /** Says that nothing more will come, and closes. A client that sees this does not reconnect. */
  async end(data: unknown): Promise<void> {
    await this.send({ event: 'end', data });
    this.close();
  }

  /** Closes without an `end`: a client reconnects with its last id. One that does not read any more is cut off. */
  close(): void {
    if (this.response.writableNeedDrain) this.response.destroy();
    else if (!this.response.writableEnded) this.response.end();
    this.finish();
  }

  private comment(text: string): void {
    // A client that does not read gets no comments either: they would pile up.
    if (!this.signal.aborted && !this.response.writableNeedDrain) this.response.write(`: ${text}\n\n`);
  }

  private finish(): void {
    if (this.signal.aborted) return;
    clearInterval(this.keepAlive);
    clearTimeout(this.lifetime);
    this.controller.abort();
    this.onEnd();
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '@image-factory/domain';
import { Logger, Metrics } from '@image-factory/telemetry';
import type { FastifyReply } from 'fastify';
import { API_SETTINGS, type ApiSettings } from '../config/api-settings.js';
import { EventStream } from './event-stream.js';

/** All event streams of the process: counted, bounded by key and in all, and closed when it stops. */
@Injectable()
export class OpenStreams {
  /** Each with the id of the key that opened it. */
  private readonly streams = new Map<EventStream, string>();

  constructor(
    @Inject(Logger) private readonly logger: Logger,
    @Inject(Metrics) metrics: Metrics,
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
  ) {
    metrics.observe('httpStreams', () => this.streams.size);
  }

  /**
   * Takes the response over and lets `produce` write to it. The headers that hooks have set stay. An error in the
   * middle closes the stream, and the client comes back with its last id.
   * @throws DomainError QuotaExceeded RateLimited before anything is written
   */
  async run(reply: FastifyReply, produce: (stream: EventStream) => Promise<void>): Promise<void> {
    const keyId = reply.request.caller?.keyId ?? '';
    this.refuseTooMany(keyId);
    reply.hijack();
    const limits = this.settings.streams;
    const stream = EventStream.open(reply.raw, reply.getHeaders(), limits, () => this.streams.delete(stream));
    this.streams.set(stream, keyId);
    try {
      await produce(stream);
    } catch (error) {
      this.logger.warn('an event stream broke off', { traceId: reply.request.traceId, error });
    } finally {
      stream.close();
    }
  }

  closeAll(): void {
    for (const stream of [...this.streams.keys()]) stream.close();
  }

  private refuseTooMany(keyId: string): void {
    const { maxPerKey, maxOpen } = this.settings.streams;
    const own = [...this.streams.values()].filter((opener) => opener === keyId).length;
    if (own < maxPerKey && this.streams.size < maxOpen) return;
    const whose = own < maxPerKey ? 'this server' : 'this key';
    throw new DomainError({
      kind: 'QuotaExceeded',
      reason: 'RateLimited',
      message: `${whose} has its ${own < maxPerKey ? maxOpen : maxPerKey} open streams already; close one, or poll`,
      retryable: true,
      retryAfterSeconds: 10,
    });
  }
}

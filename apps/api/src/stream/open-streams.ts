import { Inject, Injectable } from '@nestjs/common';
import { Logger, Metrics } from '@image-factory/telemetry';
import type { FastifyReply } from 'fastify';
import { EventStream } from './event-stream.js';

/** All event streams of the process: counted, and closed when it stops. */
@Injectable()
export class OpenStreams {
  private readonly streams = new Set<EventStream>();

  constructor(
    @Inject(Logger) private readonly logger: Logger,
    @Inject(Metrics) metrics: Metrics,
  ) {
    metrics.observe('httpStreams', () => this.streams.size);
  }

  /**
   * Takes the response over and lets `produce` write to it. The headers that hooks have set stay. An error in the
   * middle closes the stream, and the client comes back with its last id.
   */
  async run(reply: FastifyReply, produce: (stream: EventStream) => Promise<void>): Promise<void> {
    reply.hijack();
    const stream = EventStream.open(reply.raw, reply.getHeaders(), () => this.streams.delete(stream));
    this.streams.add(stream);
    try {
      await produce(stream);
    } catch (error) {
      this.logger.warn('an event stream broke off', { traceId: reply.request.traceId, error });
    } finally {
      stream.close();
    }
  }

  closeAll(): void {
    for (const stream of [...this.streams]) stream.close();
  }
}

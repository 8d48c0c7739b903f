import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '@image-factory/domain';
import { PostgresApiKeys } from '@image-factory/persistence';
import { Logger, Metrics } from '@image-factory/telemetry';
import type { FastifyReply } from 'fastify';
import { API_SETTINGS, type ApiSettings } from '../config/api-settings.js';
import { EventStream } from './event-stream.js';

/** Who opened a stream, and for which tenant. */
interface Opener {
  readonly keyId: string | undefined;
  readonly tenantId: string | undefined;
}

/**
 * All event streams of the process: counted, bounded by key, by tenant and in all, closed when their key is revoked or
 * has expired, and when the process stops.
 */
@Injectable()
export class OpenStreams {
  private readonly streams = new Map<EventStream, Opener>();
  private keyCheck: NodeJS.Timeout | undefined;

  constructor(
    @Inject(Logger) private readonly logger: Logger,
    @Inject(Metrics) metrics: Metrics,
    @Inject(PostgresApiKeys) private readonly keys: PostgresApiKeys,
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
    const opener = { keyId: reply.request.caller?.keyId, tenantId: reply.request.tenantId };
    this.refuseTooMany(opener);
    reply.hijack();
    const limits = this.settings.streams;
    const stream = EventStream.open(reply.raw, reply.getHeaders(), limits, () => this.streams.delete(stream));
    this.streams.set(stream, opener);
    this.scheduleKeyCheck();
    try {
      await produce(stream);
    } catch (error) {
      this.logger.warn('an event stream broke off', { traceId: reply.request.traceId, error });
    } finally {
      stream.close();
    }
  }

  closeAll(): void {
    clearTimeout(this.keyCheck);
    for (const stream of [...this.streams.keys()]) stream.close();
  }

  private refuseTooMany({ keyId, tenantId }: Opener): void {
    const { maxPerKey, maxPerTenant, maxOpen } = this.settings.streams;
    const open = [...this.streams.values()];
    if (open.filter((one) => one.keyId === keyId).length >= maxPerKey) throw tooMany('this key', maxPerKey);
    if (tenantId !== undefined && open.filter((one) => one.tenantId === tenantId).length >= maxPerTenant)
      throw tooMany('this tenant', maxPerTenant);
    if (open.length >= maxOpen) throw tooMany('this server', maxOpen);
  }

  private scheduleKeyCheck(): void {
    if (this.keyCheck !== undefined) return;
    this.keyCheck = setTimeout(() => {
      this.keyCheck = undefined;
      void this.closeRevoked().finally(() => {
        if (this.streams.size > 0) this.scheduleKeyCheck();
      });
    }, this.settings.streams.keyCheckMs);
    this.keyCheck.unref();
  }

  /** One question for all keys. A database that is away revokes nobody. */
  private async closeRevoked(): Promise<void> {
    const keyIds = new Set([...this.streams.values()].flatMap(({ keyId }) => keyId ?? []));
    try {
      const usable = await this.keys.filterUsable([...keyIds]);
      for (const [stream, { keyId }] of [...this.streams]) {
        if (keyId !== undefined && keyIds.has(keyId) && !usable.has(keyId)) stream.close();
      }
    } catch (error) {
      this.logger.warn('whether the keys of open streams are still good cannot be said now', { error });
    }
  }
}

function tooMany(whose: string, most: number): DomainError {
  return new DomainError({
    kind: 'QuotaExceeded',
    reason: 'RateLimited',
    message: `${whose} has its ${most} open streams already; close one, or poll`,
    retryable: true,
    retryAfterSeconds: 10,
  });
}

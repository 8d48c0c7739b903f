import { Inject, Injectable } from '@nestjs/common';
import { isTerminalBuildStatus } from '@image-factory/domain';
import { PostgresBuildHistory, PostgresBuilds } from '@image-factory/persistence';
import { audienceOf } from '../../access/audience.js';
import type { TenantScope } from '../../http/request-scope.js';
import { ChangeFeed } from '../../stream/change-feed.js';
import type { EventStream } from '../../stream/event-stream.js';
import { toBuildEventResponse } from './build-event.response.js';
import { isEventId } from './list-build-events.js';

/** The safety net under lost notifications. */
const POLL_MS = 2_000;
const BATCH = 200;

/** The timeline as it grows, from the event after `Last-Event-ID`, until the build has ended and all is told. */
@Injectable()
export class StreamBuildEvents {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
    @Inject(ChangeFeed) private readonly feed: ChangeFeed,
  ) {}

  /** Throws before anything is streamed: @throws DomainError NotFound */
  async open(tenantId: string, buildId: string): Promise<void> {
    await this.builds.get(tenantId, buildId);
  }

  async produce(
    { tenantId, caller }: TenantScope,
    buildId: string,
    lastEventId: string | undefined,
    stream: EventStream,
  ): Promise<void> {
    const audience = audienceOf(caller.role);
    let after = lastEventId !== undefined && isEventId(lastEventId) ? lastEventId : '0';
    const subscription = this.feed.subscribe([buildId]);
    try {
      while (!stream.signal.aborted) {
        // The status is read before the events: what ends the build writes its event in the same transaction.
        const build = await this.builds.get(tenantId, buildId);
        const events = await this.history.events(buildId, after, BATCH);
        for (const event of events) {
          await stream.send({ id: event.id, event: event.subject, data: toBuildEventResponse(event, audience) });
          after = event.id;
        }
        if (events.length === BATCH) continue;
        if (isTerminalBuildStatus(build.status))
          return await stream.end({ status: build.status, reason: build.reason ?? null });
        await subscription.changed(POLL_MS, stream.signal);
      }
    } finally {
      subscription.close();
    }
  }
}

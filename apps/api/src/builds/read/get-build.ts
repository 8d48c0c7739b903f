import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@image-factory/domain';
import {
  PostgresBuildHistory,
  PostgresBuilds,
  PostgresQueueView,
  type QueuePosition,
  type StoredBuild,
} from '@image-factory/persistence';
import { audienceOf } from '../../access/audience.js';
import type { TenantScope } from '../../http/request-scope.js';
import { API_SETTINGS, type ApiSettings } from '../../config/api-settings.js';
import { BuildDetailResponse, toBuildDetailResponse } from './build-detail.response.js';
import { buildPhases } from './build-phases.js';
import { queueStanding } from './queue-standing.js';

/** One build with its queue position, phases and latest execution. */
@Injectable()
export class GetBuild {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(PostgresBuildHistory) private readonly history: PostgresBuildHistory,
    @Inject(PostgresQueueView) private readonly queue: PostgresQueueView,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
  ) {}

  async execute({ tenantId, caller }: TenantScope, buildId: string): Promise<BuildDetailResponse> {
    const audience = audienceOf(caller.role);
    const build = await this.builds.get(tenantId, buildId);
    const [execution, place] = await Promise.all([this.history.findExecution(buildId), this.#place(build)]);
    const now = this.clock.now();
    const standing = build.status === 'queued' ? queueStanding(build, place, audience, now) : null;
    const phases = buildPhases(build, execution, now, this.settings.clocks);
    return toBuildDetailResponse(build, execution, standing, phases, audience);
  }

  /** A build that waits for an event stands among those that wait for it; one that waits for a time stands nowhere. */
  async #place(build: StoredBuild): Promise<QueuePosition | undefined> {
    const { tenantId, queueKey, parkedOrder, parking } = build;
    if (queueKey !== undefined) return this.queue.position({ tenantId, queueKey });
    const wakeOn = parking?.wakeOn;
    if (parkedOrder === undefined || wakeOn === undefined) return undefined;
    return this.queue.position({ tenantId, queueKey: parkedOrder, waitsFor: { buildId: build.id, wakeOn } });
  }
}

import { Inject, Injectable } from '@nestjs/common';
import {
  CHANNELS,
  type DispatchPause,
  Notifier,
  PostgresBuildQueue,
  PostgresDispatchAdmin,
} from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import type { RequestScope } from '../http/request-scope.js';

/** Stops or starts claims on all dispatchers; what runs goes on. Idempotent. */
@Injectable()
export class SetDispatchPause {
  constructor(
    @Inject(PostgresDispatchAdmin) private readonly admin: PostgresDispatchAdmin,
    @Inject(PostgresBuildQueue) private readonly queue: PostgresBuildQueue,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
    @Inject(Notifier) private readonly notifier: Notifier,
  ) {}

  async execute(scope: RequestScope, pause: DispatchPause): Promise<DispatchPause> {
    const before = await this.admin.pause();
    await this.audited.run(scope, async (tx) => {
      await this.admin.setPause(tx, pause);
      const action = pause.paused ? 'dispatcher.pause' : 'dispatcher.resume';
      return { result: undefined, note: { action, objectType: 'dispatcher', objectId: 'all', before, after: pause } };
    });
    if (!pause.paused) {
      await this.queue.wake('dispatch');
      this.notifier.touch(CHANNELS.queue, 'all');
    }
    return this.admin.pause();
  }
}

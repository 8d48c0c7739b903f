import { Inject, Injectable } from '@nestjs/common';
import { PostgresBuildQueue } from '@image-factory/persistence';

/** Puts builds that wait for a provider back into the claim order: something about one has changed. */
@Injectable()
export class WakeParkedBuilds {
  constructor(@Inject(PostgresBuildQueue) private readonly queue: PostgresBuildQueue) {}

  /** After the commit of the change. */
  async afterChangeOf(providerId: string): Promise<void> {
    await this.queue.wakeForProvider(providerId);
  }
}

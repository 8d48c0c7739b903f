import { Inject, Injectable } from '@nestjs/common';
import { Database } from '@image-factory/persistence';
import { Shown } from '../http/response/shown.js';

/** That the process lives. */
export class LivenessAnswer {
  @Shown('boolean') readonly alive!: boolean;
}

/** Whether the process may get requests. */
export class ReadinessAnswer {
  @Shown('boolean') readonly ready!: boolean;
  @Shown('text', { nullable: true, choices: ['Starting', 'DatabaseUnavailable', 'Stopping'] })
  readonly reason!: 'Starting' | 'DatabaseUnavailable' | 'Stopping' | null;
}

/**
 * States: *starting* (entered at start: the database has not answered with the right schema), *started* (entered by
 * `started`), *stopping* (entered by `stopping`, never left).
 */
@Injectable()
export class Readiness {
  private state: 'starting' | 'started' | 'stopping' = 'starting';

  constructor(@Inject(Database) private readonly database: Database) {}

  started(): void {
    if (this.state === 'starting') this.state = 'started';
  }

  stopping(): void {
    this.state = 'stopping';
  }

  async check(): Promise<ReadinessAnswer> {
    if (this.state === 'starting') return { ready: false, reason: 'Starting' };
    if (this.state === 'stopping') return { ready: false, reason: 'Stopping' };
    return (await this.database.isReachable())
      ? { ready: true, reason: null }
      : { ready: false, reason: 'DatabaseUnavailable' };
  }
}

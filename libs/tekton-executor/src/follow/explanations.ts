import { type Clock, isDomainError } from '@image-factory/domain';
import type { Logger } from '@image-factory/telemetry';

/** From the first read that failed until an end is told without what would explain it. */
const PATIENCE_MS = 10_000;

/**
 * Reads of what only explains a state: the last lines of a log, a pod's events. A node that is away answers for no log, and
 * events may have a store of their own, while the API server tells the state itself: that must not wait for them for ever.
 */
export class Explanations {
  /** When the first read for an execution failed, by the monotonic clock. */
  readonly #failedAtMs = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * What `read` has; undefined when it could not be read for as long as an end waits for it.
   * @throws DomainError what kept it from being read, before that
   */
  async ofEnd<T>(executionId: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!isDomainError(error)) throw error;
      const nowMs = this.clock.monotonicMs();
      const failedAtMs = this.#failedAtMs.get(executionId) ?? nowMs;
      this.#failedAtMs.set(executionId, failedAtMs);
      if (nowMs - failedAtMs < PATIENCE_MS) throw error;
      this.logger.warn('an end is told without what would explain it', { execution: executionId, error });
      return undefined;
    }
  }

  /** The same of what goes on, which waits for nothing. */
  async ofNow<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (isDomainError(error)) return undefined;
      throw error;
    }
  }

  forget(executionId: string): void {
    this.#failedAtMs.delete(executionId);
  }
}

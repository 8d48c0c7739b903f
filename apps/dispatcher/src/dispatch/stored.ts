import { isDomainError, type Clock } from '@image-factory/domain';
import { backOffMs } from '../loop/back-off.js';

const STORE = { baseMs: 200, capMs: 5_000 };
const MOST_TRIES = 20;

/**
 * A write about a claim whose answer is lost, or for which the database is away, is sent again: it answers the same as if
 * it had been heard the first time, so the repetition is the read-back that correctness rule 2 asks for. Ends when the
 * claim is somebody else's.
 */
export async function stored<T>(clock: Clock, write: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await write();
    } catch (error) {
      if (!isDomainError(error) || error.reason !== 'DatabaseUnavailable' || tries >= MOST_TRIES) throw error;
      await clock.sleep(backOffMs(tries, STORE));
    }
  }
}

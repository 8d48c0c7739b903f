import type { Attempt } from '@image-factory/domain';
import { validate as isUuid } from 'uuid';
import type { ProviderFollower } from '../follow/provider-follower.js';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';
import type { Found } from './find-strays.js';

/**
 * Ends what a database that lost commits does not know of (correctness rule 4): the attempt's Secret goes, its run is
 * stopped, and removed when no pod of it lives. One step of that for each in a round; what is left is found again by the
 * next one. Remembered is only since when each has stood in the way: after the loss limit it is given up, as an attempt
 * on a cluster that does not answer is, and no build waits for it any more.
 */
export class StopStrays {
  readonly #sinceMs = new Map<string, number>();

  /** @returns true when none of them is waited for any more */
  async stop(runtime: DispatcherRuntime, provider: ProviderFollower, strays: readonly Found[]): Promise<boolean> {
    const nowMs = runtime.parts.clock.monotonicMs();
    const { providerId } = provider;
    // A run stands for its Secret too, which is listed after it.
    const waited = new Map([...strays].reverse().map((stray) => [`${providerId}/${stray.executionId}`, stray]));
    for (const key of this.#sinceMs.keys())
      if (key.startsWith(providerId) && !waited.has(key)) this.#sinceMs.delete(key);
    const steps = [...waited].map(async ([key, stray]) => {
      const sinceMs = this.#sinceMs.get(key) ?? nowMs;
      this.#sinceMs.set(key, sinceMs);
      await endStray(runtime, provider, stray);
      return nowMs - sinceMs > runtime.settings.limits.lossLimitMs;
    });
    return (await Promise.all(steps)).every((givenUp) => givenUp);
  }
}

async function endStray(runtime: DispatcherRuntime, provider: ProviderFollower, stray: Found): Promise<void> {
  const { installationId, logger } = runtime.parts;
  const attempt = attemptOf(installationId, provider.providerId, stray);
  if (attempt === undefined) return;
  const mayWrite = (): boolean =>
    runtime.lease.mayWrite() && provider.leases.some(({ shard }) => shard === attempt.shard);
  const { follower } = provider;
  try {
    await follower.removeCredentials(attempt, mayWrite);
    if (stray.uid === undefined) return;
    await follower.stop(attempt, 'Superseded', mayWrite);
    const seen = await follower.observe(attempt);
    if (seen.kind === 'present' && seen.phase === 'ended' && seen.podsOver) await follower.remove(attempt, mayWrite);
  } catch (error) {
    const object = `${stray.namespace}/${stray.name}`;
    logger.warn('a run that no row expects could not be ended; it is tried again', { object, error });
  }
}

/** As much of an attempt as its labels tell; undefined when they do not tell whose it is. */
function attemptOf(installationId: string, providerId: string, stray: Found): Attempt | undefined {
  const { executionId, buildId, attempt, shard, clusterUid, namespace, name, uid } = stray;
  if (executionId === undefined || attempt === undefined || shard === undefined) return undefined;
  if (buildId === undefined || !isUuid(buildId)) return undefined;
  return {
    executionId,
    buildId,
    attempt,
    shard,
    installationId,
    providerId,
    place: { clusterUid, namespace, namespaceUid: '' },
    name,
    uid,
    stopIntent: 'Superseded',
    tenantId: '',
    buildMethod: 'docker',
    document: '',
    documentHash: '',
  };
}

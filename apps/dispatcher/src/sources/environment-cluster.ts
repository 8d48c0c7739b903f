import { createHash } from 'node:crypto';
import { ENVIRONMENT_PROVIDER_NAME, type MirroredProvider } from '@image-factory/cluster-registry';
import type { PostgresMirroredProviders, PostgresSourceHolds } from '@image-factory/persistence';
import type { Logger } from '@image-factory/telemetry';
import type { UnheldWatch } from './unheld-watch.js';

export interface EnvironmentClusterOptions {
  /** What this process's environment names; undefined when it names none. */
  readonly provider: MirroredProvider | undefined;
  readonly mirrored: PostgresMirroredProviders;
  readonly holds: PostgresSourceHolds;
  readonly unheld: UnheldWatch;
  readonly logger: Logger;
}

/**
 * Keeps the cluster that the operator's environment names a provider row like every other (product.md), while a live
 * dispatcher names one. Of several that name different ones the one that started last is right. It drains when none has
 * named it for a while, and comes back with the next one that does.
 */
export class EnvironmentCluster {
  constructor(private readonly options: EnvironmentClusterOptions) {}

  /** At the start of the process. A name that is taken must not keep it down; the operator has to rename one of the two. */
  async start(): Promise<void> {
    const { provider, mirrored, logger } = this.options;
    if (provider === undefined) return;
    await this.#hold(provider);
    if ((await mirrored.mirror(provider)) === 'mirrored') return;
    logger.error(
      `the cluster of IF_BUILD_TEKTON_* is not used: a provider named ${provider.name} was made over the API; rename that one`,
      { provider: provider.name },
    );
  }

  /** One look. @returns 1 when the row was retired or came back */
  async lookOnce(): Promise<number> {
    const { provider } = this.options;
    return provider === undefined ? this.#retireUnnamed() : this.#keep(provider);
  }

  /** Others may have taken it for unnamed while this process was cut off from the database. */
  async #keep(provider: MirroredProvider): Promise<number> {
    const { mirrored } = this.options;
    await this.#hold(provider);
    if ((await mirrored.environmentState(provider.name)) !== 'retired') return 0;
    return (await mirrored.mirror(provider)) === 'mirrored' ? 1 : 0;
  }

  async #retireUnnamed(): Promise<number> {
    const { mirrored, holds, unheld, logger } = this.options;
    if ((await mirrored.environmentState(ENVIRONMENT_PROVIDER_NAME)) !== 'declared') return 0;
    const heldAt = await holds.lastHeld('environment');
    if (!unheld.isUnheld(heldAt)) return 0;
    if (!(await mirrored.retireEnvironment(ENVIRONMENT_PROVIDER_NAME, heldAt))) return 0;
    const message =
      'no dispatcher’s IF_BUILD_TEKTON_* names a cluster any more: nothing new is placed on the one that it named';
    logger.warn(message, { provider: ENVIRONMENT_PROVIDER_NAME });
    return 1;
  }

  #hold({ config }: MirroredProvider): Promise<void> {
    return this.options.holds.hold('environment', createHash('sha256').update(JSON.stringify(config)).digest('hex'));
  }
}

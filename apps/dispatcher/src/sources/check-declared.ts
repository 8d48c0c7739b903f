import type { DescribedCluster } from '@image-factory/cluster-connectors';
import { type DeclaredCluster, unreadableFiles } from '@image-factory/cluster-registry';
import { type Clock, isDomainError } from '@image-factory/domain';
import type { ConditionToStore, DeclaredProvider, PostgresDeclaredProviders } from '@image-factory/persistence';
import type { Logger } from '@image-factory/telemetry';
import { toProvider } from './config-file-sync.js';

export interface CheckDeclaredOptions {
  readonly store: PostgresDeclaredProviders;
  /** Asks a cloud. @throws DomainError with the cloud's refusal */
  readonly describe: (
    config: NonNullable<DeclaredCluster['describe']>,
  ) => Promise<Pick<DescribedCluster, 'server' | 'ca'>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Clouds asked at once. */
const AT_ONCE = 8;
/** What a cloud has said is asked again so often: an endpoint seldom changes, a CA less. */
const DESCRIBE_MS = 10 * 60_000;

/**
 * Looks after the clusters of the file: whether their credential files can be read, and where those are whose endpoint
 * their cloud knows. Both are Conditions of the one cluster; none of it keeps another cluster waiting or the file from
 * being used. A cluster that is retired and on which nothing is left becomes disabled.
 */
export class CheckDeclared {
  readonly #askAtMs = new Map<string, number>();

  constructor(private readonly options: CheckDeclaredOptions) {}

  /** One round over the clusters of a content; an endpoint that is not known is asked for at once. @returns how many were looked at */
  async runOnce(clusters: readonly DeclaredCluster[]): Promise<number> {
    const { store, logger } = this.options;
    for (const id of await store.undescribed()) this.#askAtMs.delete(id);
    for (const name of await store.disableRetired()) {
      logger.info('a cluster that the configuration file no longer names is disabled: nothing is left there', {
        provider: name,
      });
    }
    const waiting = [...clusters];
    const next = async (): Promise<void> => {
      for (let cluster = waiting.shift(); cluster !== undefined; cluster = waiting.shift()) {
        await store.recordConditions(await this.#check(cluster));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    return clusters.length;
  }

  async #check(cluster: DeclaredCluster): Promise<ConditionToStore[]> {
    const provider = toProvider(cluster);
    const { id } = provider;
    const conditions: ConditionToStore[] = [];
    if (cluster.files.length > 0) conditions.push(await filesCondition(id, cluster));
    const nowMs = this.options.clock.monotonicMs();
    if (cluster.describe === undefined || nowMs < (this.#askAtMs.get(id) ?? 0)) return conditions;
    const condition = await endpointCondition(provider, cluster.describe, this.options);
    if (condition.status === 'True') this.#askAtMs.set(id, nowMs + DESCRIBE_MS);
    return [...conditions, condition];
  }
}

async function filesCondition(providerId: string, cluster: DeclaredCluster): Promise<ConditionToStore> {
  const type = 'CredentialFiles';
  const missing = await unreadableFiles(cluster.files);
  if (missing.length === 0) {
    const message = 'Every credential file of this cluster can be read.';
    return { providerId, type, status: 'True', reason: 'CredentialFilesReadable', message };
  }
  const message = missing.map((file) => `${file.field}: ${file.message}`).join(' ');
  return { providerId, type, status: 'False', reason: 'CredentialFileMissing', message };
}

async function endpointCondition(
  provider: DeclaredProvider,
  config: NonNullable<DeclaredCluster['describe']>,
  { store, describe, logger }: CheckDeclaredOptions,
): Promise<ConditionToStore> {
  const type = 'EndpointKnown';
  const { id: providerId, name } = provider;
  try {
    const { server, ca } = await describe(config);
    await store.describe(provider, server, ca?.reveal());
    const message = `The cloud says that ${name} is at ${server}.`;
    return { providerId, type, status: 'True', reason: 'Described', message };
  } catch (error) {
    if (!isDomainError(error)) logger.warn('a cluster could not be described', { cluster: name, error });
    const known = isDomainError(error) ? error : undefined;
    const message = known?.message ?? `The cloud could not be asked for ${name}.`;
    return { providerId, type, status: 'False', reason: known?.reason ?? 'Internal', message };
  }
}

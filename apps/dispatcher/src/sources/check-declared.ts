import type { DescribedCluster } from '@image-factory/cluster-connectors';
import { credentialFiles, unreadableFiles } from '@image-factory/cluster-registry';
import { type Clock, isDomainError } from '@image-factory/domain';
import type { ConditionToStore, DeclaredRow, PostgresDeclaredProviders } from '@image-factory/persistence';
import type { Logger } from '@image-factory/telemetry';

export interface CheckDeclaredOptions {
  readonly store: PostgresDeclaredProviders;
  /** Asks a cloud. @throws DomainError with the cloud's refusal */
  readonly describe: (config: NonNullable<DeclaredRow['describe']>) => Promise<Pick<DescribedCluster, 'server' | 'ca'>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Clouds asked at once. */
const AT_ONCE = 8;
/** What a cloud has said is asked again so often: an endpoint seldom changes, a CA less. */
const DESCRIBE_MS = 10 * 60_000;

/**
 * Looks after the clusters of the file by their rows, whichever content this process has read: whether their credential
 * files can be read, and where those are whose endpoint their cloud knows. Both are Conditions of the one cluster; none of
 * it keeps another cluster waiting or the file from being used.
 */
export class CheckDeclared {
  readonly #askAtMs = new Map<string, number>();

  constructor(private readonly options: CheckDeclaredOptions) {}

  /** Clusters that no source names any more and on which nothing is left become disabled. */
  async disableRetired(): Promise<void> {
    const { store, logger } = this.options;
    for (const name of await store.disableRetired()) {
      logger.info('a cluster that no source names any more is disabled: nothing is left there', { provider: name });
    }
  }

  /** One round; an endpoint that is not known is asked for at once. @returns how many were looked at */
  async runOnce(): Promise<number> {
    const { store } = this.options;
    const clusters = await store.declared();
    const waiting = [...clusters];
    const next = async (): Promise<void> => {
      for (let cluster = waiting.shift(); cluster !== undefined; cluster = waiting.shift()) {
        await store.recordConditions(await this.#check(cluster));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    return clusters.length;
  }

  async #check(cluster: DeclaredRow): Promise<ConditionToStore[]> {
    const { id, config, describe } = cluster;
    const conditions = await filesConditions(cluster);
    const nowMs = this.options.clock.monotonicMs();
    const known = config['endpoint'] !== undefined;
    if (describe === undefined || (known && nowMs < (this.#askAtMs.get(id) ?? 0))) return conditions;
    const condition = await endpointCondition(cluster, describe, this.options);
    if (condition.status === 'True') this.#askAtMs.set(id, nowMs + DESCRIBE_MS);
    return [...conditions, condition];
  }
}

async function filesConditions({ id: providerId, config }: DeclaredRow): Promise<ConditionToStore[]> {
  const files = credentialFiles(config);
  if (files.length === 0) return [];
  const type = 'CredentialFiles';
  const missing = await unreadableFiles(files);
  if (missing.length === 0) {
    const message = 'Every credential file of this cluster can be read.';
    return [{ providerId, type, status: 'True', reason: 'CredentialFilesReadable', message }];
  }
  const message = missing.map((file) => `${file.field}: ${file.message}`).join(' ');
  return [{ providerId, type, status: 'False', reason: 'CredentialFileMissing', message }];
}

async function endpointCondition(
  cluster: DeclaredRow,
  config: NonNullable<DeclaredRow['describe']>,
  { store, describe, logger }: CheckDeclaredOptions,
): Promise<ConditionToStore> {
  const type = 'EndpointKnown';
  const { id: providerId, name } = cluster;
  try {
    const { server, ca } = await describe(config);
    await store.describe(cluster, server, ca?.reveal());
    const message = `The cloud says that ${name} is at ${server}.`;
    return { providerId, type, status: 'True', reason: 'Described', message };
  } catch (error) {
    if (!isDomainError(error)) logger.warn('a cluster could not be described', { cluster: name, error });
    const known = isDomainError(error) ? error : undefined;
    const message = known?.message ?? `The cloud could not be asked for ${name}.`;
    return { providerId, type, status: 'False', reason: known?.reason ?? 'Internal', message };
  }
}

import { randomBytes } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import { environmentProvider } from '@image-factory/cluster-registry';
import { keptSecret } from '@image-factory/configuration';
import { type Secret } from '@image-factory/domain';
import {
  Database,
  generateEncryptionKeys,
  parseEncryptionKeys,
  PostgresApiKeys,
  PostgresMirroredProviders,
  SecretCipher,
} from '@image-factory/persistence';
import type { Logger } from '@image-factory/telemetry';
import { hashOfToken } from './access/api-key-token.js';
import type { ApiEnv } from './config/env.js';
import { Readiness } from './health/readiness.js';
import { ChangeFeed } from './stream/change-feed.js';

/** The cipher of this installation: keys from the environment, else kept in the data directory. */
export async function openCipher(env: ApiEnv): Promise<SecretCipher> {
  const keys = env.encryptionKeys ?? (await keptSecret(env.dataDir, 'encryption-keys', generateEncryptionKeys));
  return new SecretCipher(parseEncryptionKeys(keys.reveal()));
}

/** The first admin key: from the environment, else made once and kept in the data directory. */
export async function bootstrapKey(env: ApiEnv): Promise<Secret> {
  return (
    env.bootstrapAdminKey ?? keptSecret(env.dataDir, 'admin-key', () => `ifk_${randomBytes(32).toString('base64url')}`)
  );
}

/**
 * What needs the database at start: waits for it, registers the first key and the environment's provider, listens for
 * changes, then reports ready. Idempotent: any number of API processes may do it at once.
 * @throws DomainError Unavailable SchemaOutdated; the signal's reason
 */
export async function startStorage(
  app: INestApplicationContext,
  env: ApiEnv,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  await app.get(Database).connect(signal);
  await app.get(PostgresApiKeys).registerBootstrap(hashOfToken(await bootstrapKey(env)));
  await mirrorEnvironment(app, env, logger);
  await app.get(ChangeFeed).start();
  app.get(Readiness).started();
}

/** Of a dispatcher's own cluster the dispatcher makes the row. A name that is taken must not keep the API down; the operator has to rename one of the two. */
async function mirrorEnvironment(app: INestApplicationContext, env: ApiEnv, logger: Logger): Promise<void> {
  const provider = environmentProvider({ ...env, tektonInCluster: false });
  if (provider === undefined) return;
  const answer = await app.get(PostgresMirroredProviders).mirror(provider);
  if (answer === 'mirrored') return;
  logger.error('IF_BUILD_TEKTON_KUBECONFIG is not used: a provider of the API has its name; rename that one', {
    provider: provider.name,
  });
}

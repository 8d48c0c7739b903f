import { ANNOTATIONS, isDomainError, isLeaseLost, LABELS } from '@image-factory/domain';
import type { Attempt, AttemptCredentials, CreateOutcome, Fault, MayWrite, Reason } from '@image-factory/domain';
import { outcomeOf } from '@image-factory/cluster-connectors';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import type { ObjectMeta, PipelineRunObject } from '../follow/kube-objects.js';
import { attemptSecret } from './attempt-secret.js';
import { KUBE_PATHS } from './kube-paths.js';

/** Name of the Secret in a tenant namespace that is the source when the project has no registry credential. */
export const DOCKER_CONFIG_SECRET = 'docker-config';

export interface CreateRequest {
  readonly connection: ClusterConnection;
  readonly attempt: Attempt;
  readonly credentials: AttemptCredentials;
  readonly mayWrite: MayWrite;
  readonly logger: Logger;
}

type Failure = Extract<CreateOutcome, { kind: 'refused' | 'retryLater' | 'unknown' }>;
type Ensured = 'ensured' | Failure | { readonly kind: 'notAllowed' };

/**
 * Ensures the attempt's objects in order: its Secret, then the run from the stored bytes. Two cluster writes. Called
 * again it makes what is missing and adopts what is there, when it is this attempt's.
 */
export async function createAttempt(request: CreateRequest): Promise<CreateOutcome> {
  const secret = await ensureSecret(request);
  if (secret !== 'ensured') return secret;
  return createRun(request);
}

async function ensureSecret({ connection, attempt, credentials, mayWrite }: CreateRequest): Promise<Ensured> {
  let fallback: string | undefined;
  try {
    if (credentials.dockerConfigJson === undefined)
      fallback = await defaultDockerConfig(connection, attempt.place.namespace);
  } catch (error) {
    return nothingSent(createFailure(error, 'Secret'));
  }
  if (!mayWrite()) return { kind: 'notAllowed' };
  try {
    await connection.request({
      requestClass: 'create',
      method: 'POST',
      path: KUBE_PATHS.secretsIn(attempt.place.namespace),
      body: attemptSecret(attempt, credentials, fallback),
      mayWrite,
    });
    return 'ensured';
  } catch (error) {
    // The name is a hash of this attempt: what has it is from an earlier try of ours.
    if (isDomainError(error) && error.reason === 'ObjectAlreadyExists') return 'ensured';
    return isLeaseLost(error) ? { kind: 'notAllowed' } : createFailure(error, 'Secret');
  }
}

/** `config.json` of the tenant's default; undefined when there is none. */
async function defaultDockerConfig(connection: ClusterConnection, namespace: string): Promise<string | undefined> {
  try {
    const path = KUBE_PATHS.secret(namespace, DOCKER_CONFIG_SECRET);
    const { body } = await connection.request<{ data?: Record<string, string> }>({
      requestClass: 'create',
      method: 'GET',
      path,
    });
    const data = body.data?.['config.json'] ?? body.data?.['.dockerconfigjson'];
    return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ObjectNotFound') return undefined;
    throw error;
  }
}

async function createRun(request: CreateRequest): Promise<CreateOutcome> {
  const { connection, attempt, mayWrite } = request;
  if (!mayWrite()) return { kind: 'notAllowed' };
  try {
    const { body } = await connection.request<PipelineRunObject>({
      requestClass: 'create',
      method: 'POST',
      path: KUBE_PATHS.pipelineRunsIn(attempt.place.namespace),
      body: attempt.document,
      mayWrite,
    });
    return { kind: 'created', uid: body.metadata.uid ?? '' };
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ObjectAlreadyExists') return adopt(request);
    return isLeaseLost(error) ? { kind: 'notAllowed' } : createFailure(error, 'PipelineRun');
  }
}

/** Something has the name: it is adopted when its labels say that it is this attempt of this installation. */
async function adopt({ connection, attempt, logger }: CreateRequest): Promise<CreateOutcome> {
  const { namespace } = attempt.place;
  let metadata: ObjectMeta;
  try {
    const path = KUBE_PATHS.pipelineRun(namespace, attempt.name);
    metadata = (await connection.request<PipelineRunObject>({ requestClass: 'create', method: 'GET', path })).body
      .metadata;
  } catch (error) {
    const { reason, message } = describe(error);
    return { kind: 'unknown', reason, message };
  }
  if (!isOfAttempt(metadata, attempt)) {
    const message = `A PipelineRun ${namespace}/${attempt.name} that is not this attempt's has its name; delete it or find out who made it.`;
    return { kind: 'refused', reason: 'NameCollision', message, fault: 'cluster' };
  }
  const found = metadata.annotations?.[ANNOTATIONS.documentHash];
  const stored = (JSON.parse(attempt.document) as PipelineRunObject).metadata.annotations?.[ANNOTATIONS.documentHash];
  if (found !== stored) {
    logger.error('An adopted PipelineRun was made from another document than the stored one.', {
      execution: attempt.executionId,
      run: `${namespace}/${attempt.name}`,
    });
  }
  return { kind: 'adopted', uid: metadata.uid ?? '' };
}

/** True when the labels say that an object is this attempt's. */
export function isOfAttempt(
  metadata: ObjectMeta,
  attempt: Pick<Attempt, 'installationId' | 'buildId' | 'attempt'>,
): boolean {
  const { labels = {} } = metadata;
  return (
    labels[LABELS.installation] === attempt.installationId &&
    labels[LABELS.build] === attempt.buildId &&
    labels[LABELS.attempt] === String(attempt.attempt)
  );
}

/** A failure of a read before any write: whatever it says about itself, nothing was created. */
export function nothingSent(failure: Failure): Failure {
  return failure.kind === 'unknown' ? { ...failure, kind: 'retryLater' } : failure;
}

/** What becomes of a create that failed, by what the error says about the request (rule 14). */
export function createFailure(error: unknown, object: 'Secret' | 'PipelineRun'): Failure {
  const { reason, message, fault, retryable, retryAfterMs } = describe(error);
  const after = retryAfterMs === undefined ? {} : { retryAfterMs };
  const outcome = outcomeOf(error);
  if (outcome === 'unknown') return { kind: 'unknown', reason, message, ...after };
  if (outcome === 'notSent' || retryable || reason === 'ClusterUnauthorized')
    return { kind: 'retryLater', reason, message, ...after };
  const gone = reason === 'ObjectNotFound' || reason === 'NamespaceTerminating';
  const advice = gone ? ' The tenant namespace is made ready again for the next attempt.' : '';
  return { kind: 'refused', reason: refusalReason(reason, object), message: `${message}${advice}`, fault };
}

function refusalReason(reason: Reason, object: 'Secret' | 'PipelineRun'): Reason {
  if (object === 'PipelineRun' && (reason === 'AdmissionDenied' || reason === 'ObjectInvalid'))
    return 'PipelineRunRefused';
  return reason;
}

interface Described {
  readonly reason: Reason;
  readonly message: string;
  readonly fault: Fault;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
}

function describe(error: unknown): Described {
  if (!isDomainError(error)) throw error;
  const said = error.details['kubeMessage'];
  return {
    reason: error.reason,
    message: typeof said === 'string' ? `${error.message} ${said}` : error.message,
    fault: error.fault,
    retryable: error.retryable,
    retryAfterMs: error.retryAfterSeconds === undefined ? undefined : error.retryAfterSeconds * 1000,
  };
}

import { DomainError, isDomainError, LABELS, MANAGED_BY } from '@image-factory/domain';
import type {
  Clock,
  MayWrite,
  Place,
  PrepareRequest,
  Provider,
  ProviderRepository,
  TenantNamespace,
  TenantNamespaceRepository,
} from '@image-factory/domain';
import { PATCH_TYPES } from '@image-factory/cluster-connectors';
import type { ClusterConnection, ClusterConnectionProvider } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import { EMPTY_DOCKER_CONFIG } from '../attempt/attempt-secret.js';
import { DOCKER_CONFIG_SECRET } from '../attempt/create-attempt.js';
import { KUBE_PATHS } from '../attempt/kube-paths.js';
import { BUILDER_SERVICE_ACCOUNT, DOCKER_CONFIG_KEY } from '../pipeline-run/template-view.js';
import { chooseNamespace, findNamespace, isTerminating } from './choose-namespace.js';
import type { NamespaceChoice } from './choose-namespace.js';
import { clusterUidOf } from './cluster-uid.js';
import type { InstallationGuard } from './installation-guard.js';
import { contentHash, readTasks, tasksFor } from './task-manifests.js';
import type { TaskManifest } from './task-manifests.js';
import { Turns } from './turns.js';

/** Field manager of everything that is applied. */
export const FIELD_MANAGER = 'image-factory';

/** A warm namespace is looked at again after this long. */
const VERIFY_MS = 60_000;
/** Most places that are remembered as looked at; the oldest look is forgotten first. */
const MAX_VERIFIED = 10_000;
/** Most different wishes that are remembered; providers mostly have the same. */
const MAX_WANTS = 100;
/** Namespaces of one cluster that are filled at once: more would fill the queue in which runs wait to be created there. */
const FILLS_AT_ONCE = 4;

export interface PlaceKeeperOptions {
  readonly connections: ClusterConnectionProvider;
  readonly providers: ProviderRepository;
  readonly namespaces: TenantNamespaceRepository;
  readonly installationId: string;
  readonly guard: InstallationGuard;
  readonly tasksDirectory: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Scope {
  readonly request: PrepareRequest;
  readonly provider: Provider;
  readonly connection: ClusterConnection;
  readonly clusterUid: string;
  readonly signal: AbortSignal;
  readonly mayWrite: MayWrite;
}

interface Wanted {
  readonly tasks: readonly TaskManifest[];
  readonly hash: string;
}

/**
 * Keeps the tenants' namespaces ready: name, labels, ServiceAccount, Tasks, `docker-config`. What is stored under the
 * wanted content hash is warm and costs no write, and no read either within a minute of the last look. Calls for one
 * tenant and provider share one ensuring; two dispatchers that ensure at once write the same objects.
 */
export class PlaceKeeper {
  readonly #options: PlaceKeeperOptions;
  readonly #verified = new Map<string, { readonly uid: string; readonly atMs: number }>();
  readonly #inFlight = new Map<string, Promise<Place>>();
  /** What a provider's settings want, by what it depends on. */
  readonly #wants = new Map<string, Wanted>();
  readonly #fills = new Turns(FILLS_AT_ONCE);
  #tasks: ReturnType<typeof readTasks> | undefined;

  constructor(options: PlaceKeeperOptions) {
    this.#options = options;
  }

  async ensure(request: PrepareRequest, signal: AbortSignal, mayWrite: MayWrite): Promise<Place> {
    const key = `${request.providerId}/${request.tenantId}`;
    const running = this.#inFlight.get(key);
    if (running !== undefined) return running.catch(() => this.#ensure(request, key, signal, mayWrite));
    const ensuring = this.#ensure(request, key, signal, mayWrite).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, ensuring);
    return ensuring;
  }

  /** Something of the namespace is missing: the next `ensure`, by any process, applies everything again. */
  async distrust(request: PrepareRequest): Promise<void> {
    this.#verified.delete(`${request.providerId}/${request.tenantId}`);
    const stored = await this.#options.namespaces.find(request.providerId, request.tenantId);
    if (stored !== undefined && stored.contentHash !== '')
      await this.#options.namespaces.save({ ...stored, contentHash: '' });
  }

  async #ensure(request: PrepareRequest, key: string, signal: AbortSignal, mayWrite: MayWrite): Promise<Place> {
    const { connections, providers, namespaces, guard, clock } = this.#options;
    const provider = await providers.find(request.providerId);
    if (provider === undefined) throw providerNotFound(request.providerId);
    const stored = await namespaces.find(request.providerId, request.tenantId);
    const wanted = await this.#wanted(provider);
    const warm = stored !== undefined && stored.contentHash === wanted.hash;
    const verified = this.#verified.get(key);
    if (warm && verified?.uid === stored.uid && clock.monotonicMs() - verified.atMs < VERIFY_MS) return placeOf(stored);
    const place = await connections.withConnection(request.providerId, async (connection) => {
      await guard.ensureKnown(request.providerId, connection, { requestClass: 'create', mayWrite });
      const clusterUid = await clusterUidOf(connection, 'create', signal);
      const scope: Scope = { request, provider, connection, clusterUid, signal, mayWrite };
      if (warm && (await this.#stillThere(scope, stored))) return placeOf(stored);
      return this.#fills.run(request.providerId, signal, () => this.#makeReady(scope, wanted));
    });
    const [oldest] = this.#verified.keys();
    if (this.#verified.size >= MAX_VERIFIED && oldest !== undefined) this.#verified.delete(oldest);
    this.#verified.delete(key);
    this.#verified.set(key, { uid: place.namespaceUid, atMs: clock.monotonicMs() });
    return place;
  }

  async #wanted(provider: Provider): Promise<Wanted> {
    const { tektonTaskImages, installTasks = true } = provider.settings;
    const key = JSON.stringify([installTasks, tektonTaskImages]);
    const known = this.#wants.get(key);
    if (known !== undefined) return known;
    this.#tasks ??= readTasks(this.#options.tasksDirectory);
    const tasks = installTasks ? tasksFor(await this.#tasks, tektonTaskImages) : [];
    const wanted = { tasks, hash: contentHash([tasks, serviceAccount()]) };
    if (this.#wants.size >= MAX_WANTS) this.#wants.clear();
    this.#wants.set(key, wanted);
    return wanted;
  }

  async #stillThere({ connection, clusterUid, signal }: Scope, stored: TenantNamespace): Promise<boolean> {
    if (stored.clusterUid !== clusterUid) return false;
    const namespace = await findNamespace(connection, stored.name, 'create', signal);
    return namespace !== undefined && namespace.metadata.uid === stored.uid && !isTerminating(namespace);
  }

  async #makeReady(scope: Scope, wanted: Wanted): Promise<Place> {
    const { request, connection, clusterUid, signal, mayWrite } = scope;
    const { installationId, namespaces, logger } = this.#options;
    const { tenantId } = request;
    const candidates = chooseNamespace({ connection, tenantId, installationId, signal, mayWrite, logger });
    for await (const choice of candidates) {
      try {
        await this.#fill(scope, choice, wanted);
        const ready = { ...request, clusterUid, name: choice.name, uid: choice.uid, contentHash: wanted.hash };
        await namespaces.save(ready);
        logger.info('Tenant namespace is ready.', {
          provider: request.providerId,
          tenant: request.tenantId,
          namespace: choice.name,
        });
        return placeOf(ready);
      } catch (error) {
        const next =
          isDomainError(error) && (error.reason === 'NamespaceCollision' || error.reason === 'NamespaceTerminating');
        if (!next) throw error;
        logger.warn('A namespace cannot be used for the tenant: the next name is tried.', {
          namespace: choice.name,
          why: error.reason,
        });
      }
    }
    throw new DomainError({
      kind: 'Internal',
      reason: 'NamespaceCollision',
      message: 'The candidates of a namespace ended without an answer',
    });
  }

  async #fill({ connection, signal, mayWrite }: Scope, { name }: NamespaceChoice, wanted: Wanted): Promise<void> {
    const apply = (path: string, body: unknown): Promise<unknown> =>
      connection.request({
        requestClass: 'create',
        method: 'PATCH',
        path,
        contentType: PATCH_TYPES.apply,
        query: { fieldManager: FIELD_MANAGER, force: true },
        body,
        mayWrite,
        signal,
      });
    const objects = [
      apply(KUBE_PATHS.serviceAccount(name, BUILDER_SERVICE_ACCOUNT), serviceAccount()),
      ...wanted.tasks.map((task) => apply(KUBE_PATHS.task(name, task.metadata.name), task)),
      makeDockerConfig(connection, name, signal, mayWrite),
    ];
    // None depends on another. All are waited for: what is still under way must not land after another namespace was tried.
    const failed = (await Promise.allSettled(objects)).find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason as Error;
  }
}

async function makeDockerConfig(
  connection: ClusterConnection,
  namespace: string,
  signal: AbortSignal,
  mayWrite: MayWrite,
): Promise<void> {
  try {
    await connection.request({
      requestClass: 'create',
      method: 'POST',
      path: KUBE_PATHS.secretsIn(namespace),
      body: dockerConfig(),
      mayWrite,
      signal,
    });
  } catch (error) {
    if (!isDomainError(error) || error.reason !== 'ObjectAlreadyExists') throw error;
  }
}

function placeOf({ clusterUid, name, uid }: TenantNamespace): Place {
  return { clusterUid, namespace: name, namespaceUid: uid };
}

function serviceAccount(): unknown {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: BUILDER_SERVICE_ACCOUNT, labels: { [LABELS.managedBy]: MANAGED_BY } },
    automountServiceAccountToken: false,
  };
}

/** The tenant's default, made when missing and never changed by us. */
function dockerConfig(): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name: DOCKER_CONFIG_SECRET, labels: { [LABELS.managedBy]: MANAGED_BY } },
    data: { [DOCKER_CONFIG_KEY]: Buffer.from(EMPTY_DOCKER_CONFIG).toString('base64') },
  };
}

function providerNotFound(providerId: string): DomainError {
  return new DomainError({
    kind: 'NotFound',
    reason: 'ProviderNotFound',
    message: `There is no provider ${providerId}`,
  });
}

import { ClusterConnection, ListWatch, resolveAccess, type KubernetesObject } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import {
  CustomObjectsApi,
  KubeConfig,
  makeInformer,
  type KubernetesListObject,
  type KubernetesObject as ClientObject,
} from '@kubernetes/client-node';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { RUNS_PATH, SELECTOR } from './recorded-run.ts';

export interface WatcherOptions {
  /** `ours`: the product's ListWatch in Table form; `informer`: client-node's, which keeps whole objects. */
  readonly kind: string;
  readonly kubeconfig: string;
  readonly config: Record<string, string>;
  /** No byte for so long and our watch is taken for dead. Default: the product's. */
  readonly idleTimeoutMs?: number;
}

export interface Watcher {
  /** `<namespace>/<name>` → status of the condition Succeeded. */
  states(): ReadonlyMap<string, string>;
  events(): number;
  close(): Promise<void>;
}

/** Resolves when the first list is in. */
export async function startWatcher(options: WatcherOptions): Promise<Watcher> {
  return options.kind === 'ours' ? startOurs(options) : startInformer(options);
}

/** What the product keeps of a run (RunView in tekton-executor), field by field. */
function slim(object: KubernetesObject, row?: Readonly<Record<string, unknown>>) {
  const { name, namespace, uid, labels, creationTimestamp, deletionTimestamp } = object.metadata;
  return {
    namespace,
    name,
    uid,
    executionId: labels?.['image-factory.io/execution'],
    buildId: labels?.['image-factory.io/build'],
    attempt: Number(labels?.['image-factory.io/attempt']),
    shard: Number(labels?.['image-factory.io/shard']),
    createdAt: new Date(creationTimestamp ?? 0),
    deleting: deletionTimestamp !== undefined,
    verdict: { status: String(row?.['Succeeded']), reason: String(row?.['Reason']), message: '' },
    completedAt: undefined,
    results: {},
  };
}

async function startOurs({ config, idleTimeoutMs }: WatcherOptions): Promise<Watcher> {
  const access = await resolveAccess('token', config, { fileRules: { allowedDirs: [], anyPath: false } });
  const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
  const connection = new ClusterConnection({ providerId: 'p', generation: 1, access, egress });
  let events = 0;
  const watch = new ListWatch({
    connection,
    path: RUNS_PATH,
    labelSelector: SELECTOR,
    form: 'table',
    project: (object, row) => {
      events += 1;
      return slim(object, row);
    },
    onUpsert: () => undefined,
    onDelete: () => undefined,
    clock: systemClock,
    logger: createSilentLogger(),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
  });
  watch.start();
  await watch.ready(AbortSignal.timeout(120_000));
  return {
    states: () => new Map([...watch.items()].map(([key, run]) => [key, run.verdict.status])),
    events: () => events,
    close: async () => {
      await watch.close();
      await connection.close();
    },
  };
}

async function startInformer({ kubeconfig }: WatcherOptions): Promise<Watcher> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  // It takes plain HTTP, as ours speaks here too, only so.
  config.clusters = config.clusters.map((cluster) => ({ ...cluster, skipTLSVerify: true }));
  const api = config.makeApiClient(CustomObjectsApi);
  const list = async (): Promise<KubernetesListObject<ClientObject>> =>
    (await api.listCustomObjectForAllNamespaces({
      group: 'tekton.dev',
      version: 'v1',
      resourcePlural: 'pipelineruns',
      labelSelector: SELECTOR,
    })) as KubernetesListObject<ClientObject>;
  const informer = makeInformer(config, RUNS_PATH, list, SELECTOR);
  let events = 0;
  informer.on('add', () => (events += 1));
  informer.on('update', () => (events += 1));
  // It ends at an error, and when a list fails: its documents leave it to the caller to start it again, after five seconds.
  let restart: NodeJS.Timeout | undefined;
  const again = (): void => {
    restart = setTimeout(() => void informer.start().catch(again), 5_000);
  };
  informer.on('error', again);
  await informer.start().catch(again);
  return {
    states: () =>
      new Map(
        informer
          .list()
          .map((object) => [`${object.metadata?.namespace}/${object.metadata?.name}`, conditionOf(object)]),
      ),
    events: () => events,
    close: async () => {
      clearTimeout(restart);
      await informer.stop();
    },
  };
}

function conditionOf(object: ClientObject): string {
  const { status } = object as { status?: { conditions?: { type: string; status: string }[] } };
  return status?.conditions?.find(({ type }) => type === 'Succeeded')?.status ?? 'Unknown';
}

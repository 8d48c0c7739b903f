/** N clusters with their three watches each, idle, in a process of its own: `idle-process.ts PORT CLUSTERS`. */
import { ListWatch, type ClusterConnection } from '@image-factory/cluster-connectors';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { connectOurs } from './contenders.ts';

const [port = '0', clusters = '0'] = process.argv.slice(2);
const PATHS = ['/apis/tekton.dev/v1/pipelineruns', '/apis/tekton.dev/v1/taskruns', '/api/v1/pods'];
const open: ClusterConnection[] = [];
const watches: ListWatch<string>[] = [];

function watch(connection: ClusterConnection, path: string): ListWatch<string> {
  return new ListWatch({
    connection,
    path,
    labelSelector: 'app=image-factory',
    form: 'object',
    project: (object) => object.metadata.name,
    onUpsert: () => undefined,
    onDelete: () => undefined,
    onError: () => undefined,
    clock: systemClock,
    logger: createSilentLogger(),
  });
}

process.on('message', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ heapMib: (heapUsed + external) / 2 ** 20 });
});
for (let index = 0; index < Number(clusters); index += 1) {
  const connection = await connectOurs(Number(port));
  await connection.request({ requestClass: 'probe', method: 'GET', path: '/api/v1/namespaces/builds/pods' });
  open.push(connection);
  const own = PATHS.map((path) => watch(connection, path));
  own.forEach((one) => one.start());
  await Promise.all(own.map((one) => one.ready(AbortSignal.timeout(30_000))));
  watches.push(...own);
}
process.send?.({ clusters: open.length, watches: watches.length });

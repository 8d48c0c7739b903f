/**
 * Records one run of the test cluster as a case of `tekton/`:
 *
 *   node test/e2e/support/record-run.ts CASE NAMESPACE PIPELINERUN
 *
 * Keep the run there until it is recorded (IF_RUN_RETENTION_SECONDS), and see the README of `test/fixtures` for what is left out.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCluster, type TestCluster } from './cluster.ts';

type Json = Record<string, unknown>;
const TEKTON = '/apis/tekton.dev/v1';
const LOG_LINES = 50;

async function get(cluster: TestCluster, path: string): Promise<Json> {
  const { status, body } = await cluster.kube('GET', path);
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

async function list(cluster: TestCluster, path: string): Promise<Json[]> {
  return ((await get(cluster, path))['items'] ?? []) as Json[];
}

/** Without what the status functions never read. */
function slim(object: Json): Json {
  const { managedFields: _managed, ...metadata } = object['metadata'] as Json;
  return { ...object, metadata };
}

function slimTaskRun(taskRun: Json): Json {
  const { taskSpec: _copy, ...status } = (taskRun['status'] ?? {}) as Json;
  return { ...slim(taskRun), status };
}

function slimPod(pod: Json): Json {
  const spec = pod['spec'] as { nodeName?: string; initContainers?: Json[]; containers?: Json[] };
  const images = (containers: Json[] = []): Json[] => containers.map(({ name, image }) => ({ name, image }));
  return {
    ...slim(pod),
    spec: {
      nodeName: spec.nodeName,
      initContainers: images(spec.initContainers),
      containers: images(spec.containers),
    },
  };
}

function slimEvent(event: Json): Json {
  const { kind, name, uid } = event['involvedObject'] as Json;
  const { type, reason, message } = event;
  return { type, reason, message, involvedObject: { kind, name, uid } };
}

async function recordLogs(cluster: TestCluster, pods: readonly Json[], directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const pod of pods) {
    const { name, namespace } = pod['metadata'] as { name: string; namespace: string };
    for (const { name: container } of (pod['spec'] as { containers: { name: string }[] }).containers) {
      const query = `container=${container}&timestamps=true&tailLines=${LOG_LINES}`;
      const { body } = await cluster.kube('GET', `/api/v1/namespaces/${namespace}/pods/${name}/log?${query}`);
      if (body['text'] !== '') await writeFile(join(directory, `${name}.${container}.log`), String(body['text']));
    }
  }
}

async function record(name: string, namespace: string, run: string): Promise<void> {
  const cluster = readCluster();
  const directory = join(dirname(fileURLToPath(import.meta.url)), '../../fixtures/tekton', name);
  await mkdir(directory, { recursive: true });
  const write = (file: string, value: unknown): Promise<void> =>
    writeFile(join(directory, file), `${JSON.stringify(value, null, 1)}\n`);
  const selector = `labelSelector=${encodeURIComponent(`tekton.dev/pipelineRun=${run}`)}`;
  const taskRuns = await list(cluster, `${TEKTON}/namespaces/${namespace}/taskruns?${selector}`);
  const pods = await list(cluster, `/api/v1/namespaces/${namespace}/pods?${selector}`);
  const events = await list(cluster, `/api/v1/namespaces/${namespace}/events`);
  await write('pipelinerun.json', slim(await get(cluster, `${TEKTON}/namespaces/${namespace}/pipelineruns/${run}`)));
  await write('taskruns.json', taskRuns.map(slimTaskRun));
  await write('pods.json', pods.map(slimPod));
  await write(
    'events.json',
    events.map(slimEvent).filter((event) => JSON.stringify(event).includes(run)),
  );
  await recordLogs(cluster, pods, join(directory, 'logs'));
}

const [name, namespace, run] = process.argv.slice(2);
if (name === undefined || namespace === undefined || run === undefined) {
  process.stderr.write('node test/e2e/support/record-run.ts CASE NAMESPACE PIPELINERUN\n');
  process.exitCode = 1;
} else {
  await record(name, namespace, run);
}

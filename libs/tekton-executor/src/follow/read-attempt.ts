import { DomainError, isDomainError } from '@image-factory/domain';
import type { Attempt, Reason } from '@image-factory/domain';
import type { ClusterConnection, RequestClass } from '@image-factory/cluster-connectors';
import { findRun } from '../attempt/end-attempt.js';
import { KUBE_PATHS } from '../attempt/kube-paths.js';
import { LogLineParser } from '../log/log-line-parser.js';
import type { LogLine } from '../log/log-line-parser.js';
import type { AttemptView } from '../status/attempt-view.js';
import type { LogTail } from '../status/log-tail.js';
import { TEKTON_LABELS } from './kube-objects.js';
import type { EventObject, PipelineRunObject, PodObject, TaskRunObject } from './kube-objects.js';
import { podView, runView, taskRunView } from './run-views.js';
import type { PodView } from './run-views.js';

/** Everything of an attempt, read whole from the cluster. */
export interface ReadAttempt {
  readonly view: AttemptView;
  /** The PipelineRun as JSON, without managed fields. */
  readonly document: string;
}

/** Reads run, TaskRuns and pods; undefined when the run is not there. Three requests. */
export async function readAttempt(connection: ClusterConnection, attempt: Attempt): Promise<ReadAttempt | undefined> {
  const run = await findRun(connection, attempt, 'status');
  if (run === undefined) return undefined;
  const [taskRuns, pods] = await Promise.all([
    listOfRun<TaskRunObject>(connection, attempt, KUBE_PATHS.taskRunsIn(attempt.place.namespace), 'status'),
    readPods(connection, attempt, 'status'),
  ]);
  const ofRun = ({ runUid }: { readonly runUid: string | undefined }): boolean =>
    runUid === undefined || runUid === run.metadata.uid;
  return {
    view: {
      run: runView(run),
      taskRuns: taskRuns.map(taskRunView).filter(ofRun),
      pods: pods.filter(ofRun),
    },
    document: finalDocument(run),
  };
}

/** Reads the pods of the attempt's TaskRuns, whether its run is there or not. */
export async function readPods(
  connection: ClusterConnection,
  attempt: Attempt,
  requestClass: RequestClass,
): Promise<readonly PodView[]> {
  const path = KUBE_PATHS.podsIn(attempt.place.namespace);
  const pods = await listOfRun<PodObject>(connection, attempt, path, requestClass);
  return pods.map((pod) => podView(pod)).filter((pod) => pod.taskRun !== '');
}

async function listOfRun<T>(
  connection: ClusterConnection,
  attempt: Attempt,
  path: string,
  requestClass: RequestClass,
): Promise<readonly T[]> {
  const query = { labelSelector: `${TEKTON_LABELS.pipelineRun}=${attempt.name}` };
  const request = { requestClass, method: 'GET', path, query } as const;
  return (await connection.request<{ items?: readonly T[] }>(request)).body.items ?? [];
}

/** JSON of a run for keeping: managed fields tell nothing about the build. */
export function finalDocument(run: PipelineRunObject): string {
  const metadata = Object.fromEntries(Object.entries(run.metadata).filter(([key]) => key !== 'managedFields'));
  return JSON.stringify({ apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', ...run, metadata });
}

/** Longest that a request takes for what only explains a state. */
const EXPLAINING_MS = 5_000;

/** Events of one pod, oldest first; none when they may not be read. */
export async function readPodEvents(
  connection: ClusterConnection,
  namespace: string,
  podUid: string,
): Promise<readonly EventObject[]> {
  try {
    const query = { fieldSelector: `involvedObject.uid=${podUid}`, limit: 100 };
    const { body } = await connection.request<{ items?: readonly EventObject[] }>({
      requestClass: 'status',
      method: 'GET',
      path: KUBE_PATHS.eventsIn(namespace),
      query,
      timeoutMs: EXPLAINING_MS,
    });
    return [...(body.items ?? [])].sort((a, b) => eventTime(a) - eventTime(b));
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ClusterForbidden') return [];
    throw error;
  }
}

function eventTime(event: EventObject): number {
  return Date.parse(event.lastTimestamp ?? event.eventTime ?? event.metadata?.creationTimestamp ?? '') || 0;
}

/** A runtime writes a long line in parts of 16 KiB, which are counted as lines here; what is over the limit are the last. */
const TAIL = { tailLines: 20, limitBytes: 512 * 1024 };
const LINE_FEED = 0x0a;
/** Answers that no other try would change: pod or log are not there, or may not be read. */
const NO_LOG: readonly Reason[] = ['ObjectNotFound', 'ObjectInvalid', 'ClusterForbidden'];

/**
 * The last lines of a container's log; undefined when the pod or its log is not there any more.
 * @throws DomainError when it cannot be read now, also of a node that says so instead of giving it
 */
export async function readLogTail(
  connection: ClusterConnection,
  namespace: string,
  pod: string,
  container: string,
): Promise<LogTail | undefined> {
  try {
    // Not a stream: those have no limit of time, and the verdict waits for this answer.
    const { body } = await connection.request<unknown>({
      requestClass: 'logs',
      method: 'GET',
      path: KUBE_PATHS.podLog(namespace, pod),
      query: { container, timestamps: true, ...TAIL },
      accept: '*/*',
      timeoutMs: EXPLAINING_MS,
    });
    const bytes = Buffer.from(typeof body === 'string' ? body : '');
    const parser = new LogLineParser();
    const lines = [...parser.push(bytes), ...parser.end()];
    // Bytes that are no text have grown as they came: what is longer is cut off only if its last line is.
    const { length } = bytes;
    const isCut = length === TAIL.limitBytes || (length > TAIL.limitBytes && bytes.at(-1) !== LINE_FEED);
    const said = isCut ? undefined : lines.find(({ time }) => time === undefined);
    if (said !== undefined) throw noLogGiven(pod, said);
    const timed = lines.filter(({ time }) => time !== undefined);
    return { lines: timed.map(({ text }) => Buffer.from(text).toString('utf8')), ...(isCut ? { isUnread: true } : {}) };
  } catch (error) {
    if (isDomainError(error) && NO_LOG.includes(error.reason)) return undefined;
    throw error;
  }
}

/** A kubelet whose runtime does not give a log says so where the log would be, and with status 200. */
function noLogGiven(pod: string, { text }: LogLine): DomainError {
  const said = Buffer.from(text.subarray(0, 300)).toString('utf8');
  return new DomainError({
    kind: 'Unavailable',
    reason: 'ClusterUnavailable',
    message: `The node of pod ${pod} gives no log: ${said}`,
    fault: 'cluster',
    retryable: true,
    details: { outcome: 'unknown' },
  });
}

import type { Clock, DomainError } from '@image-factory/domain';
import type { Logger } from '@image-factory/telemetry';
import type { ClusterConnection } from '../connection/cluster-connection.js';
import type { BackOffOptions } from './back-off.js';
import type { KubernetesObject, TableRow } from './kubernetes-object.js';

export interface ListWatchOptions<T> {
  readonly connection: ClusterConnection;
  /** As `/apis/tekton.dev/v1/pipelineruns`. */
  readonly path: string;
  readonly labelSelector: string;
  /** `table`: metadata and the printed columns, a thirtieth of the bytes; falls back to `object` when columns are missing. */
  readonly form: 'table' | 'object';
  /** Columns that `project` reads. Default Succeeded and Reason, as Tekton prints them. */
  readonly columns?: readonly string[];
  /** What is kept of an object: as little as possible. `row` is undefined in object form. Pure. */
  readonly project: (object: KubernetesObject, row?: TableRow) => T;
  /** What is kept of an object is new, or not what it was: most of what changes in a run on its way is kept by nobody. */
  readonly onUpsert: (key: string, value: T) => void;
  /** `object` is the last state that the server sent with the deletion; undefined when the deletion was not seen. */
  readonly onDelete: (key: string, last: T, object: KubernetesObject | undefined) => void;
  /** Every interruption, for counting; the watch goes on by itself. */
  readonly onError?: (error: DomainError | Error) => void;
  /** Default 90 000: above the bookmark interval of 60 s. */
  readonly idleTimeoutMs?: number;
  /** Bounds of the server-side duration of one watch, seconds. Default 240 to 300. */
  readonly watchSeconds?: readonly [number, number];
  /** A whole list at least so often, at the end of a watch. Default 15 minutes. */
  readonly relistMs?: number;
  /** `watch-list` asks for the initial objects in the watch itself and falls back to `list`. Default `list`. */
  readonly initial?: 'list' | 'watch-list';
  /** Default 500. */
  readonly pageSize?: number;
  /** Default floor 100 ms, base 500 ms, cap 30 s. */
  readonly backOff?: BackOffOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

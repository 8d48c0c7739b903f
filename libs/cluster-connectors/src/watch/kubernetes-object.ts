/** Metadata that every object carries. */
export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Any object of the API; in Table form only kind, apiVersion and metadata are there. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMetadata;
  readonly [field: string]: unknown;
}

/** A row of the Table form: cells by column name. Date cells are ages ("6m33s"): use them as flags only. */
export type TableRow = Readonly<Record<string, unknown>>;

/** One object with its row when it came in Table form. */
export interface WatchedObject {
  readonly object: KubernetesObject;
  readonly row: TableRow | undefined;
}

/** `<namespace>/<name>`, or `<name>` of a cluster-scoped object. */
export function objectKey(metadata: ObjectMetadata): string {
  return metadata.namespace === undefined || metadata.namespace === ''
    ? metadata.name
    : `${metadata.namespace}/${metadata.name}`;
}

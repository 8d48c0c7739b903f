import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '@image-factory/telemetry';
import { objectKey, type KubernetesObject, type TableRow, type WatchedObject } from './kubernetes-object.js';

export interface ObjectStoreHandlers<T> {
  readonly project: (object: KubernetesObject, row?: TableRow) => T;
  readonly onUpsert: (key: string, value: T) => void;
  readonly onDelete: (key: string, last: T, object: KubernetesObject | undefined) => void;
}

/** The projected objects by key, and the calls that their changes make. A handler that throws is logged, no more. */
export class ObjectStore<T> {
  readonly #values = new Map<string, T>();
  readonly #versions = new Map<
    string,
    { readonly uid: string | undefined; readonly resourceVersion: string | undefined }
  >();

  constructor(
    private readonly handlers: ObjectStoreHandlers<T>,
    private readonly logger: Logger,
  ) {}

  get values(): ReadonlyMap<string, T> {
    return this.#values;
  }

  /** No call for an object with the same uid and resource version, nor for one of which the same is kept as before. */
  upsert({ object, row }: WatchedObject): void {
    const key = objectKey(object.metadata);
    const { uid, resourceVersion } = object.metadata;
    const known = this.#versions.get(key);
    if (known !== undefined && known.uid === uid && known.resourceVersion === resourceVersion) return;
    if (known !== undefined && known.uid !== uid) this.#forget(key, undefined);
    const value = this.#guard('project', () => this.handlers.project(object, row));
    if (value === undefined) return;
    this.#versions.set(key, { uid, resourceVersion });
    if (this.#values.has(key) && isDeepStrictEqual(this.#values.get(key), value.result)) return;
    this.#values.set(key, value.result);
    this.#guard('onUpsert', () => this.handlers.onUpsert(key, value.result));
  }

  remove(object: KubernetesObject): void {
    this.#forget(objectKey(object.metadata), object);
  }

  /** Takes the keys of a whole list whose objects were upserted: what is not among them is gone. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of [...this.#values.keys()]) if (!keys.has(key)) this.#forget(key, undefined);
  }

  #forget(key: string, object: KubernetesObject | undefined): void {
    const last = this.#values.get(key);
    this.#versions.delete(key);
    if (last === undefined) return;
    this.#values.delete(key);
    this.#guard('onDelete', () => this.handlers.onDelete(key, last, object));
  }

  #guard<R>(name: string, call: () => R): { readonly result: R } | undefined {
    try {
      return { result: call() };
    } catch (error) {
      this.logger.error(`The watch's ${name} handler failed.`, { error });
      return undefined;
    }
  }
}

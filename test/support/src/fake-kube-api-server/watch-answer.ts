import type { ServerResponse } from 'node:http';
import { expired } from './api-status.js';
import { breakOff } from './fake-answer.js';
import type { FakeFault } from './fault-script.js';
import { fieldMatcher, labelMatcher, type FakeObject } from './fake-object.js';
import type { FakeObjectStore, StoredEvent } from './fake-object-store.js';
import type { FakeTarget } from './resource-table.js';
import { apiVersionOf } from './resource-table.js';
import { tableOf } from './table-answer.js';

export interface WatchAnswerOptions {
  readonly target: FakeTarget;
  readonly query: URLSearchParams;
  readonly table: boolean;
  readonly withoutColumns: boolean;
  readonly fault: FakeFault | undefined;
  /** Bytes per write; 0: each event in one. Small numbers split characters. */
  readonly chunkBytes: number;
}

const INITIAL_END = { 'k8s.io/initial-events-end': 'true' };

/** One open watch: replays what is newer than its version, then follows, until its time, a fault or its client ends it. */
export class WatchAnswer {
  readonly #matches: (object: FakeObject) => boolean;
  readonly #after: number;
  readonly #undo: () => void;
  #definitionsSent = false;
  #eventsSent = 0;
  /** Kept back by `reorder` until the next event is out. */
  #late: string | undefined;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: FakeObjectStore,
    private readonly response: ServerResponse,
    private readonly options: WatchAnswerOptions,
    private readonly onClose: () => void,
  ) {
    const { query, target } = options;
    const label = labelMatcher(query.get('labelSelector') ?? undefined);
    const field = fieldMatcher(query.get('fieldSelector') ?? undefined);
    const name = target.name;
    this.#matches = (object) =>
      (target.namespace === undefined || object.metadata.namespace === target.namespace) &&
      (name === undefined || object.metadata.name === name) &&
      label(object) &&
      field(object);
    this.#after = Number(query.get('resourceVersion') ?? '0');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    response.on('close', () => this.#close());
    this.#undo = store.onEvent((event) => this.#follow(event));
    this.#begin();
    const seconds = Number(query.get('timeoutSeconds') ?? '0');
    if (seconds > 0 && !this.#ended) {
      this.#timer = setTimeout(() => {
        this.bookmark();
        this.end();
      }, seconds * 1000);
    }
  }

  /** Sends a bookmark, if the client asked for them and no fault silences the stream. */
  bookmark(): void {
    if (this.options.query.get('allowWatchBookmarks') !== 'true' || this.store.resourceVersion < this.#after) return;
    this.#bookmark(undefined);
  }

  end(): void {
    if (this.#ended) return;
    this.#close();
    this.response.end();
  }

  #begin(): void {
    const { query } = this.options;
    if (query.get('sendInitialEvents') === 'true') {
      for (const object of this.store.list(this.options.target.resource)) {
        if (this.#matches(object)) this.#send('ADDED', object);
      }
      if (query.get('allowWatchBookmarks') === 'true') this.#bookmark(INITIAL_END);
      this.#check();
      return;
    }
    const events = this.#after === 0 ? this.#initial() : this.store.eventsAfter(this.#after);
    if (events === undefined) {
      this.#write(
        JSON.stringify({
          type: 'ERROR',
          object: expired(`too old resource version: ${this.#after} (${this.store.resourceVersion})`).body(),
        }),
      );
      this.end();
      return;
    }
    for (const event of events) this.#follow(event);
    this.#check();
  }

  /** Without a version a watch begins with what is there. */
  #initial(): StoredEvent[] {
    return this.store.list(this.options.target.resource).map((object) => ({
      resourceVersion: Number(object.metadata.resourceVersion),
      resource: this.options.target.resource,
      type: 'ADDED' as const,
      object,
      previous: undefined,
    }));
  }

  #follow(event: StoredEvent): void {
    if (this.#ended || event.resource !== this.options.target.resource || event.resourceVersion <= this.#after) return;
    const now = event.type !== 'DELETED' && this.#matches(event.object);
    const before = event.previous !== undefined && this.#matches(event.previous);
    if (now) this.#send(before ? 'MODIFIED' : 'ADDED', event.object);
    else if (before)
      this.#send('DELETED', event.type === 'DELETED' ? event.object : withVersion(event.previous, event));
  }

  #send(type: string, object: FakeObject): void {
    const body = this.options.table ? this.#table([object], object.metadata.resourceVersion) : object;
    this.#event(JSON.stringify({ type, object: body }));
  }

  #bookmark(annotations: Record<string, string> | undefined): void {
    const resourceVersion = String(this.store.resourceVersion);
    const { resource } = this.options.target;
    const metadata = { resourceVersion, ...(annotations === undefined ? {} : { annotations }) };
    const object = { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata } as unknown as FakeObject;
    if (this.#ended || this.#silent()) return;
    this.#write(
      JSON.stringify({
        type: 'BOOKMARK',
        object: this.options.table ? this.#table([object], resourceVersion) : object,
      }),
    );
  }

  #table(objects: readonly FakeObject[], resourceVersion: string | undefined): Record<string, unknown> {
    const definitions = !this.#definitionsSent;
    this.#definitionsSent = true;
    const include = this.options.query.get('includeObject') ?? undefined;
    const { withoutColumns, target } = this.options;
    return tableOf(target.resource.resource, objects, { resourceVersion }, { definitions, include, withoutColumns });
  }

  #event(line: string): void {
    if (this.#ended || this.#silent()) return;
    const { fault } = this.options;
    const due =
      (fault?.kind === 'cutJson' || fault?.kind === 'cutUtf8') && this.#eventsSent >= (fault.afterEvents ?? 0);
    if (due) {
      this.#cut(line, fault.kind === 'cutUtf8');
      return;
    }
    const disturbed =
      this.#eventsSent >= (fault !== undefined && 'afterEvents' in fault ? (fault.afterEvents ?? 0) : 0);
    if (disturbed && fault?.kind === 'reorder' && this.#late === undefined) {
      this.#late = line;
      return;
    }
    this.#write(line);
    if (disturbed && fault?.kind === 'repeat') this.#write(line);
    if (this.#late !== undefined) this.#write(this.#late);
    this.#eventsSent += this.#late === undefined ? 1 : 2;
    this.#late = undefined;
    this.#check();
  }

  #silent(): boolean {
    const { fault } = this.options;
    return fault?.kind === 'silence' && this.#eventsSent >= (fault.afterEvents ?? 0);
  }

  /** Faults that end a stream between events. */
  #check(): void {
    const { fault } = this.options;
    if (this.#ended || (fault?.kind !== 'errorEvent' && fault?.kind !== 'end')) return;
    if (this.#eventsSent < (fault.afterEvents ?? 0)) return;
    if (fault.kind === 'errorEvent') {
      const status = {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'scripted',
        reason: fault.reason,
        code: fault.code,
      };
      this.#write(JSON.stringify({ type: 'ERROR', object: status }));
    }
    this.end();
  }

  #cut(line: string, insideCharacter: boolean): void {
    const bytes = Buffer.from(`${line}\n`, 'utf8');
    const wide = bytes.findIndex((byte) => byte >= 0xc0);
    const at = insideCharacter && wide >= 0 ? wide + 1 : Math.floor(bytes.length / 2);
    this.#close();
    this.response.write(bytes.subarray(0, at), () => breakOff(this.response));
  }

  #write(line: string): void {
    const bytes = Buffer.from(`${line}\n`, 'utf8');
    const size = this.options.chunkBytes === 0 ? bytes.length : this.options.chunkBytes;
    for (let at = 0; at < bytes.length; at += size) this.response.write(bytes.subarray(at, at + size));
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#undo();
    this.onClose();
  }
}

function withVersion(object: FakeObject | undefined, event: StoredEvent): FakeObject {
  const copy = structuredClone(object ?? event.object);
  copy.metadata.resourceVersion = String(event.resourceVersion);
  return copy;
}

import type { KubernetesObject, TableRow, WatchedObject } from './kubernetes-object.js';

interface WireTable {
  readonly kind: 'Table';
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly columnDefinitions?: readonly { readonly name: string }[] | null;
  readonly rows?: readonly { readonly cells: readonly unknown[]; readonly object?: KubernetesObject }[] | null;
}

/** Thrown when a server's Table has not the columns that we read: the caller goes on in object form. */
export class ColumnsMissing extends Error {
  constructor(readonly missing: readonly string[]) {
    super(`the Table has no column ${missing.join(', ')}`);
  }
}

/**
 * Reads Tables. A watch sends the column definitions with its first event only, so they are kept for one stream:
 * `reset` before each.
 */
export class TableReader {
  readonly #required: readonly string[];
  #columns: readonly string[] | undefined;

  constructor(required: readonly string[]) {
    this.#required = required;
  }

  reset(): void {
    this.#columns = undefined;
  }

  /** Takes up the definitions, if there are any: of a watch that is quiet at first they come with a bookmark. */
  learn({ columnDefinitions }: WireTable): void {
    if (columnDefinitions === undefined || columnDefinitions === null || columnDefinitions.length === 0) return;
    this.#columns = columnDefinitions.map((column) => column.name);
  }

  /** @throws ColumnsMissing when a required column is absent, or rows come before any definition */
  read(table: WireTable): WatchedObject[] {
    this.learn(table);
    const rows = table.rows ?? [];
    if (rows.length === 0) return [];
    const columns = this.#columns ?? [];
    const missing = this.#required.filter((name) => !columns.includes(name));
    if (missing.length > 0) throw new ColumnsMissing(missing);
    return rows.flatMap((row) => {
      if (row.object === undefined) return [];
      const cells: Record<string, unknown> = {};
      columns.forEach((name, index) => (cells[name] = row.cells[index]));
      return [{ object: row.object, row: cells satisfies TableRow }];
    });
  }
}

/** True when a body or event object is a Table, which a server may decline to send. */
export function isTable(body: unknown): body is WireTable {
  return typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Table';
}

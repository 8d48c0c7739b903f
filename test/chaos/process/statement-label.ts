const WRITE =
  /(?<!FOR |KEY |DO )\b(INSERT INTO|UPDATE|DELETE FROM) (?:ONLY )?(\w+)(?: (?!SET\b)\w+)?(?: SET (\w+)(?: = '(\w+)')?)?/i;
const READ = /\bFROM (?!\()(?:LATERAL )?(\w+)/i;
const TABLE = /^(CREATE|ALTER|DROP) TABLE\b(?:.* (ATTACH PARTITION|DETACH PARTITION))?/i;
const CONTROL = /^(BEGIN|COMMIT|ROLLBACK|LISTEN|UNLISTEN|SET)\b/i;

/**
 * A short name of a statement that stays the same over runs and small changes: its verb, its first table and, of an
 * update, the first column that it sets.
 */
export function statementLabel(sql: string): string {
  const text = sql
    .replace(/\/\*.*?\*\/|--[^\n]*/gs, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const control = CONTROL.exec(text)?.[1];
  if (control !== undefined) return control.toUpperCase();
  const [, change, partition = ''] = TABLE.exec(text) ?? [];
  if (change !== undefined) return `${change} TABLE ${partition}`.trim().toUpperCase();
  const write = WRITE.exec(text);
  if (write !== null) {
    const [, verb = '', table = '', column, value] = write;
    const set = column === undefined ? '' : `.${column}${value === undefined ? '' : `=${value}`}`;
    return `${verb.toUpperCase()} ${table}${set}`;
  }
  const call = /^SELECT (\w+)\(/i.exec(text)?.[1];
  return `SELECT ${READ.exec(text)?.[1] ?? call ?? 'constant'}`;
}

/** Names the statements of one connection; a COMMIT is named by the writes that it makes last. */
export class ConnectionLabels {
  readonly #writes = new Set<string>();

  /** A statement that is prepared goes by its own name. */
  next(sql: string, name?: string): string {
    const label = name ?? statementLabel(sql);
    if (label === 'BEGIN') this.#writes.clear();
    else if (label === 'COMMIT') return `COMMIT of ${[...this.#writes].slice(0, 3).join(' + ') || 'reads'}`;
    else if (!label.startsWith('SELECT')) this.#writes.add(label);
    return label;
  }
}

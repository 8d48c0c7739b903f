import type { Grammar } from '@image-factory/domain';
import { isMap, isScalar, isSeq, type LineCounter, type Node, type Pair, type YAMLMap } from 'yaml';
import type { ConfigProblem } from './cluster-config.js';
import { closestWord } from './closest-word.js';
import { parseDurationMs } from './duration.js';

/** Collects what is wrong while a file is read, with the place of each. */
export class ConfigProblems {
  readonly #found: ConfigProblem[] = [];

  constructor(private readonly lines: LineCounter) {}

  add(node: Node | null | undefined, path: string, message: string): void {
    this.addAt(node?.range?.[0] ?? 0, path, message);
  }

  addAt(offset: number, path: string, message: string): void {
    const { line, col } = this.lines.linePos(offset);
    this.#found.push({ line: Math.max(1, line), column: Math.max(1, col), path, message });
  }

  lineOf(node: Node | null | undefined): number {
    return Math.max(1, this.lines.linePos(node?.range?.[0] ?? 0).line);
  }

  /** In the order of the file. */
  sorted(): ConfigProblem[] {
    return [...this.#found].sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

/** How a text is read. */
export interface TextRule {
  readonly required?: boolean;
  readonly grammar?: Grammar;
}

/**
 * A mapping of the file that is read key by key. What is missing or wrong becomes a problem at its line and reads as
 * undefined, so that one pass finds everything.
 */
export class ConfigMap {
  constructor(
    private readonly map: YAMLMap,
    readonly path: string,
    readonly problems: ConfigProblems,
  ) {}

  /** The mapping that a node is; undefined, with a problem, when it is something else. */
  static of(node: unknown, path: string, problems: ConfigProblems, fallback?: Node | null): ConfigMap | undefined {
    if (isMap(node)) return new ConfigMap(node, path, problems);
    problems.add((node as Node | null) ?? fallback, path, 'must be a mapping of keys and values');
    return undefined;
  }

  has(key: string): boolean {
    return this.#pair(key) !== undefined;
  }

  /** The node of a value, or of the whole mapping when there is none. */
  node(key?: string): Node {
    const pair = key === undefined ? undefined : this.#pair(key);
    return (pair?.value as Node | null | undefined) ?? (pair?.key as Node | undefined) ?? this.map;
  }

  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  problem(key: string, message: string): void {
    this.problems.add(this.node(key), this.at(key), message);
  }

  /** A problem for each key that is not known, with the known one that is meant, as far as that can be told. */
  refuseUnknown(known: readonly string[]): void {
    for (const pair of this.map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (known.includes(key)) continue;
      const meant = closestWord(key, known);
      const hint = meant === undefined ? `there are ${known.join(', ')}` : `did you mean ${meant}?`;
      this.problems.add(pair.key as Node, this.at(key), `is not a known key; ${hint}`);
    }
  }

  text(key: string, rule: TextRule = {}): string | undefined {
    const value = this.#scalar(key, rule.required === true);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') return this.#wrong(key, 'must be a text; put it in quotes');
    if (value.trim() === '') return this.#wrong(key, 'must not be empty');
    const problem = /\p{Cc}/u.test(value) ? 'must not have control characters' : rule.grammar?.(value);
    return problem === undefined ? value : this.#wrong(key, problem);
  }

  choice<const T extends string>(key: string, choices: readonly T[], required: boolean): T | undefined {
    const value = this.text(key, { required });
    if (value === undefined || (choices as readonly string[]).includes(value)) return value as T | undefined;
    const meant = closestWord(value, choices);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    return this.#wrong(key, `"${value}" is not one of ${choices.join(', ')}${hint}`);
  }

  boolean(key: string): boolean | undefined {
    const value = this.#scalar(key, false);
    if (value === undefined || typeof value === 'boolean') return value;
    return this.#wrong(key, 'must be true or false');
  }

  integer(key: string, minimum: number, maximum: number): number | undefined {
    const value = this.#scalar(key, false);
    if (value === undefined) return undefined;
    if (Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return value as number;
    return this.#wrong(key, `must be an integer from ${minimum} to ${maximum}`);
  }

  /** Milliseconds. */
  duration(key: string, minimumMs: number, maximumMs: number, range: string): number | undefined {
    const value = this.#scalar(key, false);
    if (value === undefined) return undefined;
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
    if (ms === undefined) return this.#wrong(key, 'must be a duration with its unit, as in 30s, 5m or 1h30m');
    return ms >= minimumMs && ms <= maximumMs ? ms : this.#wrong(key, `must be ${range}`);
  }

  submap(key: string): ConfigMap | undefined {
    const pair = this.#pair(key);
    return pair === undefined ? undefined : ConfigMap.of(pair.value, this.at(key), this.problems, pair.key as Node);
  }

  /** Texts of a list, each with the same grammar, none twice. */
  texts(key: string, grammar: Grammar, most: number): string[] {
    const items = this.list(key);
    if (items.length > most) this.problem(key, `must have at most ${most} items`);
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const value = isScalar(item) ? item.value : undefined;
      const problem =
        typeof value !== 'string'
          ? 'must be a text; put it in quotes'
          : value === ''
            ? 'must not be empty'
            : seen.has(value)
              ? 'is there twice'
              : grammar(value);
      if (problem !== undefined) this.problems.add(item, `${this.at(key)}[${index}]`, problem);
      if (typeof value === 'string') seen.add(value);
    }
    return [...seen];
  }

  /** The nodes of a list; none, with a problem, when it is something else. */
  list(key: string): Node[] {
    const pair = this.#pair(key);
    if (pair === undefined) return [];
    if (isSeq(pair.value)) return pair.value.items as Node[];
    this.problem(key, 'must be a list');
    return [];
  }

  /** Names and texts, each with its grammar. */
  textMap(key: string, nameGrammar: Grammar, valueGrammar: Grammar, most: number): Record<string, string> {
    const inner = this.submap(key);
    if (inner === undefined) return {};
    if (inner.map.items.length > most) this.problem(key, `must have at most ${most} entries`);
    const values: Record<string, string> = {};
    for (const pair of inner.map.items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : '';
      const wrongName = nameGrammar(name);
      if (wrongName !== undefined) this.problems.add(pair.key as Node, inner.at(name), `its name ${wrongName}`);
      const value = isScalar(pair.value) ? pair.value.value : undefined;
      const problem = typeof value === 'string' ? valueGrammar(value) : 'must be a text; put it in quotes';
      if (problem !== undefined) this.problems.add((pair.value ?? pair.key) as Node, inner.at(name), problem);
      else if (typeof value === 'string') values[name] = value;
    }
    return values;
  }

  #pair(key: string): Pair | undefined {
    return this.map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
  }

  #scalar(key: string, required: boolean): unknown {
    const pair = this.#pair(key);
    if (pair === undefined) return required ? this.#wrong(key, 'is missing') : undefined;
    if (pair.value !== null && !isScalar(pair.value)) return this.#wrong(key, 'must be a single value');
    const value = isScalar(pair.value) ? pair.value.value : null;
    return value === null ? this.#wrong(key, 'has no value') : value;
  }

  #wrong(key: string, message: string): undefined {
    this.problem(key, message);
    return undefined;
  }
}

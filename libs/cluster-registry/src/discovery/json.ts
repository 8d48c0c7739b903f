/** A JSON object of an answer. */
export type Json = Readonly<Record<string, unknown>>;

/** A text of an answer; undefined when it is none. */
export function textAt(object: unknown, ...path: readonly string[]): string | undefined {
  const value = valueAt(object, ...path);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A value of an answer; undefined when something on the way is not there. */
export function valueAt(object: unknown, ...path: readonly string[]): unknown {
  let current = object;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Json)[key];
  }
  return current;
}

/** The objects of a list of an answer. */
export function listAt(object: unknown, key: string): Json[] {
  const value = valueAt(object, key);
  return Array.isArray(value)
    ? value.filter((item): item is Json => typeof item === 'object' && item !== null && !Array.isArray(item))
    : [];
}

/** Names and texts of an answer: tags, labels. */
export function textsAt(object: unknown, key: string): Record<string, string> {
  const value = valueAt(object, key);
  if (typeof value !== 'object' || value === null) return {};
  const pairs = Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return Object.fromEntries(pairs.slice(0, 100));
}

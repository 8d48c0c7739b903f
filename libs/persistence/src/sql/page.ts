/** One page of a keyset list, newest first. */
export interface PageRequest {
  /** At most this many items. */
  readonly limit: number;
  /** Sort key of the last item of the page before: only smaller ones follow. */
  readonly after?: string;
}

/** Items and, when there are more, the key to go on after. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextAfter: string | undefined;
}

/** Cuts a page out of `limit + 1` rows: the extra row only says that there are more. */
export function toPage<R, T>(
  rows: readonly R[],
  limit: number,
  map: (row: R) => T,
  keyOf: (row: R) => string,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(map),
    nextAfter: rows.length > limit && last !== undefined ? keyOf(last) : undefined,
  };
}

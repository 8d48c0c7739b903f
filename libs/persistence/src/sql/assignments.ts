/** Which column holds which property; the only names that may reach an UPDATE's SET list. */
export type ColumnMap<T> = Readonly<Partial<Record<keyof T & string, string>>>;

/** `column = $n` for every property of `patch` that is not undefined, with its parameters from `$firstIndex` on. */
export function assignments<T extends object>(
  columns: ColumnMap<T>,
  patch: Partial<T>,
  firstIndex: number,
): { readonly sql: string; readonly parameters: readonly unknown[] } {
  const parts: string[] = [];
  const parameters: unknown[] = [];
  for (const [property, column] of Object.entries(columns) as [keyof T & string, string][]) {
    const value = patch[property];
    if (value === undefined) continue;
    parts.push(`${column} = $${firstIndex + parameters.length}`);
    parameters.push(value);
  }
  return { sql: parts.join(', '), parameters };
}

/** `value`, or undefined when the database said NULL. */
export function orUndefined<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}

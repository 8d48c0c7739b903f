/** The whole edge list of one status: for each state the states that may follow. */
export type TransitionTable<S extends string> = Readonly<Record<S, readonly S[]>>;

/** True when the table has the edge `from` → `to`. */
export function canTransition<S extends string>(table: TransitionTable<S>, from: S, to: S): boolean {
  return table[from].includes(to);
}

/** States from which `to` can be reached in one step: what the SQL guard `status = ANY(...)` uses. */
export function sourcesOf<S extends string>(table: TransitionTable<S>, to: S): S[] {
  return (Object.keys(table) as S[]).filter((from) => table[from].includes(to));
}

/** States without an outgoing edge. */
export function terminalStates<S extends string>(table: TransitionTable<S>): S[] {
  return (Object.keys(table) as S[]).filter((state) => table[state].length === 0);
}

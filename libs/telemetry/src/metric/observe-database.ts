import type { Metrics } from './metrics.js';

/** What is counted of a connection to the database. */
export interface ObservedDatabase {
  connections(): { readonly used: number; readonly idle: number; readonly waiting: number } | undefined;
  onError(listener: (reason: string) => void): void;
}

/** Counts the database's errors by reason, and shows its connections and the callers that wait for one. */
export function observeDatabase(metrics: Metrics, database: ObservedDatabase): void {
  database.onError((reason) => metrics.count('databaseErrors', 1, { reason }));
  metrics.observeMany('databaseConnections', () =>
    Object.entries(database.connections() ?? {}).map(([state, value]: [string, number]) => ({
      value,
      attributes: { state },
    })),
  );
}

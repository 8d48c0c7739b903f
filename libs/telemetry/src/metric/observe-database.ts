import type { Metrics } from './metrics.js';

/** A batch of one name, of which there are a few, or a part of one that had to be divided. */
export interface ObservedBatch {
  readonly name: string;
  readonly items: number;
  readonly seconds: number;
  readonly isPart: boolean;
}

/** What is counted of a connection to the database. */
export interface ObservedDatabase {
  connections(): { readonly used: number; readonly idle: number; readonly waiting: number } | undefined;
  onError(listener: (reason: string) => void): void;
  readonly batches: {
    onEnd(listener: (batch: ObservedBatch) => void): void;
    waiting(): ReadonlyMap<string, number>;
  };
}

/**
 * Counts the database's errors by reason, shows its connections and the callers that wait for one, and measures what is
 * gathered into batches.
 */
export function observeDatabase(metrics: Metrics, database: ObservedDatabase): void {
  database.onError((reason) => metrics.count('databaseErrors', 1, { reason }));
  metrics.observeMany('databaseConnections', () =>
    Object.entries(database.connections() ?? {}).map(([state, value]: [string, number]) => ({
      value,
      attributes: { state },
    })),
  );
  database.batches.onEnd(({ name: batch, items, seconds, isPart }) => {
    metrics.recordSeconds('batchDuration', seconds, { batch });
    if (isPart) metrics.count('batchParts', 1, { batch });
    else metrics.count('batchItems', items, { batch });
  });
  metrics.observeMany('batchWaiting', () =>
    [...database.batches.waiting()].map(([batch, value]) => ({ value, attributes: { batch } })),
  );
}

/** What one process gives to event streams. Each open one of a timeline asks the database every two seconds. */
export interface StreamLimits {
  /** Milliseconds between comments that keep proxies from closing a stream on which nothing happens. */
  readonly keepAliveMs: number;
  /** Milliseconds after which a stream is closed without an `end`: the client comes back with its last id. */
  readonly maxMs: number;
  /** Milliseconds within which the streams of a key that is revoked or expires are closed. */
  readonly keyCheckMs: number;
  /** Open at once for one key. */
  readonly maxPerKey: number;
  /** Open at once for one tenant, whichever of its keys opened them. */
  readonly maxPerTenant: number;
  /** Open at once in all. */
  readonly maxOpen: number;
  /** Bytes of memory for the newest records of one log that is followed… */
  readonly oneTailBytes: number;
  /** …and of all of them together. */
  readonly tailBytes: number;
}

export const STREAM_LIMITS: StreamLimits = {
  keepAliveMs: 15_000,
  maxMs: 15 * 60_000,
  keyCheckMs: 10_000,
  maxPerKey: 100,
  maxPerTenant: 500,
  maxOpen: 1_000,
  oneTailBytes: 1024 * 1024,
  tailBytes: 64 * 1024 * 1024,
};

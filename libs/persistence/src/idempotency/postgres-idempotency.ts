import type { Database } from '../database/database.js';
import type { Transaction } from '../database/transaction.js';

/** How long an answer is kept. */
export const IDEMPOTENCY_HOURS = 24;

/** Stands for "no tenant": platform routes. */
export const NO_TENANT = '00000000-0000-0000-0000-000000000000';

/** Identity of a request that carries `Idempotency-Key`. */
export interface IdempotentRequest {
  /** Id of the caller's API key. */
  readonly caller: string;
  readonly tenantId: string | undefined;
  readonly key: string;
  /** Keyed marks of route and body, which may hold a credential: the first is stored, any of them is the same. */
  readonly requestMarks: readonly [Buffer, ...Buffer[]];
}

/** An answer that is given again word for word. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export type Reservation =
  { readonly kind: 'first' } | { readonly kind: 'again'; readonly answer: StoredAnswer } | { readonly kind: 'reused' };

interface KeyRow {
  request_hash: Buffer;
  status: number | null;
  headers: Record<string, string> | null;
  response: unknown;
}

/**
 * Idempotency keys live in the transaction of the write that they guard. Two requests with one key meet at the unique
 * index: the second waits there until the first has committed (and then finds its answer) or rolled back (and then is
 * the first). So there is no half-done state, and a crash leaves neither a key nor an object.
 */
export class PostgresIdempotency {
  constructor(private readonly database: Database) {}

  /** What is stored under this key, without waiting for a request that is under way. */
  async find(request: IdempotentRequest): Promise<Reservation> {
    const [row] = await this.database.query<KeyRow>(
      `SELECT request_hash, status, headers, response FROM idempotency_keys
        WHERE caller = $1 AND tenant_id = $2 AND key = $3 AND created_at > now() - make_interval(hours => $4)`,
      [request.caller, request.tenantId ?? NO_TENANT, request.key, IDEMPOTENCY_HOURS],
    );
    return read(row, request);
  }

  /** Takes the key, or tells what its first use was. Locks the key's row until the transaction ends. */
  async reserve(tx: Transaction, request: IdempotentRequest): Promise<Reservation> {
    const identity = [request.caller, request.tenantId ?? NO_TENANT, request.key];
    const taken = await tx.query(
      `INSERT INTO idempotency_keys (caller, tenant_id, key, request_hash) VALUES ($1, $2, $3, $4)
       ON CONFLICT (caller, tenant_id, key) DO UPDATE
         SET request_hash = excluded.request_hash, status = NULL, headers = NULL, response = NULL, created_at = now()
         WHERE idempotency_keys.created_at <= now() - make_interval(hours => $5)
       RETURNING 1 AS taken`,
      [...identity, request.requestMarks[0], IDEMPOTENCY_HOURS],
    );
    if (taken.length > 0) return { kind: 'first' };
    const [row] = await tx.query<KeyRow>(
      `SELECT request_hash, status, headers, response FROM idempotency_keys
        WHERE caller = $1 AND tenant_id = $2 AND key = $3`,
      identity,
    );
    return read(row, request);
  }

  async store(tx: Transaction, request: IdempotentRequest, answer: StoredAnswer): Promise<void> {
    await tx.query(
      `UPDATE idempotency_keys SET status = $4, headers = $5, response = $6
        WHERE caller = $1 AND tenant_id = $2 AND key = $3`,
      [
        request.caller,
        request.tenantId ?? NO_TENANT,
        request.key,
        answer.status,
        JSON.stringify(answer.headers),
        JSON.stringify(answer.body),
      ],
    );
  }

  /** Removes keys that are past their time; index `idempotency_keys_age`. Returns how many. */
  async deleteExpired(limit: number): Promise<number> {
    const rows = await this.database.query(
      `DELETE FROM idempotency_keys WHERE (caller, tenant_id, key) IN (
         SELECT caller, tenant_id, key FROM idempotency_keys
          WHERE created_at < now() - make_interval(hours => $2) ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING 1 AS deleted`,
      [limit, IDEMPOTENCY_HOURS],
    );
    return rows.length;
  }
}

function read(row: KeyRow | undefined, request: IdempotentRequest): Reservation {
  if (row === undefined || row.status === null) return { kind: 'first' };
  if (!request.requestMarks.some((mark) => row.request_hash.equals(mark))) return { kind: 'reused' };
  return { kind: 'again', answer: { status: row.status, headers: row.headers ?? {}, body: row.response } };
}

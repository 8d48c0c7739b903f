import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '@image-factory/domain';
import {
  Database,
  type IdempotentRequest,
  PostgresIdempotency,
  type Reservation,
  SecretCipher,
  type StoredAnswer,
  type Transaction,
} from '@image-factory/persistence';
import type { RequestScope } from '../request-scope.js';

/** What a creating use case does once everything is checked: writes, and says what is answered. */
export interface CreatedAnswer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: T;
  /** What a repeated request gets instead of `body`, when the two differ (a key is shown once). */
  readonly bodyAgain?: unknown;
}

const KEY = /^[\x21-\x7e]{1,200}$/;

/**
 * Runs a creating write at most once per `Idempotency-Key`. `prepare` checks without a transaction (it may ask DNS);
 * the function that it returns writes inside the transaction that also holds the key (see PostgresIdempotency).
 */
@Injectable()
export class IdempotentWrites {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(PostgresIdempotency) private readonly keys: PostgresIdempotency,
    @Inject(SecretCipher) private readonly cipher: SecretCipher,
  ) {}

  async run<T>(
    scope: RequestScope & { readonly tenantId?: string },
    prepare: () => Promise<(tx: Transaction) => Promise<CreatedAnswer<T>>>,
  ): Promise<CreatedAnswer<T>> {
    const request = toIdempotentRequest(scope, this.cipher);
    if (request === undefined) {
      const write = await prepare();
      return this.database.transaction(write);
    }
    const stored = answerOf<T>(await this.keys.find(request));
    if (stored !== undefined) return stored;
    const write = await prepare();
    const answer = await this.database.transaction(async (tx) => {
      const first = answerOf<T>(await this.keys.reserve(tx, request));
      if (first !== undefined) return first;
      const created = await write(tx);
      await this.keys.store(tx, request, {
        status: created.status,
        headers: created.headers,
        body: created.bodyAgain ?? created.body,
      });
      return created;
    });
    await this.keys.deleteExpired(100);
    return answer;
  }
}

function toIdempotentRequest(
  scope: RequestScope & { readonly tenantId?: string },
  cipher: SecretCipher,
): IdempotentRequest | undefined {
  const key = scope.idempotencyKey;
  if (key === undefined) return undefined;
  if (!KEY.test(key)) {
    throw new DomainError({
      kind: 'InvalidInput',
      reason: 'ValidationFailed',
      message: 'Idempotency-Key must be 1 to 200 visible ASCII characters',
      issues: [{ path: 'Idempotency-Key', message: 'must be 1 to 200 visible ASCII characters' }],
    });
  }
  const requestMarks = cipher.marks(`${scope.route}\n${canonicalJson(scope.body)}`, 'idempotency');
  return { caller: scope.caller.keyId, tenantId: scope.tenantId, key, requestMarks };
}

function answerOf<T>(reservation: Reservation): CreatedAnswer<T> | undefined {
  if (reservation.kind === 'first') return undefined;
  if (reservation.kind === 'again') return reservation.answer as StoredAnswer & { body: T };
  throw new DomainError({
    kind: 'InvalidInput',
    reason: 'IdempotencyKeyReused',
    message: 'this Idempotency-Key was used for another request in the last 24 hours; use a new one',
  });
}

/** JSON with sorted keys: equal for bodies that mean the same. */
function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, item: unknown) =>
      typeof item === 'object' && item !== null && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
        : item,
    ) ?? ''
  );
}

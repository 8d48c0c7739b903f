import { invalidInput } from '@image-factory/domain';
import type { PageRequest } from '@image-factory/persistence';
import { boundedText, QueryIntegerField, TextField } from '../validation/fields.js';

/** Query of every list. */
export class ListRequest {
  @QueryIntegerField(1, 100, { description: 'How many items; 20 when absent', example: 20 })
  readonly limit?: number;

  @TextField(boundedText(1, 200), { optional: true, description: '`next_cursor` of the page before' })
  readonly cursor?: string;
}

/** What a list answers. */
export interface ListResponse<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

const DEFAULT_LIMIT = 20;

/** Turns a query into a page. `isKey` says which sort keys the list has: a cursor of another list is refused. */
export function toPageRequest(query: ListRequest, isKey: (key: string) => boolean): PageRequest {
  const limit = query.limit ?? DEFAULT_LIMIT;
  if (query.cursor === undefined) return { limit };
  const after = Buffer.from(query.cursor, 'base64url').toString('utf8');
  if (!isKey(after) || toCursor(after) !== query.cursor) {
    throw invalidInput('ValidationFailed', 'the cursor is not one of this list; begin again without it', [
      { path: 'cursor', message: 'must be next_cursor of the page before' },
    ]);
  }
  return { limit, after };
}

function toCursor(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}

/** The body of a list. */
export function toListResponse<T, R>(
  page: { readonly items: readonly T[]; readonly nextAfter: string | undefined },
  map: (item: T) => R,
): ListResponse<R> {
  return { items: page.items.map(map), next_cursor: page.nextAfter === undefined ? null : toCursor(page.nextAfter) };
}

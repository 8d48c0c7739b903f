import type { OwnedExecution } from '@image-factory/persistence';
import type { ExecutionScope } from './execution-scope.js';

/** `later`: the registry cannot be asked just now. */
export type SoughtImage =
  { readonly kind: 'found'; readonly digest: string } | { readonly kind: 'absent' } | { readonly kind: 'later' };

/**
 * Looks for the image under the attempt's own tag before anything is judged without its run (rules 5 and 15). A
 * registry that cannot be asked is waited for, but not for ever: past the publish limit the image counts as absent,
 * which costs a repetition and never a tag, because no attempt pushes the user's tags.
 */
export async function seekAttemptImage(
  scope: ExecutionScope,
  row: OwnedExecution,
  waitMs: number = scope.limits.publishLimitMs,
): Promise<SoughtImage> {
  const { memory } = scope;
  const image = await scope.publisher.findAttemptImage(row);
  if (image.kind !== 'unknown') {
    memory.imageUnknownSinceMs = undefined;
    return image;
  }
  memory.imageUnknownSinceMs ??= scope.monotonicMs();
  if (scope.monotonicMs() - memory.imageUnknownSinceMs < waitMs) return { kind: 'later' };
  scope.logger.warn('the registry could not be asked for the attempt’s image; it is taken for absent', {
    execution: row.executionId,
    answer: image.message,
  });
  return { kind: 'absent' };
}

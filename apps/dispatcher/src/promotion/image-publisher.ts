import type { MayWrite } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';

/** `absent` is certain; `unknown` means that the registry could not be asked. */
export type AttemptImage =
  | { readonly kind: 'found'; readonly digest: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly message: string };

/** The registry as promotion needs it. Implemented on the OCI distribution API and in memory. */
export abstract class ImagePublisher {
  /** Looks for the image under the attempt's own tag; `absent` for a method that makes no image. */
  abstract findAttemptImage(row: OwnedExecution): Promise<AttemptImage>;

  /**
   * Puts the manifest `digest` under each tag, in order. `mayPut` is asked before each.
   * @returns false when `mayPut` ended it before all tags were put
   * @throws DomainError; retryable when trying again may help
   */
  abstract putTags(row: OwnedExecution, digest: string, tags: readonly string[], mayPut: MayWrite): Promise<boolean>;

  /** Digest that a tag names now; undefined when there is no such tag. @throws DomainError */
  abstract digestOf(row: OwnedExecution, tag: string): Promise<string | undefined>;
}

import type { Reason } from '@image-factory/domain';

/** What became of one claimed execution. All of these are expected; anything else is thrown. */
export type PlacementOutcome =
  /** Committed: the owner of its shard creates it. */
  | { readonly kind: 'Dispatched'; readonly providerId: string; readonly shard: number }
  /** Parked until a provider changes, or a while has passed. */
  | {
      readonly kind: 'NoEligibleProvider';
      readonly message: string;
      /** A breaker of this dispatcher keeps it away; another dispatcher may place it. */
      readonly heldBack: boolean;
    }
  /** Parked for a while: its provider could not be prepared. */
  | {
      readonly kind: 'ProviderNotReady';
      readonly providerId: string;
      readonly reason: Reason;
      readonly message: string;
    }
  /** Parked until the hold on its registry is over. */
  | { readonly kind: 'RegistryHeld'; readonly message: string }
  /** The build failed: what it asks for cannot be rendered, or is not allowed to its tenant. */
  | { readonly kind: 'BuildRefused'; readonly reason: Reason; readonly message: string }
  /** Cancelled meanwhile, or another owner: nothing is left to do. */
  | { readonly kind: 'ClaimLost' };

export interface ClaimedBuild {
  readonly buildId: string;
  readonly placement: Promise<PlacementOutcome>;
}

/** What one tick of the dispatch did. */
export type TickOutcome =
  | {
      readonly kind: 'Claimed';
      /** The claim was filled: there may be more. */
      readonly full: boolean;
      /** Each placement settles when its build is placed or put back; placing goes on beside the next tick. */
      readonly builds: readonly ClaimedBuild[];
    }
  | { readonly kind: 'QueueEmpty' }
  /** Queued builds wait only because their tenants are at their limits. */
  | { readonly kind: 'LimitReached'; readonly skippedForLimit: number }
  /** This dispatcher has no free slot, or as much as it may is being placed. */
  | { readonly kind: 'SlotsFull' }
  /** What was claimed last could be placed by others only: they get the first turn for a while. */
  | { readonly kind: 'Resting' }
  /** An admin has paused dispatching. */
  | { readonly kind: 'Paused' }
  /** Not registered, fenced, stopping, or the database is not trusted yet. */
  | { readonly kind: 'NotAllowed' };

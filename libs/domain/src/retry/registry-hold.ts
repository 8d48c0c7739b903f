import type { Reason } from '../errors/reasons.js';

/**
 * Reasons of the class `registry` that say nothing of the registry that a build pushes to: only its Dockerfile or
 * its repository's URL names the host. They hold nobody up and keep no provider from a registry; tenants could otherwise bring both on others by naming
 * a host that is not there.
 */
export const REASONS_OF_OTHER_HOSTS: readonly Reason[] = ['BaseImageUnavailable', 'GitUnavailable'];

/** When builds for one registry wait together, because many of them met its 5xx or 429 at once. */
export interface RegistryHoldPolicy {
  /** So many different builds... */
  readonly builds: number;
  /** ...within so many milliseconds make a hold. */
  readonly windowMs: number;
  /** The first hold, and the longest: each one that follows soon is twice as long. */
  readonly holdMs: { readonly baseMs: number; readonly capMs: number };
}

export const REGISTRY_HOLD_DEFAULTS: RegistryHoldPolicy = {
  builds: 5,
  windowMs: 2 * 60_000,
  holdMs: { baseMs: 60_000, capMs: 10 * 60_000 },
};

/** The next hold's length in milliseconds; `level` counts the holds before it that followed each other closely. */
export function registryHoldMs(policy: RegistryHoldPolicy, level: number): number {
  return Math.min(policy.holdMs.capMs, policy.holdMs.baseMs * 2 ** Math.min(level, 20));
}

/** `host[:port]` of `registry/repository`. */
export function registryOf(imageRepository: string): string {
  return imageRepository.split('/', 1)[0] ?? imageRepository;
}

import type { Clock } from '@image-factory/domain';
import { backOffMs } from '../loop/back-off.js';

export interface ProviderGateOptions {
  /** Preparations of one provider at once while it answers. */
  readonly limit: number;
  /** A preparation that takes longer than this closes the gate to others until it answers. */
  readonly slowAfterMs: number;
}

export const PROVIDER_GATE_DEFAULTS: ProviderGateOptions = { limit: 32, slowAfterMs: 3_000 };

const REOPEN = { baseMs: 1_000, capMs: 60_000 };

interface Gate {
  readonly startedMs: Set<{ atMs: number }>;
  failures: number;
  closedUntilMs: number;
}

/** A pass through a gate; give the verdict exactly once. */
export interface GatePass {
  succeeded(): void;
  failed(): void;
}

/**
 * Keeps a sick provider from holding up builds for others: per provider, how many preparations may be under way.
 *
 * Modes of a gate: open → closed (a failure, or a preparation that hangs: nobody enters, so callers park their build at
 * once instead of waiting) → half open (the back-off is over: one may try) → open by its success, or closed for longer.
 */
export class ProviderGates {
  readonly #gates = new Map<string, Gate>();

  constructor(
    private readonly clock: Clock,
    private readonly options: ProviderGateOptions = PROVIDER_GATE_DEFAULTS,
  ) {}

  /** @returns a pass, or how long to stay away, in milliseconds */
  enter(providerId: string): GatePass | { readonly retryAfterMs: number } {
    const gate = this.#gate(providerId);
    const now = this.clock.monotonicMs();
    if (now < gate.closedUntilMs) return { retryAfterMs: Math.ceil(gate.closedUntilMs - now) };
    const hangs = [...gate.startedMs].some(({ atMs }) => now - atMs > this.options.slowAfterMs);
    const limit = gate.failures > 0 ? 1 : this.options.limit;
    if (hangs || gate.startedMs.size >= limit) return { retryAfterMs: backOffMs(0, REOPEN) };
    const entry = { atMs: now };
    gate.startedMs.add(entry);
    return {
      succeeded: () => {
        gate.startedMs.delete(entry);
        gate.failures = 0;
        gate.closedUntilMs = 0;
      },
      failed: () => {
        gate.startedMs.delete(entry);
        gate.closedUntilMs = this.clock.monotonicMs() + backOffMs(gate.failures, REOPEN);
        gate.failures += 1;
      },
    };
  }

  #gate(providerId: string): Gate {
    let gate = this.#gates.get(providerId);
    if (gate === undefined) {
      gate = { startedMs: new Set(), failures: 0, closedUntilMs: 0 };
      this.#gates.set(providerId, gate);
    }
    return gate;
  }
}

export function isPass(answer: GatePass | { readonly retryAfterMs: number }): answer is GatePass {
  return 'succeeded' in answer;
}

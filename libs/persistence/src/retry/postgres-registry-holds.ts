import { registryHoldMs, type RegistryHoldPolicy } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { COUNT_TROUBLES, FIND_HOLDS, HOLD_REGISTRY, LOCK_REGISTRY, MAKE_REGISTRY, NOTE_TROUBLE } from './statements.js';

/** A registry that no build is sent to before `heldUntil`. */
export interface RegistryHold {
  /** `host[:port]`. */
  readonly registry: string;
  readonly heldUntil: Date;
  readonly message: string;
}

interface LockedRow {
  readonly level: number;
  readonly held_until: Date | null;
  readonly held: boolean;
  readonly recent: boolean;
}

/**
 * Holds on registries, shared by all dispatchers. When enough different builds met a registry's trouble within the
 * window, one row holds it for a bounded time; a hold that follows the last one soon is twice as long. Nobody has to end
 * a hold: it is over when its time is.
 */
export class PostgresRegistryHolds {
  constructor(private readonly database: Database) {}

  /** A build met trouble at a registry. @returns until when it is held, if it is */
  async noteTrouble(registry: string, buildId: string, policy: RegistryHoldPolicy): Promise<Date | undefined> {
    return this.database.transaction(async (tx) => {
      await tx.query(MAKE_REGISTRY, [registry]);
      const [row] = await tx.query<LockedRow>(LOCK_REGISTRY, [registry, policy.windowMs + policy.holdMs.capMs]);
      if (row === undefined || row.held) return row?.held_until ?? undefined;
      await tx.query(NOTE_TROUBLE, [registry, buildId, policy.windowMs]);
      const [counted] = await tx.query<{ builds: number }>(COUNT_TROUBLES, [registry, policy.windowMs]);
      const builds = counted?.builds ?? 0;
      if (builds < policy.builds) return undefined;
      const level = row.recent ? row.level + 1 : 0;
      const message = `${builds} builds met 5xx, 429 or no answer from ${registry} at once`;
      const [held] = await tx.query<{ held_until: Date }>(HOLD_REGISTRY, [
        registry,
        level,
        builds,
        registryHoldMs(policy, level),
        message,
      ]);
      return held?.held_until;
    });
  }

  /** Every registry that is held now. */
  async list(): Promise<RegistryHold[]> {
    const rows = await this.database.query<{ registry: string; held_until: Date; message: string | null }>(FIND_HOLDS);
    return rows.map((row) => ({ registry: row.registry, heldUntil: row.held_until, message: row.message ?? '' }));
  }
}

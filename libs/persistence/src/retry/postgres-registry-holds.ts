import { registryHoldMs, type RegistryHoldPolicy } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { COUNT_TROUBLES, FIND_HOLDS, HOLD_REGISTRY, LOCK_REGISTRY, MAKE_REGISTRY, NOTE_TROUBLE } from './statements.js';

/** A registry that no build is sent to before `heldUntil`. */
export interface RegistryHold {
  /** `host[:port]`. */
  readonly registry: string;
  readonly heldUntil: Date;
  readonly message: string;
  /** Only this tenant's builds are held; undefined: everybody's. */
  readonly tenantId: string | undefined;
}

interface LockedRow {
  readonly level: number;
  readonly held_until: Date | null;
  readonly held: boolean;
  /** It is held, though perhaps not for this build's tenant. */
  readonly held_for_some: boolean;
  readonly recent: boolean;
}

interface HoldRow {
  readonly registry: string;
  readonly held_until: Date;
  readonly message: string | null;
  readonly tenant_id: string | null;
}

/**
 * Holds on registries, shared by all dispatchers. When enough different builds met a registry's trouble within the
 * window, one row holds it for a bounded time; a hold that follows the last one soon is twice as long. Nobody has to end
 * a hold: it is over when its time is.
 *
 * Trouble that only one tenant meets may be its own, a quota of its account or a mirror that it named: then only its
 * builds are held. As soon as another one meets it too the hold is for all.
 */
export class PostgresRegistryHolds {
  constructor(private readonly database: Database) {}

  /** A build met trouble at a registry. @returns until when it is held, if it is */
  async noteTrouble(registry: string, buildId: string, policy: RegistryHoldPolicy): Promise<Date | undefined> {
    return this.database.transaction(async (tx) => {
      await tx.query(MAKE_REGISTRY, [registry]);
      const [row] = await tx.query<LockedRow>(LOCK_REGISTRY, [
        registry,
        policy.windowMs + policy.holdMs.capMs,
        buildId,
      ]);
      if (row === undefined || row.held) return row?.held_until ?? undefined;
      await tx.query(NOTE_TROUBLE, [registry, buildId, policy.windowMs]);
      const [counted] = await tx.query<{ builds: number; tenant_id: string | null }>(COUNT_TROUBLES, [
        registry,
        policy.windowMs,
      ]);
      const builds = counted?.builds ?? 0;
      if (builds < policy.builds) return undefined;
      const level = row.held_for_some ? row.level : row.recent ? row.level + 1 : 0;
      const tenantId = row.held_for_some ? null : (counted?.tenant_id ?? null);
      const message = `builds met 5xx, 429 or no answer from ${registry} at once`;
      const [held] = await tx.query<{ held_until: Date }>(HOLD_REGISTRY, [
        registry,
        level,
        builds,
        registryHoldMs(policy, level),
        message,
        tenantId,
      ]);
      return held?.held_until;
    });
  }

  /** Every registry that is held now. */
  async list(): Promise<RegistryHold[]> {
    const rows = await this.database.query<HoldRow>(FIND_HOLDS);
    return rows.map((row) => ({
      registry: row.registry,
      heldUntil: row.held_until,
      message: row.message ?? '',
      tenantId: row.tenant_id ?? undefined,
    }));
  }
}

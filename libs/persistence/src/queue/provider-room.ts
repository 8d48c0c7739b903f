import type { Provider, ProviderUsability } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { verdictOf } from '../provider/provider-row.js';

/** Of a provider what decides whether it may take another build. */
export interface ProviderRoom extends Pick<
  Provider,
  'id' | 'state' | 'generation' | 'maxConcurrentBuilds' | 'running' | 'sweepBehind'
> {
  readonly health: ProviderUsability;
}

interface Row {
  readonly id: string;
  readonly state: Provider['state'];
  readonly generation: number;
  readonly max_concurrent_builds: number;
  readonly running: number;
  readonly sweep_behind: boolean;
  /** As probes left it: a stale watch is not in it. */
  readonly health: ProviderUsability['verdict'];
  readonly tekton_answers: boolean;
  readonly watch_fresh: boolean;
}

/** SQL: every tenant may use the provider, alias `p`, without a grant; `isShared` is the same in code. */
const IS_SHARED = `(p.provider_type <> 'local' AND (p.is_global OR p.is_default OR p.source = 'environment'))`;

const hasGrant = (providerId: string, tenantId: string): string => `EXISTS (
              SELECT 1 FROM provider_permissions g
               WHERE g.provider_id = ${providerId} AND g.tenant_id = ${tenantId} AND (g.expires_at IS NULL OR g.expires_at > now()))`;

/** SQL: the tenant may use the provider, alias `p`. */
export const mayBeUsedBy = (tenantId: string): string => `(${IS_SHARED} OR ${hasGrant('p.id', tenantId)})`;

/** SQL: the provider `p` takes builds, were it idle; of the placement's filters those that are asked of every build. */
const TAKES_BUILDS = `p.state = 'enabled' AND p.watch_fresh AND (p.health = 'healthy' OR (p.health = 'degraded' AND p.tekton_answers))
     AND (p.settings -> 'tekton_enabled') IS DISTINCT FROM 'false'::jsonb`;

/**
 * CTEs of what may be claimed under the limits of providers. `usable`: those that take builds, with what each has free
 * (null: no limit). `room`: what they have free together, less what was claimed just now and is not placed yet (what hangs
 * longer, on a provider or with a dispatcher that died, takes no room from the others); null without a limit
 * or without any of them, so that builds which nobody can take are claimed, and parked with what each provider says.
 * `granted`: tenants with providers of their own. Scans the providers; under a limit build_executions_placing, and while
 * one is full the grants of those that are not shared. Locks nothing: the placement counts under lock.
 */
export const PROVIDER_ROOM = `
  usable AS MATERIALIZED (
    SELECT p.id, ${IS_SHARED} AS shared, nullif(p.max_concurrent_builds, 0) AS slots,
           CASE WHEN p.sweep_behind THEN 0
                WHEN p.max_concurrent_builds > 0 THEN greatest(0, p.max_concurrent_builds - p.running) END AS free
      FROM providers p
     WHERE ${TAKES_BUILDS}
  ), room AS MATERIALIZED (
    SELECT CASE WHEN count(*) > 0 AND count(*) = count(free) THEN greatest(0, sum(free) - (
             SELECT count(*) FROM build_executions
              WHERE provider_id IS NULL AND finished_at IS NULL AND claimed_at > clock_timestamp() - interval '3 seconds'))::integer END AS free,
           coalesce(bool_or(shared), false) AS shared,
           coalesce(bool_or(shared AND free IS DISTINCT FROM 0) OR bool_and(free IS DISTINCT FROM 0), true) AS open_to_all
      FROM usable
  ), granted AS MATERIALIZED (
    SELECT g.tenant_id, bool_or(u.free IS DISTINCT FROM 0) AS open
      FROM usable u JOIN provider_permissions g ON g.provider_id = u.id
     WHERE NOT u.shared AND (g.expires_at IS NULL OR g.expires_at > now())
     GROUP BY g.tenant_id
  )`;

/** SQL behind {@link PROVIDER_ROOM}: a provider of the tenant has something free, or it has none that takes builds. */
export const isOpenTo = (tenantId: string): string => `((SELECT open_to_all FROM room)
       OR ${tenantId} IN (SELECT tenant_id FROM granted WHERE open)
       OR (NOT (SELECT shared FROM room) AND ${tenantId} NOT IN (SELECT tenant_id FROM granted)))`;

/** SQL behind {@link PROVIDER_ROOM}: what the providers of the tenant that take builds may run; null: no limit, or none. */
export const slotsOpenTo = (tenantId: string): string => `(
           SELECT CASE WHEN count(*) = count(u.slots) THEN sum(u.slots)::integer END
             FROM usable u
            WHERE u.shared OR ${hasGrant('u.id', tenantId)})`;

/** All providers, every second: so without their Conditions and settings, which are most of a row. A scan. Locks nothing. */
const ROOM_OF_PROVIDERS = `
  SELECT id, state, generation, max_concurrent_builds, running, sweep_behind, health, tekton_answers, watch_fresh
    FROM providers`;

/** In no order. */
export async function roomOfProviders(database: Database): Promise<ProviderRoom[]> {
  const rows = await database.query<Row>(ROOM_OF_PROVIDERS);
  return rows.map((row) => ({
    id: row.id,
    state: row.state,
    generation: row.generation,
    maxConcurrentBuilds: row.max_concurrent_builds,
    running: row.running,
    sweepBehind: row.sweep_behind,
    health: { verdict: verdictOf(row), tektonAnswers: row.tekton_answers, watchFresh: row.watch_fresh },
  }));
}

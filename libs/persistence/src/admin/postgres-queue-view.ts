import type { Database } from '../database/database.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';
import { NOT_RELEASED } from '../execution/not-released.js';
import { hasLease } from '../lease/judged-time.js';
import { MAY_CLAIM } from '../lease/trust-statements.js';
import { isOpenTo, PROVIDER_ROOM, slotsOpenTo } from '../queue/provider-room.js';

/** A tenant's share of the queue, now. */
export interface LaneView {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly running: number;
  /** In the claim order. */
  readonly queued: number;
  /** Waiting for a time or an event. */
  readonly parked: number;
  readonly maxConcurrentBuilds: number;
  readonly guaranteedBuilds: number;
  readonly maxQueuedBuilds: number;
  readonly weight: number;
  /** Of what runs: thousandths of CPU, and bytes. */
  readonly runningCpuMillis: number;
  readonly runningMemoryBytes: number;
  /** Seconds since the oldest build in the claim order began to wait; undefined when none waits. */
  readonly oldestWaitSeconds: number | undefined;
  /** Builds that ended in the last hour. */
  readonly finishedLastHour: number;
}

/** A limit that a parked build waits for room under, as it stands now. */
export interface AwaitedRoom {
  readonly limit: number;
  readonly taken: number;
  /** Of all tenants together: a tenant is not told how much of it is taken. */
  readonly isShared: boolean;
}

/** Where a queued build stands. */
export interface QueuePosition {
  /** 1 is next in its tenant; of a parked build, among those that wait for the same. */
  readonly position: number;
  /** Of a parked build that waits for room; undefined where something else has to change. */
  readonly awaited: AwaitedRoom | undefined;
  readonly running: number;
  readonly maxRunning: number;
  readonly guaranteed: number;
  readonly weight: number;
  readonly dispatchPaused: boolean;
  /** After a failover, until the clusters were compared with the database (correctness rule 4). */
  readonly claimsHeld: boolean;
  readonly liveDispatchers: number;
  /** Of all live dispatchers together. */
  readonly dispatcherSlots: number;
  /** Of the whole installation; undefined: no limit. */
  readonly installationLimit: number | undefined;
  readonly installationRunning: number;
  /** No provider that takes builds of the tenant at present has room for another. */
  readonly providersFull: boolean;
  /** What those providers may run together; undefined: one of them has no limit, or there is none. */
  readonly providerSlots: number | undefined;
  /** Sum over the tenants that run or wait now. */
  readonly activeWeights: number;
  /** Median of how long the tenant's last attempts held their slots; undefined: there were none. */
  readonly medianSlotSeconds: number | undefined;
  /** How many attempts that median is of. */
  readonly samples: number;
}

/** A build in the claim order, or one that waits for an event. */
export interface QueuedBuildKey {
  readonly tenantId: string;
  /** Its key; while it is parked the one that it will have back. */
  readonly queueKey: number;
  /** Of a parked build that waits for an event: its position is that among those that wait for the same. */
  readonly waitsFor?: { readonly buildId: string; readonly wakeOn: string };
}

interface LaneRow {
  tenant_id: string;
  name: string;
  running: number;
  queued: number;
  parked: number;
  max_concurrent_builds: number;
  guaranteed_builds: number;
  max_queued_builds: number;
  weight: number;
  running_cpu: number;
  running_memory: number;
  oldest_wait_seconds: number | null;
  finished_last_hour: number;
}

/**
 * Smallest UUIDv7 of a build that is looked at for the throughput: older ones than 25 hours are not, so that the scan of
 * `builds_list` is bounded.
 */
const SCAN_FLOOR = `(lpad(to_hex((extract(epoch FROM now() - interval '25 hours') * 1000)::bigint), 12, '0')
  || '70008000000000000000')::uuid`;

const SELECT = `
  SELECT l.tenant_id, t.name, l.running, l.queued, l.parked, t.max_concurrent_builds, t.guaranteed_builds,
         t.max_queued_builds, l.weight, l.running_cpu, l.running_memory,
         (SELECT greatest(0, extract(epoch FROM now() - min(b.queued_at)))::float8 FROM builds b
           WHERE b.tenant_id = l.tenant_id AND b.queue_key IS NOT NULL) AS oldest_wait_seconds,
         (SELECT count(*)::int FROM builds b WHERE b.tenant_id = l.tenant_id AND b.id >= ${SCAN_FLOOR}
             AND b.finished_at > now() - interval '1 hour') AS finished_last_hour
    FROM lanes l JOIN tenants t ON t.id = l.tenant_id`;

/** Attempts that the expected wait is made of. */
const SAMPLES = 20;

/**
 * Indexes: builds_claim, or builds_parked_event when $3 names what it waits for; builds_list with the attempts of each
 * build for the last ends: past the queue, which `max_queued_builds` bounds, to the newest hundred that were claimed. The
 * lanes, a row per tenant, are scanned for what runs beside it, the providers for their room.
 */
const POSITION = `
  WITH ${PROVIDER_ROOM}
  SELECT CASE WHEN $3::text IS NULL
              THEN (SELECT count(*)::int FROM builds WHERE tenant_id = $1 AND queue_key < $2)
              ELSE (SELECT count(*)::int FROM builds
                     WHERE parked IS NOT NULL AND parked_wake_on = $3 AND tenant_id = $1 AND parked_order < $2) END AS ahead,
         l.running, l.max_running, l.guaranteed, l.weight, i.dispatch_paused, NOT i.dispatch_paused AND NOT ${MAY_CLAIM} AS claims_held,
         i.max_concurrent_builds AS installation_limit, a.running AS installation_running, a.weights AS active_weights,
         NOT ${isOpenTo('$1')} AS providers_full, ${slotsOpenTo('$1')} AS provider_slots,
         d.live AS live_dispatchers, d.slots AS dispatcher_slots, m.median_slot_seconds, m.samples
    FROM lanes l
   CROSS JOIN installation i
   CROSS JOIN (SELECT coalesce(sum(running), 0)::int AS running,
                      coalesce(sum(weight) FILTER (WHERE running > 0 OR ready), 0)::int AS weights FROM lanes) a
   CROSS JOIN (SELECT count(*)::int AS live, coalesce(sum(slots), 0)::int AS slots
                 FROM dispatchers d WHERE state = 'running' AND ${hasLease('d')}) d
   CROSS JOIN LATERAL (
     SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s.seconds) AS median_slot_seconds, count(*)::int AS samples
       FROM (SELECT extract(epoch FROM coalesce(e.pods_over_at, e.finished_at) - e.claimed_at)::float8 AS seconds
               FROM (SELECT id FROM builds WHERE tenant_id = $1 AND attempt > 0 ORDER BY id DESC LIMIT 100) b
               JOIN build_executions e ON e.build_id = b.id AND NOT e.slot_held AND ${NOT_RELEASED}
              ORDER BY e.claimed_at DESC LIMIT ${SAMPLES}) s) m
   WHERE l.tenant_id = $1`;

/** Index: primary key. Locks nothing, as the next. */
const PROJECT_ROOM = `SELECT max_running AS "limit", running AS taken FROM project_lanes WHERE project_id = $1`;

/** Of the providers that had no room when the build $1 was parked. Indexes: placement_decisions_build, primary key. */
const FULL_PROVIDERS = `
  SELECT sum(p.max_concurrent_builds)::int AS "limit", sum(p.running)::int AS taken
    FROM (SELECT decision FROM placement_decisions WHERE build_id = $1 ORDER BY decided_at DESC LIMIT 1) d
   CROSS JOIN LATERAL jsonb_array_elements(d.decision -> 'rejected') r
    JOIN providers p ON p.id = (r ->> 'providerId')::uuid
   WHERE r ->> 'reason' = 'ProviderAtLimit' AND p.state = 'enabled' AND p.max_concurrent_builds > 0
  HAVING count(*) > 0`;

interface PositionRow {
  ahead: number;
  running: number;
  max_running: number;
  guaranteed: number;
  weight: number;
  dispatch_paused: boolean;
  claims_held: boolean;
  live_dispatchers: number;
  dispatcher_slots: number;
  installation_limit: number | null;
  installation_running: number;
  providers_full: boolean;
  provider_slots: number | null;
  active_weights: number;
  median_slot_seconds: number | null;
  samples: number;
}

/** Reads of the queue for people; counters come from the lanes, nothing is locked. */
export class PostgresQueueView {
  constructor(private readonly database: Database) {}

  async ofTenant(tenantId: string): Promise<LaneView | undefined> {
    const [row] = await this.database.query<LaneRow>(`${SELECT} WHERE l.tenant_id = $1`, [tenantId]);
    return row === undefined ? undefined : toLaneView(row);
  }

  /** All tenants, by id. */
  async ofAll(page: PageRequest): Promise<Page<LaneView>> {
    const rows = await this.database.query<LaneRow>(
      `${SELECT} WHERE $2::uuid IS NULL OR l.tenant_id > $2 ORDER BY l.tenant_id LIMIT $1`,
      [page.limit + 1, page.after ?? null],
    );
    return toPage(rows, page.limit, toLaneView, (row) => row.tenant_id);
  }

  /** Where a build with this key stands, what may hold it, and how long attempts of its tenant took lately. */
  async position(build: QueuedBuildKey): Promise<QueuePosition> {
    const { tenantId, queueKey, waitsFor } = build;
    const [[row], awaited] = await Promise.all([
      this.database.query<PositionRow>(POSITION, [tenantId, queueKey, waitsFor?.wakeOn ?? null]),
      waitsFor === undefined ? undefined : this.#awaited(waitsFor),
    ]);
    return {
      position: (row?.ahead ?? 0) + 1,
      awaited,
      running: row?.running ?? 0,
      maxRunning: row?.max_running ?? 0,
      guaranteed: row?.guaranteed ?? 0,
      weight: row?.weight ?? 1,
      dispatchPaused: row?.dispatch_paused ?? false,
      claimsHeld: row?.claims_held ?? false,
      liveDispatchers: row?.live_dispatchers ?? 0,
      dispatcherSlots: row?.dispatcher_slots ?? 0,
      installationLimit: row?.installation_limit ?? undefined,
      installationRunning: row?.installation_running ?? 0,
      providersFull: row?.providers_full ?? false,
      providerSlots: row?.provider_slots ?? undefined,
      activeWeights: row?.active_weights ?? 0,
      medianSlotSeconds: row?.median_slot_seconds ?? undefined,
      samples: row?.samples ?? 0,
    };
  }

  async #awaited({ buildId, wakeOn }: Required<QueuedBuildKey>['waitsFor']): Promise<AwaitedRoom | undefined> {
    const [kind = '', id = ''] = wakeOn.split(':');
    if (kind === 'key') return { limit: 1, taken: 1, isShared: false };
    const isShared = kind === 'provider';
    if (!isShared && kind !== 'project') return undefined;
    const [statement, subject] = isShared ? [FULL_PROVIDERS, buildId] : [PROJECT_ROOM, id];
    const [row] = await this.database.query<{ limit: number; taken: number }>(statement, [subject]);
    return row === undefined ? undefined : { ...row, isShared };
  }
}

function toLaneView(row: LaneRow): LaneView {
  return {
    tenantId: row.tenant_id,
    tenantName: row.name,
    running: row.running,
    queued: row.queued,
    parked: row.parked,
    maxConcurrentBuilds: row.max_concurrent_builds,
    guaranteedBuilds: row.guaranteed_builds,
    maxQueuedBuilds: row.max_queued_builds,
    weight: row.weight,
    runningCpuMillis: row.running_cpu,
    runningMemoryBytes: row.running_memory,
    oldestWaitSeconds: row.oldest_wait_seconds ?? undefined,
    finishedLastHour: row.finished_last_hour,
  };
}

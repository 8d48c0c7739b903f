import type { Database, Transaction } from '../database/database.js';
import type { CounterDrift, LaneDrift, ProjectDrift, ProviderDrift } from './claimed-execution.js';
import {
  LANE_CORRECT,
  LANE_DRIFT,
  LOCK_PROVIDER_COUNT,
  PROJECT_CORRECT,
  PROJECT_DRIFT,
  PROVIDER_CORRECT,
  PROVIDER_DRIFT,
} from './counter-statements.js';
import { LOCK_LANES } from './statements.js';

interface LaneDriftRow {
  readonly tenant_id: string;
  readonly queued: number;
  readonly parked: number;
  readonly running: number;
  readonly running_cpu: number;
  readonly running_memory: number;
  readonly actual_queued: number;
  readonly actual_parked: number;
  readonly actual_running: number;
  readonly actual_cpu: number;
  readonly actual_memory: number;
  readonly max_running: number;
  readonly guaranteed: number;
  readonly weight: number;
  readonly max_concurrent_builds: number;
  readonly guaranteed_builds: number;
  readonly actual_weight: number;
}

interface ProjectDriftRow {
  readonly project_id: string;
  readonly tenant_id: string;
  readonly running: number;
  readonly actual_running: number;
  readonly max_running: number;
  readonly actual_max_running: number;
}

interface ProviderDriftRow {
  readonly provider_id: string;
  readonly running: number;
  readonly actual_running: number;
}

/**
 * Compares every counter with what it counts, and every limit with the one that it is copied from, and sets it right. Any drift is a defect that the caller has to report:
 * counters move in the transaction that moves what they count, limits in the one that changes them.
 */
export async function reconcileLaneCounters(database: Database): Promise<CounterDrift> {
  const lanes = await database.query<LaneDriftRow>(LANE_DRIFT, [null]);
  const projects = await database.query<ProjectDriftRow>(PROJECT_DRIFT, [null]);
  const providers = await database.query<ProviderDriftRow>(PROVIDER_DRIFT, [null]);
  for (const lane of lanes) await database.transaction((tx) => correctLane(tx, lane.tenant_id));
  for (const project of projects) await database.transaction((tx) => correctProject(tx, project));
  for (const provider of providers) await database.transaction((tx) => correctProvider(tx, provider.provider_id));
  return {
    drift: lanes.flatMap(toLaneDrift),
    projects: projects.flatMap(toProjectDrift),
    providers: providers.map(toProviderDrift),
  };
}

async function correctLane(tx: Transaction, tenantId: string): Promise<void> {
  await tx.query(LOCK_LANES, [[tenantId]]);
  const [row] = await tx.query<LaneDriftRow>(LANE_DRIFT, [[tenantId]]);
  if (row === undefined) return;
  await tx.query(LANE_CORRECT, [
    tenantId,
    row.actual_queued,
    row.actual_parked,
    row.actual_running,
    row.actual_cpu,
    row.actual_memory,
    row.max_concurrent_builds,
    row.guaranteed_builds,
    row.actual_weight,
  ]);
}

async function correctProject(tx: Transaction, project: ProjectDriftRow): Promise<void> {
  await tx.query(LOCK_LANES, [[project.tenant_id]]);
  const [row] = await tx.query<ProjectDriftRow>(PROJECT_DRIFT, [project.project_id]);
  if (row !== undefined) await tx.query(PROJECT_CORRECT, [row.project_id, row.actual_running, row.actual_max_running]);
}

async function correctProvider(tx: Transaction, providerId: string): Promise<void> {
  await tx.query(LOCK_PROVIDER_COUNT, [providerId]);
  const [row] = await tx.query<ProviderDriftRow>(PROVIDER_DRIFT, [providerId]);
  if (row !== undefined) await tx.query(PROVIDER_CORRECT, [providerId, row.actual_running]);
}

function toLaneDrift(row: LaneDriftRow): LaneDrift[] {
  const all: LaneDrift[] = [
    { tenantId: row.tenant_id, counter: 'queued', stored: row.queued, actual: row.actual_queued },
    { tenantId: row.tenant_id, counter: 'parked', stored: row.parked, actual: row.actual_parked },
    { tenantId: row.tenant_id, counter: 'running', stored: row.running, actual: row.actual_running },
    { tenantId: row.tenant_id, counter: 'runningCpu', stored: row.running_cpu, actual: row.actual_cpu },
    { tenantId: row.tenant_id, counter: 'runningMemory', stored: row.running_memory, actual: row.actual_memory },
    { tenantId: row.tenant_id, counter: 'maxRunning', stored: row.max_running, actual: row.max_concurrent_builds },
    { tenantId: row.tenant_id, counter: 'guaranteed', stored: row.guaranteed, actual: row.guaranteed_builds },
    { tenantId: row.tenant_id, counter: 'weight', stored: row.weight, actual: row.actual_weight },
  ];
  return all.filter((drift) => drift.stored !== drift.actual);
}

function toProjectDrift(row: ProjectDriftRow): ProjectDrift[] {
  const all: ProjectDrift[] = [
    { projectId: row.project_id, counter: 'running', stored: row.running, actual: row.actual_running },
    { projectId: row.project_id, counter: 'maxRunning', stored: row.max_running, actual: row.actual_max_running },
  ];
  return all.filter((drift) => drift.stored !== drift.actual);
}

function toProviderDrift(row: ProviderDriftRow): ProviderDrift {
  return { providerId: row.provider_id, stored: row.running, actual: row.actual_running };
}

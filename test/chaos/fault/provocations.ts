import { SEAL_LIMIT_MS } from '../process/chaos-dispatcher-config.ts';
import type { ChaosCluster } from '../world/chaos-cluster.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import { REGISTRY_AWAY } from './strike-registry.ts';

/** What lets a dispatcher come by a crossing that it seldom comes by. */
export interface Provocation {
  /** Labels of crossings. */
  readonly of: readonly string[];
  /** Only a process that starts comes by: the one that stands there dies before. */
  readonly atStart?: boolean;
  readonly bring?: (world: ChaosWorld) => Promise<void>;
  /** It is brought about again and again while it is waited for: another dispatcher may take it. Default: once. */
  readonly everyMs?: number;
  /** How long it is waited for. */
  readonly withinMs?: number;
}

/** Where an installation leaves its mark on a cluster. */
const INSTALLATION_NAMESPACE = 'image-factory-system';
/** Longer ago than logs are kept. */
const OLD_DAY = '2025-01-01';
const CREATES = { method: 'POST', path: /\/pipelineruns$/ };
/** SQL for the name of the last of the days that are made ready ahead; no log is in it yet. */
const LAST_PARTITION = `'build_log_chunks_' || to_char(current_date + 3, 'YYYYMMDD')`;
/** Held by whoever changes the partitions. */
const PARTITION_LOCK = 0x69666c70;

/** Of a pod that is deleted meanwhile nothing more is read than a part. */
const cutLogs = onClusters((cluster) => cluster.cutLogs());

/** Of a few runs, until their logs are sealed as they are. */
const refuseLogs = onClusters((cluster) => cluster.refuseLogs());

/** Pods that are made now wait for so long that somebody asks for their events. */
const startSlowly = onClusters((cluster) => cluster.startSlowly());

/** As by a dispatcher that was frozen with its request under way. */
const createLate = onClusters((cluster) => cluster.createLate());

export const PROVOCATIONS: readonly Provocation[] = [
  {
    of: [
      'LISTEN',
      'INSERT INTO dispatchers',
      'INSERT INTO cluster_shards',
      'SELECT version',
      'SELECT migrations',
      'SELECT to_regclass',
      'SELECT current_schema',
      'UPDATE providers.previous_nonce',
      'UPDATE providers.credential_last_used_at',
    ],
    atStart: true,
  },
  { of: ['GET configmaps', 'POST configmaps', 'POST namespaces'], atStart: true, bring: forgetInstallation },
  {
    of: ['LIST storageclasses', 'UPDATE providers.detected', 'COMMIT of UPDATE providers.detected'],
    atStart: true,
    bring: (world) => change(world, 'UPDATE providers SET detect_due_at = now()'),
  },
  {
    // Every tenant's namespace is made ready again, as after an upgrade of the Tasks.
    of: ['GET namespaces', 'PATCH serviceaccounts', 'PATCH tasks', 'INSERT INTO tenant_namespaces'],
    bring: (world) => change(world, `UPDATE tenant_namespaces SET content_hash = ''`),
  },
  {
    of: ['POST selfsubjectaccessreviews'],
    bring: (world) => change(world, 'UPDATE providers SET detail_generation = NULL'),
    everyMs: 1_000,
  },
  {
    // As a failover does; what was compared with another database counts no more.
    of: ['UPDATE installation.database_identity', 'UPDATE cluster_shards.compared_identity'],
    bring: (world) =>
      change(
        world,
        `WITH distrusted AS (UPDATE installation SET database_identity = 'distrusted')
         UPDATE cluster_shards SET compared_identity = NULL`,
      ),
    withinMs: 8_000,
  },
  {
    of: ['create_unknown', 'COMMIT of lock_shards + lock_attempts + create_unknown'],
    bring: loseAnswersOfCreates,
    everyMs: 500,
    withinMs: 12_000,
  },
  { of: ['ROLLBACK'], bring: async (world) => void (await cancelStatements(world)), everyMs: 20 },
  {
    of: [
      'CREATE TABLE',
      'ALTER TABLE ATTACH PARTITION',
      'COMMIT of DROP TABLE + CREATE TABLE + ALTER TABLE ATTACH PARTITION',
      'SELECT pg_inherits',
    ],
    bring: dropLastPartition,
    everyMs: 200,
    withinMs: 8_000,
  },
  { of: ['COMMIT of reads'], bring: makePartitionFirst, everyMs: 100, withinMs: 8_000 },
  {
    of: ['ALTER TABLE DETACH PARTITION', 'DROP TABLE', 'delete_cursors'],
    bring: makeOldPartition,
    everyMs: 500,
    withinMs: 8_000,
  },
  {
    of: ['find_shards', 'COMMIT of lock_free_shards + lock_log_cursors + find_shards'],
    bring: lockShards,
    everyMs: 200,
  },
  {
    of: [
      'INSERT INTO registry_holds',
      'SELECT registry_troubles',
      'DELETE FROM registry_troubles',
      'COMMIT of INSERT INTO registry_holds',
      'COMMIT of INSERT INTO registry_holds + DELETE FROM registry_troubles',
    ],
    bring: refuseImages,
    everyMs: 1_500,
    withinMs: 8_000,
  },
  { of: ['UPDATE build_executions.swept_at', 'DELETE pods'], bring: createLate, everyMs: 2_000, withinMs: 12_000 },
  { of: ['LIST events'], bring: startSlowly, withinMs: 12_000 },
  { of: ['SELECT build_log_chunks'], bring: cutLogs, everyMs: 1_000, withinMs: 20_000 },
  { of: ['SELECT build_log_cursors'], bring: refuseLogs, withinMs: SEAL_LIMIT_MS + 6_000 },
  // The listening connection is looked at every twenty seconds.
  { of: ['SELECT constant'], withinMs: 25_000 },
  // What builds do by themselves, a few times in a round.
  { of: ['PATCH pipelineruns', 'SELECT project_lanes', 'set_pods_presumed_over'], withinMs: 12_000 },
];

export function provocationOf(label: string): Provocation | undefined {
  return PROVOCATIONS.find(({ of }) => of.includes(label));
}

/** Lets every cluster do something at once. */
function onClusters(work: (cluster: ChaosCluster) => void): (world: ChaosWorld) => Promise<void> {
  return ({ clusters }) => {
    clusters.forEach(work);
    return Promise.resolve();
  };
}

async function change(world: ChaosWorld, sql: string): Promise<void> {
  await world.database.query(sql);
}

/** The next connection finds a cluster that no installation has written to. */
function forgetInstallation({ clusters }: ChaosWorld): Promise<void> {
  for (const { server } of clusters) {
    if (server.store.find('namespaces', undefined, INSTALLATION_NAMESPACE) === undefined) continue;
    server.store.delete('namespaces', undefined, INSTALLATION_NAMESPACE);
  }
  return Promise.resolve();
}

async function refuseImages(world: ChaosWorld): Promise<void> {
  await REGISTRY_AWAY.strike(world);
}

/** As by who takes the shards over, and is slow. */
async function lockShards(world: ChaosWorld): Promise<void> {
  await change(world, 'DO $$ BEGIN PERFORM FROM cluster_shards FOR UPDATE; PERFORM pg_sleep(0.3); END $$');
}

function loseAnswersOfCreates({ clusters }: ChaosWorld): Promise<void> {
  for (const { server } of clusters) server.fault(CREATES, { kind: 'commitThenDrop' }, 2);
  return Promise.resolve();
}

/** Whatever the dispatchers have under way in the database fails, as when an operator cancels it. @returns how much */
export async function cancelStatements(world: ChaosWorld): Promise<number> {
  const cancelled = await world.database.query(
    `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'image-factory-dispatcher%' AND state = 'active'`,
  );
  return cancelled.length;
}

async function dropLastPartition(world: ChaosWorld): Promise<void> {
  await change(world, `DO $$ BEGIN EXECUTE 'DROP TABLE IF EXISTS ' || ${LAST_PARTITION}; END $$`);
}

/** While the dispatchers wait for the lock, to make it themselves. */
async function makePartitionFirst(world: ChaosWorld): Promise<void> {
  await dropLastPartition(world);
  await change(
    world,
    `DO $$ BEGIN
       PERFORM pg_advisory_xact_lock(${PARTITION_LOCK});
       PERFORM pg_sleep(1.6);
       EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF build_log_chunks FOR VALUES FROM (%L) TO (%L)',
                      ${LAST_PARTITION}, current_date + 3, current_date + 4);
     END $$`,
  );
}

/** Unless it is there: also one that another strike makes, or that is just being removed. */
async function makeOldPartition(world: ChaosWorld): Promise<void> {
  const name = `build_log_chunks_${OLD_DAY.replaceAll('-', '')}`;
  const range = `FOR VALUES FROM ('${OLD_DAY}') TO (date '${OLD_DAY}' + 1)`;
  await change(
    world,
    `DO $$ BEGIN CREATE TABLE ${name} PARTITION OF build_log_chunks ${range};
     EXCEPTION WHEN duplicate_table OR unique_violation OR invalid_object_definition THEN END $$`,
  );
}

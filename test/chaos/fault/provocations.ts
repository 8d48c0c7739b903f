import type { ChaosWorld } from '../world/chaos-world.ts';

/** What lets a dispatcher come by a crossing that it seldom comes by. */
export interface Provocation {
  /** Labels of crossings. */
  readonly of: RegExp;
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

export const PROVOCATIONS: readonly Provocation[] = [
  {
    of: /^(CONNECT|LISTEN|INSERT INTO (dispatchers|cluster_shards)|SELECT (version|migrations|to_regclass|current_schema|generate_series|pg_class)|UPDATE providers\.(previous_nonce|credential_last_used_at))$/,
    atStart: true,
  },
  { of: /^((GET|PATCH|POST) configmaps|POST namespaces)$/, atStart: true, bring: forgetInstallation },
  {
    of: /^(LIST storageclasses|(COMMIT of )?UPDATE providers\.detected)$/,
    atStart: true,
    bring: (world) => change(world, 'UPDATE providers SET detect_due_at = now()'),
  },
  {
    // Every tenant's namespace is made ready again, as after an upgrade of the Tasks.
    of: /^(GET namespaces|PATCH (serviceaccounts|tasks)|INSERT INTO tenant_namespaces)$/,
    bring: (world) => change(world, `UPDATE tenant_namespaces SET content_hash = ''`),
  },
  {
    of: /^POST selfsubjectaccessreviews$/,
    bring: (world) => change(world, 'UPDATE providers SET detail_generation = NULL'),
    everyMs: 1_000,
  },
  {
    // As a failover does; what was compared with another database counts no more.
    of: /^UPDATE (installation\.database_identity|cluster_shards\.compared_identity)$/,
    bring: (world) =>
      change(
        world,
        `WITH distrusted AS (UPDATE installation SET database_identity = 'distrusted')
         UPDATE cluster_shards SET compared_identity = NULL`,
      ),
    withinMs: 8_000,
  },
  { of: /(^|COMMIT of .* \+ )create_unknown$/, bring: loseAnswersOfCreates, everyMs: 1_000 },
  { of: /^ROLLBACK$/, bring: async (world) => void (await cancelStatements(world)), everyMs: 20 },
  {
    of: /^((COMMIT of )?CREATE TABLE.*|ALTER TABLE ATTACH PARTITION|COMMIT of reads|SELECT pg_inherits)$/,
    bring: dropLastPartition,
    everyMs: 200,
    withinMs: 8_000,
  },
  {
    of: /^(ALTER TABLE DETACH PARTITION|DROP TABLE|delete_cursors)$/,
    bring: makeOldPartition,
    everyMs: 500,
    withinMs: 8_000,
  },
  // The listening connection is looked at every twenty seconds.
  { of: /^SELECT constant$/, withinMs: 25_000 },
  { of: /^SELECT build_log_chunks$/, bring: keepLogsAway, everyMs: 1_000, withinMs: 8_000 },
  // What builds do by themselves, a few times in a round: the load's plans have it.
  {
    of: /^(PATCH pipelineruns|LIST events|SELECT project_lanes|(COMMIT of .* )?set_pods_presumed_over)$/,
    withinMs: 12_000,
  },
];

export function provocationOf(label: string): Provocation | undefined {
  return PROVOCATIONS.find(({ of }) => of.test(label));
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

/** Of a pod that is deleted meanwhile nothing more is read than a part. */
function keepLogsAway({ clusters }: ChaosWorld): Promise<void> {
  for (const { server } of clusters) {
    server.fault({ path: /\/log$/ }, { kind: 'drop' }, 10);
    server.dropConnections();
  }
  return Promise.resolve();
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

/** Of the days that are made ready ahead, which no log is in yet. */
async function dropLastPartition(world: ChaosWorld): Promise<void> {
  await change(
    world,
    `DO $$ BEGIN EXECUTE 'DROP TABLE IF EXISTS build_log_chunks_' || to_char(current_date + 3, 'YYYYMMDD'); END $$`,
  );
}

async function makeOldPartition(world: ChaosWorld): Promise<void> {
  await change(
    world,
    `CREATE TABLE IF NOT EXISTS build_log_chunks_${OLD_DAY.replaceAll('-', '')}
       PARTITION OF build_log_chunks FOR VALUES FROM ('${OLD_DAY}') TO (date '${OLD_DAY}' + 1)`,
  );
}

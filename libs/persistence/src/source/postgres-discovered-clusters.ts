import { DomainError, type ProviderSource, type ProviderType } from '@image-factory/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import type { Queryable, Transaction } from '../database/transaction.js';
import { type Page, type PageRequest, toPage } from '../sql/page.js';
import { nameTaken } from '../tenant/postgres-tenants.js';
import type {
  ClusterToAdopt,
  DiscoveredChange,
  DiscoveredCluster,
  DiscoveredFacts,
  DiscoveredKey,
  DiscoveredState,
  ListingToRecord,
  RecordedListing,
} from './discovered-cluster.js';
import { storeConditions } from './provider-conditions.js';

interface ClusterRow {
  id: string;
  cloud: DiscoveredKey['cloud'];
  account: string;
  location: string;
  resource_group: string;
  name: string;
  facts: DiscoveredFacts;
  changes: DiscoveredChange[];
  provider_id: string | null;
  seen_by: string | null;
  first_seen_at: Date;
  last_seen_at: Date;
  changed_at: Date | null;
  vanished_at: Date | null;
  retired_at: Date | null;
}

const TYPE_OF: Readonly<Record<DiscoveredKey['cloud'], ProviderType>> = {
  aws: 'aws-eks',
  gcp: 'gcp-gke',
  azure: 'azure-aks',
};

/** Facts whose change means another way in: pooled connections of an adopted cluster are replaced. */
const WAY_IN = ['endpoint', 'ca_fingerprint'];
const CHANGES_KEPT = 20;

/**
 * The clusters that discovery has found, keyed by cloud, account or project or subscription, location and name. Finding one
 * changes nothing about where builds run: only adopting it makes a provider.
 */
export class PostgresDiscoveredClusters {
  constructor(private readonly database: Database) {}

  /**
   * Compares a listing with what is stored. Only a complete one makes clusters vanish, and only those that the same
   * identity saw: a refused region says nothing of what is in it, nor does another identity of what it may not see.
   * Index: discovered_clusters_key. Locks: the rows of the scope.
   */
  async record(listing: ListingToRecord): Promise<RecordedListing> {
    if (listing.account === undefined) return { seen: [], found: [], changed: [], vanished: [] };
    return this.database.transaction(async (tx) => {
      const [time] = await tx.query<{ now: Date }>('SELECT now() AS now');
      const at = time?.now.toISOString() ?? '';
      const stored = await lockScope(tx, listing);
      const known = new Map(stored.map((row) => [keyOf(fromRow(row)), row]));
      const found: string[] = [];
      const changed: string[] = [];
      for (const { key, facts } of listing.clusters) {
        const row = known.get(keyOf(key));
        if (row === undefined) found.push(await insert(tx, key, facts, listing.seenBy));
        else if (await refresh(tx, row, facts, at, listing.seenBy)) changed.push(row.id);
        if (row !== undefined) known.delete(keyOf(key));
      }
      const unseen = [...known.values()];
      const gone = unseen.filter((row) => (row.seen_by ?? listing.seenBy) === listing.seenBy);
      const vanished = listing.complete ? await vanish(tx, gone) : [];
      const seen = stored.filter((row) => !unseen.includes(row)).map(({ id }) => id);
      return { seen: [...found, ...seen], found, changed, vanished };
    });
  }

  async list(page: PageRequest, filter: { readonly cloud?: string | undefined }): Promise<Page<DiscoveredCluster>> {
    const rows = await this.database.query<ClusterRow>(
      `SELECT * FROM discovered_clusters
        WHERE ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR cloud = $3) ORDER BY id DESC LIMIT $1`,
      [page.limit + 1, page.after ?? null, filter.cloud ?? null],
    );
    return toPage(rows, page.limit, fromRow, (row) => row.id);
  }

  /** @throws DomainError NotFound */
  async get(
    id: string,
    queryable: Queryable = this.database,
    lock: '' | 'FOR UPDATE' = '',
  ): Promise<DiscoveredCluster> {
    const [row] = await queryable.query<ClusterRow>(`SELECT * FROM discovered_clusters WHERE id = $1 ${lock}`, [id]);
    if (row !== undefined) return fromRow(row);
    throw new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no discovered cluster ${id}` });
  }

  /** Those of these ids that are there, are not adopted, and were not given up by an administrator. */
  async adoptable(ids: readonly string[]): Promise<readonly DiscoveredCluster[]> {
    const rows = await this.database.query<ClusterRow>(
      `SELECT * FROM discovered_clusters
        WHERE id = ANY ($1::uuid[]) AND provider_id IS NULL AND vanished_at IS NULL AND retired_at IS NULL`,
      [ids],
    );
    return rows.map(fromRow);
  }

  /**
   * Makes a provider of a found cluster. Index: the keys. Locks: the cluster's row.
   * @throws DomainError NotFound; Conflict AlreadyAdopted, NameTaken
   */
  async adopt(tx: Transaction, adoption: ClusterToAdopt): Promise<DiscoveredCluster> {
    const cluster = await this.get(adoption.clusterId, tx, 'FOR UPDATE');
    if (cluster.providerId !== undefined) throw alreadyAdopted(cluster);
    const { providerId, name, config, isGlobal, maxConcurrentBuilds, capabilities, labels } = adoption;
    const [taken] = await tx.query<{ source: ProviderSource }>(
      'SELECT source FROM providers WHERE lower(name) = lower($1)',
      [name],
    );
    if (taken !== undefined) throw nameTaken(`provider (source: ${taken.source})`, name);
    const { cloud, account, location, resourceGroup } = cluster;
    const ref = { cloud, account, location, resource_group: resourceGroup, name: cluster.name };
    await tx.query(
      `INSERT INTO providers (id, name, provider_type, source, is_global, settings, region, capabilities, labels,
                              max_concurrent_builds, source_ref)
       VALUES ($1, $2, $3, 'discovery', $4, $5, $6, $7, $8, $9, $10)`,
      [
        providerId,
        name,
        TYPE_OF[cloud],
        isGlobal,
        JSON.stringify(config),
        location,
        capabilities,
        JSON.stringify(labels),
        maxConcurrentBuilds,
        JSON.stringify(ref),
      ],
    );
    await tx.query('UPDATE discovered_clusters SET provider_id = $2, retired_at = NULL WHERE id = $1', [
      cluster.id,
      providerId,
    ]);
    await storeConditions(tx, [discoveredCondition(providerId, true)]);
    return this.get(cluster.id, tx);
  }
}

/** Conflict AlreadyAdopted. */
export function alreadyAdopted(cluster: Pick<DiscoveredCluster, 'id' | 'providerId'>): DomainError {
  const message = `the cluster ${cluster.id} is adopted already, as provider ${cluster.providerId ?? ''}`;
  return new DomainError({ kind: 'Conflict', reason: 'AlreadyAdopted', message });
}

function lockScope(tx: Transaction, listing: ListingToRecord): Promise<ClusterRow[]> {
  return tx.query<ClusterRow>(
    `SELECT * FROM discovered_clusters
      WHERE cloud = $1 AND lower(account) = lower($2) AND ($3::text IS NULL OR location = $3)
      ORDER BY id FOR UPDATE`,
    [listing.cloud, listing.account, listing.location ?? null],
  );
}

async function insert(
  tx: Transaction,
  key: DiscoveredKey,
  facts: DiscoveredFacts,
  seenBy: string | undefined,
): Promise<string> {
  const [row] = await tx.query<{ id: string }>(
    `INSERT INTO discovered_clusters AS c (id, cloud, account, location, resource_group, name, facts, seen_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (cloud, account, location, resource_group, name)
         DO UPDATE SET last_seen_at = now(), vanished_at = NULL
     RETURNING id`,
    [
      uuidv7(),
      key.cloud,
      key.account,
      key.location,
      key.resourceGroup,
      key.name,
      JSON.stringify(facts),
      seenBy ?? null,
    ],
  );
  return row?.id ?? '';
}

/** True when something about the cluster is new, its return too. */
async function refresh(
  tx: Transaction,
  row: ClusterRow,
  facts: DiscoveredFacts,
  at: string,
  seenBy: string | undefined,
): Promise<boolean> {
  const changes = changedFields(row.cloud, row.facts, facts).map((field) => ({
    field,
    from: row.facts[field] ?? null,
    to: facts[field] ?? null,
    at,
  }));
  const returned = row.vanished_at !== null;
  if (returned) changes.unshift({ field: 'vanished', from: true, to: false, at });
  await tx.query(
    `UPDATE discovered_clusters SET facts = $2, changes = $3, last_seen_at = now(), vanished_at = NULL, seen_by = $5,
            changed_at = CASE WHEN $4 THEN now() ELSE changed_at END
      WHERE id = $1`,
    [
      row.id,
      JSON.stringify(facts),
      JSON.stringify([...row.changes, ...changes].slice(-CHANGES_KEPT)),
      changes.length > 0,
      seenBy ?? null,
    ],
  );
  if (row.provider_id === null || changes.length === 0) return changes.length > 0;
  if (returned) await storeConditions(tx, [discoveredCondition(row.provider_id, true)]);
  if (changes.some(({ field }) => WAY_IN.includes(field))) {
    await tx.query(
      `UPDATE providers SET generation = generation + 1, probe_due_at = now(), detect_due_at = now(),
              updated_at = greatest(clock_timestamp(), updated_at + interval '1 millisecond') WHERE id = $1`,
      [row.provider_id],
    );
  }
  return true;
}

async function vanish(tx: Transaction, gone: readonly ClusterRow[]): Promise<string[]> {
  const news = gone.filter((row) => row.vanished_at === null);
  if (news.length === 0) return [];
  const ids = news.map(({ id }) => id);
  await tx.query('UPDATE discovered_clusters SET vanished_at = now(), changed_at = now() WHERE id = ANY ($1::uuid[])', [
    ids,
  ]);
  const adopted = news.flatMap(({ provider_id: id }) => (id === null ? [] : [discoveredCondition(id, false)]));
  await storeConditions(tx, adopted);
  return ids;
}

function discoveredCondition(providerId: string, isThere: boolean) {
  return isThere
    ? ({
        providerId,
        type: 'Discovered',
        status: 'True',
        reason: 'ClusterFound',
        message: 'The cloud lists this cluster.',
      } as const)
    : ({
        providerId,
        type: 'Discovered',
        status: 'False',
        reason: 'ClusterVanished',
        message: 'The cloud no longer lists this cluster. Delete the provider when nothing of ours is left there.',
      } as const);
}

function changedFields(cloud: DiscoveredKey['cloud'], before: DiscoveredFacts, after: DiscoveredFacts): string[] {
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  // Azure writes the parts of an id now with capitals, now without.
  const text = (field: string, value: unknown): string =>
    cloud === 'azure' && field === 'resource' ? stable(value).toLowerCase() : stable(value);
  return fields.filter((field) => text(field, before[field]) !== text(field, after[field]));
}

/** JSON with sorted keys. */
function stable(value: unknown): string {
  return (
    JSON.stringify(value ?? null, (_key, item: unknown) =>
      typeof item === 'object' && item !== null && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
        : item,
    ) ?? ''
  );
}

/** Azure's names are the same whatever their case; what is stored and shown keeps the case in which it was first seen. */
function keyOf({ cloud, account, location, resourceGroup, name }: DiscoveredKey): string {
  const key = [cloud, account, location, resourceGroup, name].join('\n');
  return cloud === 'azure' ? key.toLowerCase() : key;
}

function fromRow(row: ClusterRow): DiscoveredCluster {
  return {
    id: row.id,
    state: stateOf(row),
    cloud: row.cloud,
    account: row.account,
    location: row.location,
    resourceGroup: row.resource_group,
    name: row.name,
    facts: row.facts,
    changes: row.changes,
    providerId: row.provider_id ?? undefined,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    changedAt: row.changed_at ?? undefined,
    vanishedAt: row.vanished_at ?? undefined,
    retiredAt: row.retired_at ?? undefined,
  };
}

function stateOf(row: ClusterRow): DiscoveredState {
  if (row.vanished_at !== null) return 'vanished';
  if (row.provider_id !== null) return 'adopted';
  return row.retired_at === null ? 'found' : 'retired';
}

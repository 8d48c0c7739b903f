import {
  adoptedConfig,
  adoptedProviderId,
  discover,
  type DiscoveryClouds,
  type FoundClusterFacts,
  type DiscoveryScope,
  isAdoptedByRule,
  type ScopeListing,
  scopeName,
} from '@image-factory/cluster-registry';
import { isDomainError } from '@image-factory/domain';
import type {
  Database,
  DiscoveredCluster,
  DiscoveredFacts,
  DiscoveryInput,
  ListingToRecord,
  PostgresAudit,
  PostgresDiscoveredClusters,
  PostgresDiscoveryRuns,
  TakenRun,
} from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { DiscoveryEnv } from '../config/source-variables.js';

export interface DiscoveryRounds {
  readonly env: DiscoveryEnv;
  readonly clouds: DiscoveryClouds;
  readonly database: Database;
  readonly audit: PostgresAudit;
  readonly runs: PostgresDiscoveryRuns;
  readonly clusters: PostgresDiscoveredClusters;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A run is over by then: a cloud that hangs must not keep the next one from beginning. */
const RUN_LIMIT_MS = 4 * 60_000;

/**
 * Discovery, one run at a time over all dispatchers.
 *
 * Model: a run is a job row, made by an administrator or by the schedule; the dispatcher that takes it lists every scope
 * and records each listing as it comes, in a transaction of its own. Recording is idempotent, so that a run may be taken
 * over from its beginning. A scope that is refused is a problem of that scope, in the run's progress; nothing vanishes for
 * it. What is found is used by nobody before an administrator adopts it, or a rule of the operator's does.
 */
export class Discovery {
  #problems = 0;

  constructor(private readonly parts: DiscoveryRounds) {
    parts.metrics.observe('discoveryProblems', () => this.#problems);
  }

  /** Schedules what is due, takes a run that waits and carries it out. @returns how many clusters were listed */
  async runOnce(dispatcherId: string): Promise<number> {
    const { env, runs } = this.parts;
    if (env.everyMinutes > 0 && scopesOf(env, {}).length > 0)
      await runs.schedule(env.everyMinutes * 60_000, configured(env));
    const run = await runs.take(dispatcherId);
    return run === undefined ? 0 : this.#carryOut(run);
  }

  async #carryOut(run: TakenRun): Promise<number> {
    const { env, clouds, runs, logger } = this.parts;
    const scopes = scopesOf(env, run.input);
    if (scopes.length === 0) {
      const message = 'no scope is named: give regions, projects or subscriptions, or set IF_DISCOVERY_*';
      await runs.finish(run, { reason: 'ValidationFailed', message });
      return 0;
    }
    let listed = 0;
    let problems = 0;
    const lost = new AbortController();
    const signal = AbortSignal.any([AbortSignal.timeout(RUN_LIMIT_MS), lost.signal]);
    await discover(scopes, clouds, signal, async (listing) => {
      listed += listing.clusters.length;
      problems += listing.problems.length;
      if (!lost.signal.aborted && !(await this.#record(run, listing))) lost.abort();
    });
    if (lost.signal.aborted) return listed;
    await runs.finish(run);
    this.#problems = problems;
    logger.info('discovery run over', { run: run.id, scopes: scopes.length, clusters: listed, problems });
    return listed;
  }

  /** False: the run is another dispatcher's now. */
  async #record(run: TakenRun, listing: ScopeListing): Promise<boolean> {
    const { runs, clusters, logger } = this.parts;
    const scope = scopeName(listing.scope);
    const { seen, found, changed, vanished } = await clusters.record(toRecord(listing));
    const adopted = await this.#adoptByRule(seen);
    for (const problem of listing.problems) logger.warn('a scope could not be discovered whole', { scope, ...problem });
    return runs.progress(run, {
      scope,
      clusters: listing.clusters.length,
      found: found.length,
      changed: changed.length,
      vanished: vanished.length,
      adopted,
      problems: listing.problems,
    });
  }

  /** Of all that is there, new or not: a rule may be newer than what it is for. */
  async #adoptByRule(ids: readonly string[]): Promise<number> {
    const { env, clusters } = this.parts;
    if (ids.length === 0 || env.adopt.length === 0) return 0;
    let adopted = 0;
    for (const cluster of await clusters.adoptable(ids)) {
      if (isAdoptedByRule(env.adopt, cluster, tagsOf(cluster)) && (await this.#adopt(cluster))) adopted += 1;
    }
    return adopted;
  }

  /** A name that is taken leaves the cluster to an administrator, who may give it another. */
  async #adopt(cluster: DiscoveredCluster): Promise<boolean> {
    const { audit, clusters, database, logger } = this.parts;
    try {
      await database.transaction(async (tx) => {
        const providerId = adoptedProviderId(cluster);
        await clusters.adopt(tx, {
          clusterId: cluster.id,
          providerId,
          name: cluster.name,
          config: adoptedConfig(cluster, {}, cluster.facts),
          isGlobal: false,
          maxConcurrentBuilds: 0,
          capabilities: [],
          labels: {},
        });
        await audit.append(tx, {
          actor: 'discovery-rule',
          actorRole: 'system-admin',
          tenantId: undefined,
          action: 'provider.adopt',
          objectType: 'provider',
          objectId: providerId,
          before: undefined,
          after: { name: cluster.name, discovered_cluster: cluster.id },
          traceId: undefined,
        });
      });
      logger.info('a cluster was adopted by rule', { cluster: cluster.name, location: cluster.location });
      return true;
    } catch (error) {
      if (!isDomainError(error) || error.kind !== 'Conflict') throw error;
      logger.warn('a cluster could not be adopted by rule', { cluster: cluster.name, reason: error.reason });
      return false;
    }
  }
}

function tagsOf(cluster: DiscoveredCluster): Readonly<Record<string, string>> {
  return (cluster.facts['tags'] ?? {}) as Readonly<Record<string, string>>;
}

/** The configured scopes, as the input of a run. */
function configured(env: DiscoveryEnv): DiscoveryInput {
  return {
    aws: { regions: env.awsRegions },
    gcp: { projects: env.gcpProjects, locations: env.gcpLocations },
    azure: { subscriptions: env.azureSubscriptions },
  };
}

/** What a run looks at: what it was asked for, else what the dispatcher is configured with. */
export function scopesOf(env: DiscoveryEnv, input: DiscoveryInput): DiscoveryScope[] {
  const asked = input.aws !== undefined || input.gcp !== undefined || input.azure !== undefined;
  const regions = asked ? (input.aws?.regions ?? []) : env.awsRegions;
  const projects = asked ? (input.gcp?.projects ?? []) : env.gcpProjects;
  const locations = (asked ? input.gcp?.locations : env.gcpLocations) ?? ['-'];
  const subscriptions = asked ? (input.azure?.subscriptions ?? []) : env.azureSubscriptions;
  return [
    ...regions.map((region) => ({ cloud: 'aws', region }) as const),
    ...projects.flatMap((project) => locations.map((location) => ({ cloud: 'gcp', project, location }) as const)),
    ...subscriptions.map((subscription) => ({ cloud: 'azure', subscription, azureCloud: env.azureCloud }) as const),
  ];
}

/** As they are stored, compared and shown. */
function toFacts(facts: FoundClusterFacts): DiscoveredFacts {
  const { status, version, endpoint, caFingerprint, privateOnly, tags, azureCloud, resource } = facts;
  return {
    status,
    version,
    endpoint,
    ca_fingerprint: caFingerprint,
    private_only: privateOnly,
    tags,
    azure_cloud: azureCloud,
    resource,
  };
}

function toRecord({ scope, account, seenBy, clusters, problems }: ScopeListing): ListingToRecord {
  const complete = problems.length === 0;
  const recorded = clusters.map(({ key, facts }) => ({ key, facts: toFacts(facts) }));
  const common = { cloud: scope.cloud, account, seenBy, complete, clusters: recorded };
  if (scope.cloud === 'aws') return { ...common, location: scope.region };
  if (scope.cloud === 'azure') return { ...common, location: undefined };
  return { ...common, location: scope.location === '-' ? undefined : scope.location };
}

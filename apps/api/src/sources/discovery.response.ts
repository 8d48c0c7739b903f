import {
  DISCOVERED_STATES,
  type DiscoveredCluster,
  DISCOVERY_STATUSES,
  type DiscoveryRun,
} from '@image-factory/persistence';
import { orNull, Shown, ShownAs, timeOrNull } from '../http/response/shown.js';

const CLOUDS = ['aws', 'gcp', 'azure'];

export class DiscoveryProblemResponse {
  @Shown('text', { example: 'CloudAccessDenied' }) readonly reason!: string;
  @Shown('text') readonly message!: string;
}

/** One region, project or subscription that was listed. */
export class DiscoveryScopeResponse {
  @Shown('text', { example: 'aws/eu-west-1' }) readonly scope!: string;
  @Shown('integer', { description: 'Seen' }) readonly clusters!: number;
  @Shown('integer', { description: 'New' }) readonly found!: number;
  @Shown('integer') readonly changed!: number;
  @Shown('integer') readonly vanished!: number;
  @Shown('integer', { description: 'Adopted by a rule' }) readonly adopted!: number;
  @ShownAs(() => DiscoveryProblemResponse, {
    list: true,
    description: 'What could not be listed: nothing vanishes then',
  })
  readonly problems!: readonly DiscoveryProblemResponse[];
}

export class DiscoveryRunResponse {
  @Shown('id') readonly id!: string;
  @Shown('text', { choices: DISCOVERY_STATUSES }) readonly status!: string;
  @Shown('object', { description: 'What was asked for; empty: the configured scopes' })
  readonly input!: Readonly<Record<string, unknown>>;
  @ShownAs(() => DiscoveryScopeResponse, { list: true, description: 'Scopes as they were listed' })
  readonly scopes!: readonly DiscoveryScopeResponse[];
  @Shown('integer', { description: 'Problems of all scopes' }) readonly problem_count!: number;
  @Shown('text', { nullable: true }) readonly reason!: string | null;
  @Shown('text', { nullable: true }) readonly message!: string | null;
  @Shown('text', { description: 'Who asked for it; schedule for none' }) readonly created_by!: string;
  @Shown('time') readonly created_at!: string;
  @Shown('time', { nullable: true }) readonly finished_at!: string | null;
}

export class DiscoveredChangeResponse {
  @Shown('text', { example: 'version' }) readonly field!: string;
  @Shown('object', { nullable: true, description: 'Any JSON' }) readonly from!: unknown;
  @Shown('object', { nullable: true, description: 'Any JSON' }) readonly to!: unknown;
  @Shown('time') readonly at!: string;
}

/** A cluster of a cloud. */
export class DiscoveredClusterResponse {
  @Shown('id') readonly id!: string;
  @Shown('text', { choices: DISCOVERED_STATES }) readonly status!: string;
  @Shown('text', { choices: CLOUDS }) readonly cloud!: string;
  @Shown('text', { description: 'Account, project or subscription' }) readonly account!: string;
  @Shown('text', { description: 'Region or zone' }) readonly location!: string;
  @Shown('text', { nullable: true, description: 'Azure’s' }) readonly resource_group!: string | null;
  @Shown('text') readonly name!: string;
  @Shown('object', { description: 'What the cloud says: status, version, endpoint, tags' })
  readonly facts!: Readonly<Record<string, unknown>>;
  @ShownAs(() => DiscoveredChangeResponse, { list: true, description: 'The newest last, at most 20' })
  readonly changes!: readonly DiscoveredChangeResponse[];
  @Shown('id', { nullable: true, description: 'The provider that it was adopted as' })
  readonly infrastructure_provider_id!: string | null;
  @Shown('time') readonly first_seen_at!: string;
  @Shown('time') readonly last_seen_at!: string;
  @Shown('time', { nullable: true }) readonly changed_at!: string | null;
  @Shown('time', { nullable: true, description: 'Since when its cloud no longer lists it' })
  readonly vanished_at!: string | null;
  @Shown('time', { nullable: true, description: 'Since when its provider is deleted: no rule adopts it again' })
  readonly retired_at!: string | null;
}

export function toDiscoveryRunResponse(run: DiscoveryRun): DiscoveryRunResponse {
  return {
    id: run.id,
    status: run.status,
    input: { ...run.input },
    scopes: run.progress,
    problem_count: run.progress.reduce((sum, { problems }) => sum + problems.length, 0),
    reason: orNull(run.reason),
    message: orNull(run.message),
    created_by: run.createdBy,
    created_at: run.createdAt.toISOString(),
    finished_at: timeOrNull(run.finishedAt),
  };
}

export function toDiscoveredClusterResponse(cluster: DiscoveredCluster): DiscoveredClusterResponse {
  return {
    id: cluster.id,
    status: cluster.state,
    cloud: cluster.cloud,
    account: cluster.account,
    location: cluster.location,
    resource_group: cluster.resourceGroup === '' ? null : cluster.resourceGroup,
    name: cluster.name,
    facts: cluster.facts,
    changes: cluster.changes,
    infrastructure_provider_id: orNull(cluster.providerId),
    first_seen_at: cluster.firstSeenAt.toISOString(),
    last_seen_at: cluster.lastSeenAt.toISOString(),
    changed_at: timeOrNull(cluster.changedAt),
    vanished_at: timeOrNull(cluster.vanishedAt),
    retired_at: timeOrNull(cluster.retiredAt),
  };
}

import type { DispatcherView } from '@image-factory/persistence';
import { Shown, ShownAs } from '../http/response/shown.js';

export class DispatcherResponse {
  @Shown('id') readonly id!: string;
  @Shown('text') readonly host!: string;
  @Shown('text') readonly version!: string;
  @Shown('text', { choices: ['running', 'stopping', 'stopped', 'lost'] }) readonly state!: string;
  @Shown('integer') readonly slots!: number;
  @Shown('integer') readonly slots_used!: number;
  @Shown('integer', { description: 'Cluster shards that it leases' }) readonly shards!: number;
  @Shown('time') readonly started_at!: string;
  @Shown('time') readonly heartbeat_at!: string;
  @Shown('time') readonly lease_until!: string;
}

/** Whether claims are stopped. */
export class PauseResponse {
  @Shown('boolean') readonly paused!: boolean;
  @Shown('text', { nullable: true }) readonly reason!: string | null;
}

/** How much may run in all tenants together. */
export class DispatchLimitsResponse {
  @Shown('integer', { nullable: true, description: 'null: only the limits of tenants and providers' })
  readonly max_concurrent_builds!: number | null;
  @Shown('integer', { description: 'Builds that run now, in all tenants' }) readonly running!: number;
}

export class DispatcherStatusResponse extends PauseResponse {
  @ShownAs(() => DispatchLimitsResponse) readonly limits!: DispatchLimitsResponse;
  @ShownAs(() => DispatcherResponse, { list: true }) readonly dispatchers!: readonly DispatcherResponse[];
}

export function toDispatcherResponse(dispatcher: DispatcherView): DispatcherResponse {
  return {
    id: dispatcher.id,
    host: dispatcher.host,
    version: dispatcher.version,
    state: dispatcher.state,
    slots: dispatcher.slots,
    slots_used: dispatcher.slotsUsed,
    shards: dispatcher.shards,
    started_at: dispatcher.startedAt.toISOString(),
    heartbeat_at: dispatcher.heartbeatAt.toISOString(),
    lease_until: dispatcher.leaseUntil.toISOString(),
  };
}

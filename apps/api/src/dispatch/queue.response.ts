import { cpuText, memoryText } from '@image-factory/domain';
import type { LaneView } from '@image-factory/persistence';
import { orNull, Shown } from '../http/response/shown.js';

/** A tenant's part of the queue. */
export class QueueResponse {
  @Shown('id') readonly tenant_id!: string;
  @Shown('text') readonly tenant_name!: string;
  @Shown('integer') readonly running!: number;
  @Shown('integer', { description: 'In the claim order' }) readonly queued!: number;
  @Shown('integer', { description: 'Waiting for a time or an event' }) readonly parked!: number;
  @Shown('integer') readonly max_concurrent_builds!: number;
  @Shown('integer') readonly guaranteed_builds!: number;
  @Shown('integer') readonly max_queued_builds!: number;
  @Shown('integer') readonly weight!: number;
  @Shown('text', { description: 'CPU of what runs, as the share between tenants counts it', example: '12' })
  readonly running_cpu!: string;
  @Shown('text', { description: 'Memory of what runs, likewise', example: '24Gi' }) readonly running_memory!: string;
  @Shown('number', { nullable: true }) readonly oldest_wait_seconds!: number | null;
  @Shown('integer', { description: 'Builds that ended in the last hour' }) readonly finished_last_hour!: number;
}

export function toQueueResponse(lane: LaneView): QueueResponse {
  return {
    tenant_id: lane.tenantId,
    tenant_name: lane.tenantName,
    running: lane.running,
    queued: lane.queued,
    parked: lane.parked,
    max_concurrent_builds: lane.maxConcurrentBuilds,
    guaranteed_builds: lane.guaranteedBuilds,
    max_queued_builds: lane.maxQueuedBuilds,
    weight: lane.weight,
    running_cpu: cpuText(lane.runningCpuMillis),
    running_memory: memoryText(lane.runningMemoryBytes),
    oldest_wait_seconds: orNull(lane.oldestWaitSeconds),
    finished_last_hour: lane.finishedLastHour,
  };
}

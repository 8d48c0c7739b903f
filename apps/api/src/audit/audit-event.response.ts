import type { AuditEvent } from '@image-factory/persistence';
import { orNull, Shown } from '../http/response/shown.js';

export class AuditEventResponse {
  @Shown('text') readonly id!: string;
  @Shown('time') readonly occurred_at!: string;
  @Shown('text') readonly actor!: string;
  @Shown('text') readonly actor_role!: string;
  @Shown('id', { nullable: true }) readonly tenant_id!: string | null;
  @Shown('text', { description: 'As in provider.change' }) readonly action!: string;
  @Shown('text') readonly object_type!: string;
  @Shown('text') readonly object_id!: string;
  @Shown('object', { nullable: true }) readonly before!: unknown;
  @Shown('object', { nullable: true }) readonly after!: unknown;
  @Shown('text', { nullable: true }) readonly trace_id!: string | null;
}

export function toAuditEventResponse(event: AuditEvent): AuditEventResponse {
  return {
    id: event.id,
    occurred_at: event.occurredAt.toISOString(),
    actor: event.actor,
    actor_role: event.actorRole,
    tenant_id: orNull(event.tenantId),
    action: event.action,
    object_type: event.objectType,
    object_id: event.objectId,
    before: event.before ?? null,
    after: event.after ?? null,
    trace_id: orNull(event.traceId),
  };
}

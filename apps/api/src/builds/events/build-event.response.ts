import type { BuildEvent } from '@image-factory/persistence';
import { type Audience, told } from '../../access/audience.js';
import { orNull, Shown } from '../../http/response/shown.js';

/** One line of the timeline. */
export class BuildEventResponse {
  @Shown('text') readonly id!: string;
  @Shown('time') readonly occurred_at!: string;
  @Shown('text', { choices: ['build', 'execution', 'waiting'] }) readonly subject!: string;
  @Shown('id', { nullable: true }) readonly execution_id!: string | null;
  @Shown('integer', { nullable: true }) readonly attempt!: number | null;
  @Shown('text', { nullable: true }) readonly from!: string | null;
  @Shown('text', { nullable: true }) readonly to!: string | null;
  @Shown('text', { nullable: true }) readonly reason!: string | null;
  @Shown('text', { nullable: true }) readonly message!: string | null;
  @Shown('text', { description: '`user:<key name>`, `dispatcher:<id>` or `system`' }) readonly actor!: string;
}

export function toBuildEventResponse(event: BuildEvent, audience: Audience): BuildEventResponse {
  return {
    id: event.id,
    occurred_at: event.occurredAt.toISOString(),
    subject: event.subject,
    execution_id: orNull(event.executionId),
    attempt: orNull(event.attempt),
    from: orNull(event.from),
    to: orNull(event.to),
    reason: orNull(event.reason),
    message: told(audience, event.reason, event.message),
    actor: event.actor,
  };
}

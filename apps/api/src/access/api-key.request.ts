import { displayName, type Role, ROLES } from '@image-factory/domain';
import { ChoiceField, IdField, TextField, TimeField } from '../http/validation/fields.js';

export class CreateApiKeyRequest {
  @TextField(displayName, { description: 'Shown in timelines and in the audit trail' })
  readonly name!: string;

  @ChoiceField(ROLES, { description: 'What it may do' })
  readonly role!: Role;

  @IdField({ optional: true, nullable: true, description: 'Its tenant; none for system-admin and platform-operator' })
  readonly tenant_id?: string | null;

  @TimeField({ optional: true, nullable: true, description: 'When it stops to work; never when absent' })
  readonly expires_at?: string | null;
}

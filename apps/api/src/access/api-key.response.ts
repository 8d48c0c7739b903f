import { ROLES } from '@image-factory/domain';
import type { ApiKey } from '@image-factory/persistence';
import { orNull, Shown, timeOrNull } from '../http/response/shown.js';

export class ApiKeyResponse {
  @Shown('id') readonly id!: string;
  @Shown('text') readonly name!: string;
  @Shown('text', { choices: ROLES }) readonly role!: string;
  @Shown('id', { nullable: true }) readonly tenant_id!: string | null;
  @Shown('text') readonly created_by!: string;
  @Shown('time') readonly created_at!: string;
  @Shown('time', { nullable: true }) readonly expires_at!: string | null;
  @Shown('time', { nullable: true }) readonly revoked_at!: string | null;
  @Shown('time', { nullable: true, description: 'To the minute' }) readonly last_used_at!: string | null;
}

/** The only answer that ever has the key. */
export class CreatedApiKeyResponse extends ApiKeyResponse {
  @Shown('text', { nullable: true, description: 'Shown once; null when the answer is repeated' })
  readonly key!: string | null;
}

export function toApiKeyResponse(key: ApiKey): ApiKeyResponse {
  return {
    id: key.id,
    name: key.name,
    role: key.role,
    tenant_id: orNull(key.tenantId),
    created_by: key.createdBy,
    created_at: key.createdAt.toISOString(),
    expires_at: timeOrNull(key.expiresAt),
    revoked_at: timeOrNull(key.revokedAt),
    last_used_at: timeOrNull(key.lastUsedAt),
  };
}

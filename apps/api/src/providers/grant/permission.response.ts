import type { ProviderPermission } from '@image-factory/persistence';
import { Shown, timeOrNull } from '../../http/response/shown.js';

/** A grant of a provider to a tenant. */
export class PermissionResponse {
  @Shown('id') readonly provider_id!: string;
  @Shown('id') readonly tenant_id!: string;
  @Shown('text') readonly tenant_name!: string;
  @Shown('text') readonly granted_by!: string;
  @Shown('time') readonly granted_at!: string;
  @Shown('time', { nullable: true }) readonly expires_at!: string | null;
}

export function toPermissionResponse(permission: ProviderPermission): PermissionResponse {
  return {
    provider_id: permission.providerId,
    tenant_id: permission.tenantId,
    tenant_name: permission.tenantName,
    granted_by: permission.grantedBy,
    granted_at: permission.grantedAt.toISOString(),
    expires_at: timeOrNull(permission.expiresAt),
  };
}

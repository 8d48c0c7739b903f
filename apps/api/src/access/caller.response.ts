import { ApiProperty } from '@nestjs/swagger';
import { PERMISSIONS, ROLE_PERMISSIONS, ROLES } from '@image-factory/domain';
import type { Caller } from './caller.js';

/** Who a key belongs to and what it may do. */
export class CallerResponse {
  @ApiProperty({ type: String, format: 'uuid' })
  readonly key_id!: string;

  @ApiProperty({ type: String })
  readonly name!: string;

  @ApiProperty({ type: [String], enum: ROLES })
  readonly roles!: readonly string[];

  @ApiProperty({
    type: [String],
    description: 'Ids of the tenants of the caller; empty for the roles that may see all',
  })
  readonly tenants!: readonly string[];

  @ApiProperty({ type: Boolean })
  readonly all_tenants!: boolean;

  @ApiProperty({ type: [String], enum: PERMISSIONS })
  readonly permissions!: readonly string[];
}

export function toCallerResponse(caller: Caller): CallerResponse {
  return {
    key_id: caller.keyId,
    name: caller.keyName,
    roles: [caller.role],
    tenants: caller.tenantId === undefined ? [] : [caller.tenantId],
    all_tenants: caller.tenantId === undefined,
    permissions: ROLE_PERMISSIONS[caller.role],
  };
}

import { Inject, Injectable } from '@nestjs/common';
import type { Issue } from '@image-factory/domain';
import {
  type CredentialKind,
  PostgresCredentials,
  type RegistryAuthValue,
  type RepositoryAuthValue,
} from '@image-factory/persistence';
import { API_BASE } from '../access/route-table.js';
import { AuditedWrites } from '../http/write/audited-writes.js';
import { type CreatedAnswer, IdempotentWrites } from '../http/write/idempotent-writes.js';
import type { TenantScope } from '../http/request-scope.js';
import { refuseIssues } from '../http/validation/validate-request.js';
import { CREDENTIAL_FIELDS } from './credential.request.js';
import { CredentialResponse, toCredentialResponse } from './credential.response.js';

/** Seals a credential; its values are never shown again. */
@Injectable()
export class CreateCredential {
  constructor(
    @Inject(PostgresCredentials) private readonly credentials: PostgresCredentials,
    @Inject(IdempotentWrites) private readonly writes: IdempotentWrites,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute<T extends { readonly name: string; readonly type: string }>(
    scope: TenantScope,
    kind: CredentialKind,
    request: T,
    toValue: (request: T) => RegistryAuthValue | RepositoryAuthValue,
  ): Promise<CreatedAnswer<CredentialResponse>> {
    refuseIssues(fieldIssues(kind, request));
    return this.writes.run(scope, async () => async (tx) => {
      const credential = await this.credentials.create(tx, kind, scope.tenantId, request.name, toValue(request));
      const body = toCredentialResponse(credential);
      await this.audited.note(tx, scope, {
        action: `${kind}-auth.create`,
        objectType: `${kind}-auth`,
        objectId: credential.id,
        tenantId: scope.tenantId,
        after: body,
      });
      return { status: 201, headers: { location: `${API_BASE}/${kind}-auths/${credential.id}` }, body };
    });
  }
}

/** Fields that the type lacks, and fields of other types. */
function fieldIssues(kind: CredentialKind, request: { readonly type: string }): Issue[] {
  const fields = CREDENTIAL_FIELDS[`${kind}.${request.type}`];
  if (fields === undefined) return [];
  const given = Object.entries(request)
    .filter(([name, value]) => value !== undefined && name !== 'name' && name !== 'type')
    .map(([name]) => name);
  const missing = fields.required.filter((name) => !given.includes(name));
  const extra = given.filter((name) => !fields.required.includes(name) && !fields.optional.includes(name));
  return [
    ...missing.map((path) => ({ path, message: `is required by the type ${request.type}` })),
    ...extra.map((path) => ({ path, message: `is not used by the type ${request.type}` })),
  ];
}

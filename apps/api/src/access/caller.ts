import type { Role } from '@image-factory/domain';

/** Who sent a request: the owner of an API key. */
export interface Caller {
  readonly keyId: string;
  readonly keyName: string;
  readonly role: Role;
  /** The tenant that the key belongs to; undefined for the platform's roles. */
  readonly tenantId: string | undefined;
  /** As timelines and the audit trail name it. */
  readonly actor: string;
}

import { isAllowed, type Role, tenantText } from '@image-factory/domain';

/**
 * Who reads an answer about builds. The platform's own people see messages as they are stored. A tenant sees nothing of
 * what its builds run on but what is its own: no hosts, addresses, accounts or roles, and not what others run.
 */
export type Audience = 'platform' | 'tenant';

export function audienceOf(role: Role): Audience {
  return isAllowed(role, 'provider:read') ? 'platform' : 'tenant';
}

/** A stored message as this audience may read it; null when there is none. */
export function told(
  audience: Audience,
  reason: string | null | undefined,
  message: string | undefined,
): string | null {
  if (message === undefined) return null;
  return audience === 'platform' ? message : tenantText(reason, message);
}

import { DomainError } from '@image-factory/domain';

/** On whose behalf an address is reached: tenants give git and registry hosts, admins give clusters and proxies. */
export type EgressPurpose = 'git' | 'registry' | 'cluster' | 'proxy';

/** Why a destination is refused. `ResolutionFailed` is the only one that may pass by itself later. */
export type EgressRefusal =
  'UrlInvalid' | 'SchemeForbidden' | 'UserinfoForbidden' | 'HostForbidden' | 'AddressForbidden' | 'ResolutionFailed';

export type EgressVerdict =
  | { readonly allowed: true; readonly host: string; readonly port: number; readonly addresses: readonly string[] }
  | { readonly allowed: false; readonly reason: EgressRefusal; readonly message: string };

/** A refusal as an error, for the edge that has to throw. Nothing was sent when it is thrown. */
export function egressError(refusal: EgressVerdict & { allowed: false }): DomainError {
  const unresolved = refusal.reason === 'ResolutionFailed';
  return new DomainError({
    kind: unresolved ? 'Unavailable' : 'NotAllowed',
    reason: unresolved ? 'ClusterUnreachable' : 'EgressForbidden',
    message: refusal.message,
    fault: 'user',
    retryable: unresolved,
    details: { egressReason: refusal.reason, outcome: 'notSent' },
  });
}

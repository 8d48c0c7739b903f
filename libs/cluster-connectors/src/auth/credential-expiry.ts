import type { ConfigFields, ConnectorContext } from './connector-strategy.js';
import { connectorTable, isAuthMethod, isCloudMethod } from './connector-table.js';
import { certificateExpiry, tokenExpiry } from './token-expiry.js';

/**
 * When the credential of a config ends, as far as the config itself says it: client certificates and JWTs that are
 * given as values, in kubeconfigs too. Those in files, and those that a cloud makes, are known to their connection.
 */
export async function credentialExpiry(fields: ConfigFields, context: ConnectorContext): Promise<Date | undefined> {
  const method = fields['auth_method'];
  if (!isAuthMethod(method) || isCloudMethod(method) || method === 'in-cluster') return undefined;
  if (fields['kubeconfig_path'] !== undefined) return undefined;
  const { identity } = await connectorTable[method].access(fields, context);
  if (identity.kind === 'client-cert' && identity.certificate.kind === 'value') {
    return certificateExpiry(identity.certificate.value.reveal());
  }
  return identity.kind === 'token' && identity.token.kind === 'value'
    ? tokenExpiry(identity.token.value.reveal())
    : undefined;
}

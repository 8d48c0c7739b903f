import type { ProviderSource } from './provider.js';
import { COMMON_CONFIG_FIELDS } from './provider-config.js';

/**
 * Fields of a config that no source has a word for: how builds run there and what stands on the way. They are an
 * administrator's, whatever the source, and a source that is read again keeps them.
 */
export const ADMIN_CONFIG_FIELDS: readonly string[] = COMMON_CONFIG_FIELDS.filter((field) => field !== 'auth_method');

/** What discovery says of an adopted cluster: which one of its cloud it is, and so where. The identity is the admin's. */
const DISCOVERED_FIELDS: readonly string[] = [
  'auth_method',
  'cluster_name',
  'region',
  'project_id',
  'location',
  'subscription_id',
  'resource_group',
  'azure_cloud',
  'endpoint',
  'apiServer',
  'ca_cert',
  'ca_path',
];

/** True when the provider's source says this field of its config, so that an administrator's word on it would be undone. */
export function isOwnedBySource(source: ProviderSource, field: string): boolean {
  if (source === 'api') return false;
  return source === 'discovery' ? DISCOVERED_FIELDS.includes(field) : !ADMIN_CONFIG_FIELDS.includes(field);
}

import { describe, expect, it } from 'vitest';
import { AUTH_METHOD_TABLE, COMMON_CONFIG_FIELDS } from './provider-config.js';
import { ADMIN_CONFIG_FIELDS, isOwnedBySource } from './config-owner.js';
import type { ProviderSource } from './provider.js';

const ALL = [
  ...new Set([
    ...COMMON_CONFIG_FIELDS,
    ...Object.values(AUTH_METHOD_TABLE).flatMap(({ oneOf, optional }) => [...oneOf.flat(), ...optional]),
  ]),
];

describe('the owner of a field of a config', () => {
  it.each<[ProviderSource, readonly string[]]>([
    ['api', ALL],
    ['file', ADMIN_CONFIG_FIELDS],
    ['environment', ADMIN_CONFIG_FIELDS],
  ])('of the source %s leaves to administrators what it says nothing of', (source, theirs) => {
    expect(ALL.filter((field) => !isOwnedBySource(source, field)).sort()).toEqual([...theirs].sort());
  });

  it('of an adopted cluster leaves the identity to administrators, and never which cluster it is', () => {
    const theirs = ['role_arn', 'external_id', 'client_id', 'service_account', 'endpoint_kind', 'proxy_url'];
    expect(theirs.filter((field) => isOwnedBySource('discovery', field))).toEqual([]);
    const clouds = ['auth_method', 'cluster_name', 'region', 'project_id', 'location', 'resource_group', 'endpoint'];
    expect(clouds.filter((field) => !isOwnedBySource('discovery', field))).toEqual([]);
  });
});

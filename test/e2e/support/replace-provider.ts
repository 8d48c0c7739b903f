import type { Platform } from './platform.ts';

/** Disables the provider that a platform begins with and registers another one for all tenants instead. */
export async function replaceProvider(platform: Platform, config: Readonly<Record<string, unknown>>): Promise<void> {
  const providers = '/admin/infrastructure/providers';
  await platform.admin.ok('PATCH', `${providers}/${platform.providerId}/status`, { status: 'disabled' });
  await platform.admin.ok('POST', providers, {
    name: 'instead',
    provider_type: 'kubernetes',
    is_global: true,
    allow_privileged: true,
    config,
  });
}

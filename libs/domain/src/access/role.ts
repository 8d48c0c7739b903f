/** Roles of a caller. `system-admin` and `platform-operator` belong to no tenant; the others to exactly one. */
export const ROLES = ['system-admin', 'platform-operator', 'tenant-admin', 'developer', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

/** `resource:action` pairs that routes ask for. */
export const PERMISSIONS = [
  'project:read',
  'project:manage',
  'credential:read',
  'credential:manage',
  'build:read',
  'build:submit',
  'build:cancel',
  'queue:read',
  'tenant:read',
  'tenant:manage',
  'api-key:read',
  'api-key:manage',
  'provider:read',
  'provider:manage',
  'provider:cordon',
  'dispatcher:read',
  'dispatcher:manage',
  'audit:read',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const VIEWER: readonly Permission[] = ['project:read', 'credential:read', 'build:read', 'queue:read'];
const DEVELOPER: readonly Permission[] = [...VIEWER, 'build:submit', 'build:cancel'];
const TENANT_ADMIN: readonly Permission[] = [...DEVELOPER, 'project:manage', 'credential:manage'];
const OPERATOR: readonly Permission[] = [
  ...VIEWER,
  'tenant:read',
  'api-key:read',
  'provider:read',
  'provider:cordon',
  'dispatcher:read',
  'audit:read',
];

/** Who may do what; the one table. */
export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: VIEWER,
  developer: DEVELOPER,
  'tenant-admin': TENANT_ADMIN,
  'platform-operator': OPERATOR,
  'system-admin': PERMISSIONS,
};

export const TENANT_ROLES: readonly Role[] = ['tenant-admin', 'developer', 'viewer'];

export function isAllowed(role: Role, permission: Permission): boolean {
  return ROLE_PERMISSIONS[role].includes(permission);
}

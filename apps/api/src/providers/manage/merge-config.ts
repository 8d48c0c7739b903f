import { AUTH_METHOD_TABLE, type AuthMethod, AUTH_METHODS } from '@image-factory/domain';

type Config = Readonly<Record<string, unknown>>;

/**
 * A PATCH of a config. What is left out stays, a credential too; null removes a field. A field that stands for another
 * (`token` and `token_path`) takes its place, and a change of the method drops the fields of the old one.
 */
export function mergeConfig(current: Config, patch: Config): Config {
  const merged: Record<string, unknown> = { ...current };
  const method = patch['auth_method'] ?? current['auth_method'];
  if (method !== current['auth_method']) {
    const kept = fieldsOf(method);
    for (const field of fieldsOf(current['auth_method'])) if (!kept.includes(field)) delete merged[field];
  }
  for (const group of oneOf(method)) {
    if (group.some((field) => patch[field] !== undefined && patch[field] !== null)) {
      for (const field of group) delete merged[field];
    }
  }
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete merged[field];
    else if (value !== undefined) merged[field] = value;
  }
  return merged;
}

function oneOf(method: unknown): readonly (readonly string[])[] {
  return isAuthMethod(method) ? AUTH_METHOD_TABLE[method].oneOf : [];
}

function fieldsOf(method: unknown): string[] {
  return isAuthMethod(method) ? [...AUTH_METHOD_TABLE[method].oneOf.flat(), ...AUTH_METHOD_TABLE[method].optional] : [];
}

function isAuthMethod(method: unknown): method is AuthMethod {
  return AUTH_METHODS.includes(method as AuthMethod);
}

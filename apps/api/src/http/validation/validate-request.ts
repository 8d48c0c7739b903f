import { type Issue, invalidInput } from '@image-factory/domain';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';

/** A request that was checked: the typed object, and everything that is wrong with it. */
export interface ValidatedRequest<T> {
  readonly request: T;
  readonly issues: readonly Issue[];
}

export type RequestClass<T extends object> = new () => T;

/** Unknown fields are errors, and all errors are found at once. */
export const VALIDATION_RULES = {
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  validationError: { target: false, value: false },
} as const;

/** Checks a body or query against its class without throwing. */
export function validateRequest<T extends object>(type: RequestClass<T>, value: unknown): ValidatedRequest<T> {
  if (!isPlainObject(value)) {
    return { request: new type(), issues: [{ path: '', message: 'must be a JSON object' }] };
  }
  const reserved = reservedNames(value);
  const request = plainToInstance(type, reserved.length === 0 ? value : withoutReservedNames(value));
  return { request, issues: [...reserved, ...toIssues(validateSync(request, VALIDATION_RULES))] };
}

/** class-transformer reads these from the prototype chain: it drops them at the top and fails on them below. */
const RESERVED: readonly string[] = ['constructor', '__proto__'];

/** Where a body has a field of such a name, at any depth. */
export function reservedNames(value: unknown, path = ''): Issue[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => {
    const own = joinPath(path, name);
    return RESERVED.includes(name)
      ? [{ path: own, message: 'is a reserved name; choose another' }]
      : reservedNames(item, own);
  });
}

function withoutReservedNames(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value), function keep(this: unknown, name: string, item: unknown) {
    return RESERVED.includes(name) ? undefined : item;
  }) as Record<string, unknown>;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Flattens class-validator's tree into paths as in `build_config.platforms[1]`. */
export function toIssues(errors: readonly ValidationError[], parent = ''): Issue[] {
  return errors.flatMap((error) => {
    const path = joinPath(parent, error.property);
    const own = Object.entries(error.constraints ?? {}).flatMap(([constraint, message]) =>
      constraint === 'whitelistValidation'
        ? [{ path, message: 'is not a field of this request' }]
        : message.split('\n').map((line) => toIssue(path, line)),
    );
    return [...own, ...toIssues(error.children ?? [], path)];
  });
}

/** A line that begins with `[key] ` belongs to that element. */
function toIssue(path: string, line: string): Issue {
  const element = /^(\[(?:\d+|"(?:[^"\\]|\\.)*")\]) (.*)$/s.exec(line);
  return element === null ? { path, message: line } : { path: `${path}${element[1]}`, message: element[2] ?? '' };
}

function joinPath(parent: string, property: string): string {
  if (parent === '') return property;
  return /^\d+$/.test(property) ? `${parent}[${property}]` : `${parent}.${property}`;
}

/** @throws DomainError InvalidInput ValidationFailed with every issue, when there is one */
export function refuseIssues(issues: readonly Issue[]): void {
  if (issues.length === 0) return;
  const fields = issues.length === 1 ? 'one field is' : `${issues.length} fields are`;
  throw invalidInput('ValidationFailed', `the request is not valid: ${fields} wrong, see errors`, issues);
}

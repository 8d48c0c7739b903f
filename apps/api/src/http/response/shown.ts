import { ApiProperty } from '@nestjs/swagger';

type Kind = 'text' | 'id' | 'time' | 'integer' | 'number' | 'boolean' | 'texts' | 'map' | 'object';

const SCHEMAS: Readonly<Record<Kind, object>> = {
  text: { type: 'string' },
  id: { type: 'string', format: 'uuid' },
  time: { type: 'string', format: 'date-time' },
  integer: { type: 'integer' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  texts: { type: 'array', items: { type: 'string' } },
  map: { type: 'object', additionalProperties: { type: 'string' } },
  object: { type: 'object', additionalProperties: true },
};

export interface ShownOptions {
  readonly nullable?: boolean;
  /** The property may be left out. */
  readonly optional?: boolean;
  readonly choices?: readonly string[];
  readonly description?: string;
  readonly example?: unknown;
}

/** A property of an answer, as the OpenAPI document shows it. */
export function Shown(kind: Kind, options: ShownOptions = {}): PropertyDecorator {
  return ApiProperty({
    ...SCHEMAS[kind],
    required: options.optional !== true,
    ...(options.nullable === true ? { nullable: true } : {}),
    ...(options.choices === undefined
      ? {}
      : { enum: options.nullable === true ? [...options.choices, null] : [...options.choices] }),
    ...(options.example === undefined ? {} : { example: options.example }),
    ...(options.description === undefined ? {} : { description: options.description }),
  });
}

/** A property that is an answer of its own (or a list of them). */
export function ShownAs(
  type: () => new () => object,
  options: { readonly list?: boolean; readonly nullable?: boolean; readonly description?: string } = {},
): PropertyDecorator {
  return ApiProperty({
    // Nest takes a function for a lazy type only when its name is `type`.
    type: () => type(),
    isArray: options.list === true,
    ...(options.nullable === true ? { nullable: true } : {}),
    ...(options.description === undefined ? {} : { description: options.description }),
  });
}

/** `null` on the wire for what is not there. */
export function orNull<T>(value: T | undefined): T | null {
  return value ?? null;
}

/** RFC 3339 in UTC, or null. */
export function timeOrNull(value: Date | undefined): string | null {
  return value?.toISOString() ?? null;
}

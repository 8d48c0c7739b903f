import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { ValidateBy, ValidateIf, ValidateNested } from 'class-validator';
import type { Grammar } from '@image-factory/domain';

/** What every field of a request says about itself. */
export interface FieldOptions {
  readonly description: string;
  readonly optional?: boolean;
  /** `null` is accepted and clears the field. */
  readonly nullable?: boolean;
  readonly example?: unknown;
}

/**
 * What is wrong with a value, or undefined. Several lines are several problems; a line that begins with `[key] `
 * belongs to that element of an array or map.
 */
export type Check = (value: unknown) => string | undefined;

/** A property that is checked by one function and shown in the OpenAPI document. */
function checked(check: Check, options: FieldOptions, schema: Record<string, unknown>): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      description: options.description,
      required: options.optional !== true,
      ...(options.nullable === true ? { nullable: true } : {}),
      ...(options.example === undefined ? {} : { example: options.example }),
      ...schema,
    }),
    skipAbsent(options),
    ValidateBy({
      name: 'field',
      validator: {
        validate: (value: unknown) => check(value) === undefined,
        defaultMessage: (args) => check(args?.value) ?? '',
      },
    }),
  );
}

function skipAbsent(options: FieldOptions): PropertyDecorator {
  return ValidateIf(
    (_object, value) =>
      !(options.optional === true && value === undefined) && !(options.nullable === true && value === null),
  );
}

/** Texts that PostgreSQL cannot hold: NUL, and halves of surrogate pairs. */
export function unstorable(text: string): string | undefined {
  return /\0|\p{Surrogate}/u.test(text) ? 'must be well-formed Unicode without NUL' : undefined;
}

function textCheck(grammar: Grammar): Check {
  return (value) => (typeof value === 'string' ? (unstorable(value) ?? grammar(value)) : 'must be a string');
}

/** A text with a grammar of the domain's. */
export function TextField(
  grammar: Grammar,
  options: FieldOptions & { readonly maxLength?: number },
): PropertyDecorator {
  return checked(textCheck(grammar), options, {
    type: 'string',
    ...(options.maxLength ? { maxLength: options.maxLength } : {}),
  });
}

/** Any text within bounds, for values that are sealed or only shown. */
export function boundedText(minLength: number, maxLength: number): Grammar {
  return (text) =>
    text.length < minLength || text.length > maxLength ? `must be ${minLength} to ${maxLength} characters` : undefined;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** True for the text of a UUID of any version, not nil. */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && UUID.test(text);
}

export function IdField(options: FieldOptions): PropertyDecorator {
  return checked((value) => (isUuid(value) ? undefined : 'must be a UUID'), options, {
    type: 'string',
    format: 'uuid',
  });
}

export function IntegerField(minimum: number, maximum: number, options: FieldOptions): PropertyDecorator {
  return checked(integerCheck(minimum, maximum), options, { type: 'integer', minimum, maximum });
}

function integerCheck(minimum: number, maximum: number): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
      ? undefined
      : `must be an integer from ${minimum} to ${maximum}`;
}

export function NumberField(minimum: number, maximum: number, options: FieldOptions): PropertyDecorator {
  return checked(
    (value) =>
      typeof value === 'number' && value >= minimum && value <= maximum
        ? undefined
        : `must be a number from ${minimum} to ${maximum}`,
    options,
    { type: 'number', minimum, maximum },
  );
}

export function BooleanField(options: FieldOptions): PropertyDecorator {
  return checked((value) => (typeof value === 'boolean' ? undefined : 'must be true or false'), options, {
    type: 'boolean',
  });
}

export function ChoiceField(choices: readonly string[], options: FieldOptions): PropertyDecorator {
  return checked(choiceCheck(choices), options, { type: 'string', enum: [...choices] });
}

function choiceCheck(choices: readonly string[]): Check {
  return (value) => (choices.includes(value as string) ? undefined : `must be one of ${choices.join(', ')}`);
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** True for a time of RFC 3339 that exists: the platform's parser takes 30 February for 2 March, and 24:00. */
export function isTime(text: unknown): text is string {
  if (typeof text !== 'string' || !RFC3339.test(text) || Number.isNaN(Date.parse(text))) return false;
  const day = text.slice(0, 10);
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) && !text.startsWith('T24', 10);
}

export function TimeField(options: FieldOptions): PropertyDecorator {
  return checked(
    (value) => (isTime(value) ? undefined : 'must be a time of RFC 3339, as in 2026-01-31T12:00:00Z'),
    options,
    { type: 'string', format: 'date-time' },
  );
}

/** An array of texts, each with the same grammar, none twice. */
export function ListField(
  grammar: Grammar,
  maxItems: number,
  options: FieldOptions & { readonly choices?: readonly string[] },
): PropertyDecorator {
  const check: Check = (value) => {
    if (!Array.isArray(value)) return 'must be an array';
    if (value.length > maxItems) return `must have at most ${maxItems} items`;
    const seen = new Set<unknown>();
    const problems = value.flatMap((item: unknown, index) => {
      const problem = seen.has(item) ? 'is there twice' : textCheck(grammar)(item);
      seen.add(item);
      return problem === undefined ? [] : [`[${index}] ${problem}`];
    });
    return problems.length === 0 ? undefined : problems.join('\n');
  };
  const items = { type: 'string', ...(options.choices ? { enum: [...options.choices] } : {}) };
  return checked(check, options, { type: 'array', items, maxItems });
}

/** A list of words from a closed set. */
export function ChoicesField(choices: readonly string[], options: FieldOptions): PropertyDecorator {
  const grammar: Grammar = (text) => choiceCheck(choices)(text);
  return ListField(grammar, choices.length, { ...options, choices });
}

/** An object of texts: names and values have a grammar each. */
export function MapField(
  nameGrammar: Grammar,
  valueGrammar: Grammar,
  maxEntries: number,
  options: FieldOptions,
): PropertyDecorator {
  const check: Check = (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object of strings';
    const entries = Object.entries(value as Record<string, unknown>);
    if (entries.length > maxEntries) return `must have at most ${maxEntries} entries`;
    const problems = entries.flatMap(([name, item]) => {
      const wrongName = textCheck(nameGrammar)(name);
      const problem = wrongName === undefined ? textCheck(valueGrammar)(item) : `its name ${wrongName}`;
      return problem === undefined ? [] : [`[${JSON.stringify(name.slice(0, 60))}] ${problem}`];
    });
    return problems.length === 0 ? undefined : problems.slice(0, 50).join('\n');
  };
  return checked(check, options, { type: 'object', additionalProperties: { type: 'string' } });
}

/** An object without rules of its own here: the caller validates it (a provider's config). */
export function ObjectField(options: FieldOptions): PropertyDecorator {
  return checked(
    (value) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'must be an object'),
    options,
    { type: 'object', additionalProperties: true },
  );
}

/** An object with fields of its own. */
export function NestedField(type: () => new () => object, options: FieldOptions): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      description: options.description,
      required: options.optional !== true,
      // Nest takes a function for a lazy type only when its name is `type`.
      type: () => type(),
    }),
    skipAbsent(options),
    ValidateNested({ message: 'must be an object' }),
    // ValidateNested takes null, and an array for a list of such objects.
    ValidateBy({
      name: 'object',
      validator: {
        validate: (value: unknown) => value !== null && !Array.isArray(value),
        defaultMessage: () => 'must be an object',
      },
    }),
    Type(type),
  );
}

/** A whole number in the query string. */
export function QueryIntegerField(minimum: number, maximum: number, options: FieldOptions): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value,
    ),
    IntegerField(minimum, maximum, { ...options, optional: true }),
  );
}

/** `true` or `false` in the query string. */
export function QueryBooleanField(options: FieldOptions): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value)),
    BooleanField({ ...options, optional: true }),
  );
}

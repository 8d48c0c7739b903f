import { ValidateBy, ValidateIf } from 'class-validator';

/** What is wrong with a value, or undefined. The value is not repeated: it may be a secret. */
export type Check = (value: string) => string | undefined;

/** A variable that may be absent; when it is there it must be right. */
export function Variable(check: Check): PropertyDecorator {
  const whenThere = ValidateIf((_object, value) => value !== undefined);
  const checked = ValidateBy({
    name: 'variable',
    validator: {
      validate: (value: unknown) => check(String(value)) === undefined,
      defaultMessage: (args) => check(String(args?.value)) ?? '',
    },
  });
  return (target, name) => {
    whenThere(target, name);
    checked(target, name);
  };
}

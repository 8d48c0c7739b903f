import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Check } from './variable.js';

/** Anything but white space. */
export const text: Check = (value) => (value.trim() === '' ? 'must not be empty; leave it out instead' : undefined);

/** One of some words. */
export const choice =
  (choices: readonly string[]): Check =>
  (value) =>
    choices.includes(value) ? undefined : `must be one of ${choices.join(', ')}`;

/** `true` or `false`. */
export const flag = choice(['true', 'false']);

/** A whole number, bounds included. */
export const integer =
  (minimum: number, maximum: number): Check =>
  (value) =>
    /^\d{1,10}$/.test(value) && Number(value) >= minimum && Number(value) <= maximum
      ? undefined
      : `must be an integer from ${minimum} to ${maximum}`;

/** A URL of one of some protocols, as in `https:`. */
export const url =
  (...protocols: string[]): Check =>
  (value) =>
    URL.canParse(value) && protocols.includes(new URL(value).protocol)
      ? undefined
      : `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;

/** The path of a file that this process may read. */
export const readableFile: Check = (value) => {
  try {
    readFileSync(value);
    return undefined;
  } catch {
    return 'must be the path of a file that can be read';
  }
};

/** A path from the root. */
export const absolutePath: Check = (value) => (isAbsolute(value) ? undefined : 'must be an absolute path');

/** A list of absolute paths of directories. */
export const directories: Check = (value) => {
  const wrong = splitList(value).filter((path) => !isAbsolute(path) || !existsSync(path));
  return wrong.length === 0 ? undefined : `must be absolute paths of directories that exist: ${wrong.join(', ')}`;
};

/** A list whose items all have a form; `what` names them in the message. */
export const listOf =
  (form: RegExp, what: string): Check =>
  (value) =>
    splitList(value).every((item) => form.test(item)) ? undefined : `must be ${what}, with commas between`;

/** A list with commas between; absent is empty. */
export function splitList(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

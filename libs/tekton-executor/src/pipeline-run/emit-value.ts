/** What a template may emit. */
export type TemplateValue = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;

/**
 * The one escaping helper of the templates: every `<%= … %>` passes through it. JSON in ASCII is also a YAML flow
 * scalar, list or mapping on one line, so no value can end its own quotes, begin a line or be read as another type.
 * @throws TypeError for anything that JSON has no text for: a template has named a field that does not exist
 */
export function emitValue(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError('a template emits a value that does not exist');
  return text.replace(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ejs from 'ejs';
import { BUILD_METHODS } from '@image-factory/domain';
import type { BuildMethod } from '@image-factory/domain';
import { emitValue } from './emit-value.js';
import type { TemplateView } from './template-view.js';

/** Directory of the templates, beside this file: the same in `src` and, copied by the build, in `dist`. */
const DIRECTORY = fileURLToPath(new URL('./templates/', import.meta.url));

type Template = (view: TemplateView) => string;

let compiled: ReadonlyMap<BuildMethod, Template> | undefined;

/** Text of the run in YAML, from the method's template. */
export function renderTemplate(method: BuildMethod, view: TemplateView): string {
  compiled ??= new Map(BUILD_METHODS.map((name) => [name, compile(name)]));
  const template = compiled.get(method);
  if (template === undefined) throw new TypeError(`no template for method ${method}`);
  return template(view);
}

function compile(method: BuildMethod): Template {
  const filename = `${DIRECTORY}${method}.ejs`;
  if (!existsSync(filename)) throw new Error(`The template ${filename} is missing: build the package again`);
  const template = ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    strict: true,
    _with: false,
    localsName: 'run',
    escape: emitValue,
    cache: false,
  });
  return (view) => template({ ...view });
}

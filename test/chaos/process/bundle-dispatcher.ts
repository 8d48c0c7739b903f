/**
 * Puts the dispatcher process of the suite into a few files instead of 3,700. Deaths are what a run spends its time with, and
 * most of a start was the loading of modules: 1.1 s of processor time, 0.25 s so. A script, for the memory that it takes.
 */
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';
import { BUNDLED_DISPATCHER } from './dispatcher-process.ts';

const ENTRY = fileURLToPath(new URL('./chaos-dispatcher.ts', import.meta.url));
/** There is one of these for all who load it: the fault hook wraps the driver that the product uses. */
const ALONE = ['pg'];
/** What a package would load if it were there, and is not. */
const ABSENT = /^(@nestjs\/(microservices|websockets)|@fastify\/(view|static)|class-transformer\/storage|pg-native)/;

/** Is loaded from where its importer would have it from. */
function leaveAlone(): Plugin {
  return {
    name: 'leave-alone',
    resolveId(source, importer) {
      if (!ALONE.includes(source) || importer === undefined) return null;
      return { id: createRequire(importer).resolve(source), external: 'absolute' };
    },
  };
}

/** A module finds the files beside it as if it still stood there. */
function keepPlaces(): Plugin {
  return {
    name: 'keep-places',
    transform(code, id) {
      if (!code.includes('import.meta.url') || id.includes('node_modules')) return null;
      return code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href));
    },
  };
}

const bundle = await rolldown({
  input: ENTRY,
  platform: 'node',
  external: [ABSENT],
  logLevel: 'silent',
  plugins: [leaveAlone(), keepPlaces()],
});
await bundle.write({
  dir: dirname(BUNDLED_DISPATCHER),
  format: 'esm',
  cleanDir: true,
  // Names are what Nest tells its providers by.
  minify: { mangle: false, compress: false, codegen: { removeWhitespace: true } },
  entryFileNames: basename(BUNDLED_DISPATCHER),
  chunkFileNames: '[name]-[hash].mjs',
});

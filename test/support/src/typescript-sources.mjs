import { registerHooks } from 'node:module';

/*
 * `node --conditions=source --import …/typescript-sources.mjs file.ts` runs a workspace's TypeScript sources without a build:
 * node strips the types, this hook finds `./x.ts` where `./x.js` is imported.
 */
registerHooks({
  resolve(specifier, context, nextResolve) {
    try {
      return nextResolve(specifier, context);
    } catch (error) {
      if (!specifier.startsWith('.') || !specifier.endsWith('.js')) throw error;
      return nextResolve(`${specifier.slice(0, -3)}.ts`, context);
    }
  },
});

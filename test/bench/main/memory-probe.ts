/**
 * Preloaded into a process under measurement (`NODE_OPTIONS="--expose-gc --import …"`): on SIGUSR2 it collects garbage
 * and writes its heap's live bytes to the file that the benchmark waits for.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { probeFile } from './memory.ts';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const file = probeFile(process.pid);
  writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.part`, file);
});

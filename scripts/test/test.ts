/** `npm test`: everything that must hold and needs neither a cluster nor a cloud. */
import { runGate } from './gate.ts';
import { ARROWS, BUILD, FORMAT, LINT, TYPES } from './gates.ts';
import { closing, type Tally } from './tally.ts';
import { runVitest } from './vitest-run.ts';

const NOT_RUN = [
  ['end to end', 'needs the real cluster, root and Linux: npm run test:e2e'],
  ['each Tekton Task by itself', 'needs the real cluster as well: node test/cluster/tasks-check/tasks-check.ts'],
  ['chaos', 'takes minutes: npm run test:chaos -- --points 100'],
  ['guards of the benchmarks', 'takes minutes: npm run test:bench'],
  ['benchmarks', 'judge nothing: npm run bench -- queue|logs|watch|latency|fleet|pressure|main'],
  ['live clouds (EKS, GKE, AKS)', 'need accounts: npm run check:cloud -- aws|gcp|azure'],
] as const;

/** Compiles first, for the rest reads what that makes; then the cheap checks two by two, then the tests. */
async function main(): Promise<number> {
  const tallies: Tally[] = [await runGate(BUILD)];
  tallies.push(...(await Promise.all([runGate(TYPES), runGate(ARROWS)])));
  tallies.push(...(await Promise.all([runGate(LINT), runGate(FORMAT)])));
  tallies.push(await runVitest('unit', []));
  tallies.push(await runVitest('integration', []));
  process.stdout.write('\nNot run here:\n');
  for (const [what, why] of NOT_RUN) process.stdout.write(`  ${what}: ${why}\n`);
  const { text, exitCode } = closing(tallies);
  process.stdout.write(text);
  return exitCode;
}

process.exitCode = await main();

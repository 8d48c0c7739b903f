/** `npm run check:config -- FILE`: shows the clusters of a configuration file as understood, or every problem. */
import { homedir } from 'node:os';
import { runMain } from '../start/failure.ts';
import { runCheck } from './run-check.ts';

await runMain(async () => {
  const { exitCode, lines } = await runCheck(process.argv.slice(2), homedir());
  const out = exitCode === 0 ? process.stdout : process.stderr;
  out.write(`${lines.join('\n')}\n`);
  return exitCode;
});

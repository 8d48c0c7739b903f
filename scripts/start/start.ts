/** `npm start`: everything on one machine, without an example; ends within 20 s of SIGTERM or Ctrl-C. */
import { Failure, runMain } from './failure.ts';
import { startPlatform } from './platform.ts';
import { readSettings } from './settings.ts';
import { showStep } from './show-step.ts';
import { aborted, stopSignal } from './stop-signal.ts';

async function main(): Promise<number> {
  if (process.argv.length > 2) {
    throw new Failure(
      `npm start takes no arguments (${process.argv.slice(2).join(' ')}).`,
      'Settings are in .env.example.',
    );
  }
  const stop = stopSignal();
  const pretty = process.stdout.isTTY && !process.env['IF_LOGGER_FORMAT'];
  const platform = await startPlatform({
    settings: readSettings(),
    logs: 'prefix',
    moveTakenPorts: false,
    environment: pretty ? { IF_LOGGER_FORMAT: 'pretty' } : {},
    step: showStep,
  });
  try {
    process.stdout.write(`API        ${platform.apiUrl}/api/v1\nDocs       ${platform.apiUrl}/docs\n`);
    process.stdout.write(`Admin key  ${platform.adminKeyFile ?? 'IF_BOOTSTRAP_ADMIN_KEY'}\n`);
    await Promise.race([aborted(stop), platform.broken]);
    return 0;
  } finally {
    await platform.stop();
  }
}

await runMain(main);

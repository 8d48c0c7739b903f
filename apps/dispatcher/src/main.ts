import 'reflect-metadata';
import { createLogger, startTelemetry, type Logger } from '@image-factory/telemetry';
import type { EnvProblem } from '@image-factory/configuration';
import { readEnv, type DispatcherEnv } from './config/env.js';
import { createDispatcher, DISPATCHER_VERSION } from './create-dispatcher.js';
import type { Dispatcher } from './dispatcher.js';

/** Longest time from SIGTERM to the end of the process. */
const STOP_LIMIT_MS = 20_000;

/** Of Node's slabs for small buffers: one that lives as long as its socket keeps the whole slab, else of 64 KiB. */
Buffer.poolSize = 8 * 1024;

/** Entry of the process: `main.js [--once]`. */
async function main(argv: readonly string[]): Promise<number | undefined> {
  const result = readEnv();
  if (result.kind === 'invalid') return refuse(result.problems);
  const { env } = result;
  const logger = createLogger({
    level: env.loggerLevel,
    format: env.loggerFormat,
    service: 'image-factory-dispatcher',
  });
  const telemetry = await startTelemetry({
    service: 'image-factory-dispatcher',
    version: DISPATCHER_VERSION,
    ...(env.otlpEndpoint === undefined ? {} : { otlpEndpoint: env.otlpEndpoint }),
  });
  const once = argv.includes('--once');
  const dispatcher = await createDispatcher(once ? anyPort(env) : env, logger, {
    metricsText: () => telemetry.metricsText(),
  });
  stopOnSignals(dispatcher, logger, () => telemetry.shutdown());
  if (!once) {
    await dispatcher.start();
    return undefined;
  }
  const code = await dispatcher.runOnce();
  await dispatcher.stop();
  await telemetry.shutdown();
  return code;
}

/** A single run stands beside a running dispatcher, whose port it must not want. */
function anyPort(env: DispatcherEnv): DispatcherEnv {
  return { ...env, httpPort: 0 };
}

function refuse(problems: readonly EnvProblem[]): number {
  const lines = problems.map(({ name, message }) => `  ${name} ${message}`);
  process.stderr.write(`The environment is wrong:\n${lines.join('\n')}\n`);
  return 1;
}

function stopOnSignals(dispatcher: Dispatcher, logger: Logger, flush: () => Promise<void>): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    logger.info('signal received', { signal });
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    dispatcher
      .stop()
      .then(flush)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error('the stop failed', { error });
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main(process.argv.slice(2)).then(
  (code) => {
    if (code !== undefined) process.exit(code);
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);

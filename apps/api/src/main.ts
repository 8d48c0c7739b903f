import { createLogger, startTelemetry } from '@image-factory/telemetry';
import { readEnv } from './config/env.js';
import { API_VERSION, createApi } from './create-api.js';

/** Whatever hangs, the process is gone after this. */
const STOP_LIMIT_MS = 19_000;

async function main(): Promise<void> {
  const result = readEnv();
  if (result.kind === 'invalid') {
    for (const { name, message } of result.problems) process.stderr.write(`${name} ${message}\n`);
    process.exitCode = 1;
    return;
  }
  const { env } = result;
  const logger = createLogger({ level: env.loggerLevel, format: env.loggerFormat, service: 'api' });
  const telemetry = await startTelemetry({
    service: 'image-factory-api',
    version: API_VERSION,
    metricsPort: env.metricsPort,
    metricsHost: env.serverHost,
    ...(env.otlpEndpoint === undefined ? {} : { otlpEndpoint: env.otlpEndpoint }),
  });
  const api = await createApi(env, { logger });
  logger.info('the API listens', { url: api.url });

  let exitCode = 0;
  const stop = async (): Promise<void> => {
    setTimeout(() => process.exit(exitCode === 0 ? 1 : exitCode), STOP_LIMIT_MS).unref();
    await api.close();
    await telemetry.shutdown();
    process.exit(exitCode);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
  api.ready.catch((error: unknown) => {
    logger.error('the API cannot start', { error });
    exitCode = 1;
    void stop();
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`the API cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});

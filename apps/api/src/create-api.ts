import 'reflect-metadata';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Clock } from '@image-factory/domain';
import { EgressPolicy, type EgressOptions } from '@image-factory/egress';
import { Database, Notifier } from '@image-factory/persistence';
import { ConnectionPool } from '@image-factory/cluster-registry';
import {
  createLogger,
  type Logger,
  Metrics,
  observeDatabase,
  systemClock,
  toFrameworkLogger,
} from '@image-factory/telemetry';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import { AccessGuard } from './access/access.guard.js';
import { API_BASE } from './access/route-table.js';
import { AppModule } from './app.module.js';
import type { ApiEnv } from './config/env.js';
import { EmbeddedDispatcher } from './embedded/embedded-dispatcher.js';
import { Readiness } from './health/readiness.js';
import { acceptOnlyJson, BODY_LIMIT_BYTES } from './http/json-body.js';
import { serveOpenApi } from './http/open-api/open-api.js';
import { ProblemFilter } from './http/problem/problem.filter.js';
import { answerClientError, answerFrameworkError } from './http/problem/server-problems.js';
import { registerRequestHooks } from './http/request-hooks.js';
import { RequestValidationPipe } from './http/validation/request-validation.pipe.js';
import { openCipher, startStorage } from './start-storage.js';
import { ChangeFeed } from './stream/change-feed.js';
import { OpenStreams } from './stream/open-streams.js';
import { STREAM_LIMITS, type StreamLimits } from './stream/stream-limits.js';

/** Shown in the OpenAPI document and by telemetry. */
export const API_VERSION = '0.1.0';

/** Requests that are under way when the process stops have this long. */
const DRAIN_LIMIT_MS = 10_000;

/** A request, its body included, has to arrive in this time: slow ones must not hold connections for ever. */
const REQUEST_LIMIT_MS = 60_000;

/** Whoever asks without a key is counted by address: what is remembered of them must not grow with their number. */
const RATE_LIMIT_CALLERS = 20_000;

/** What tests replace. */
export interface ApiOverrides {
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  readonly streams?: Partial<StreamLimits>;
  /** Milliseconds in which a request has to arrive whole. */
  readonly requestLimitMs?: number;
  /** Milliseconds that a request waits for a database connection. */
  readonly databaseWaitMs?: number;
  readonly rateLimitCallers?: number;
  /** How names are resolved for the egress rules. */
  readonly resolve?: NonNullable<EgressOptions['resolve']>;
}

/** An API process that listens. */
export interface RunningApi {
  readonly app: NestFastifyApplication;
  /** Base URL, with the port that was chosen. */
  readonly url: string;
  /** Resolves when the database has answered and requests are served; rejects when it has a wrong schema. */
  readonly ready: Promise<void>;
  /** Ends streams and connections; resolves within about 20 s. */
  close(): Promise<void>;
}

/** Makes the API and listens at once; it is ready when the database is. */
export async function createApi(env: ApiEnv, overrides: ApiOverrides = {}): Promise<RunningApi> {
  const logger = overrides.logger ?? createLogger({ level: env.loggerLevel, format: env.loggerFormat, service: 'api' });
  const app = await makeApplication(env, logger, overrides);
  await app.listen(env.serverPort, env.serverHost);
  const stopping = new AbortController();
  const embedded = env.dispatcherEmbedded ? new EmbeddedDispatcher({ logger }) : undefined;
  const ready = startStorage(app, env, logger, stopping.signal);
  ready.then(
    () => logger.info('the API is ready'),
    () => undefined,
  );
  embedded?.start();
  let closing: Promise<void> | undefined;
  return {
    app,
    url: await app.getUrl(),
    ready,
    close: () => (closing ??= close(app, ready, stopping, embedded)),
  };
}

async function makeApplication(env: ApiEnv, logger: Logger, overrides: ApiOverrides): Promise<NestFastifyApplication> {
  const metrics = overrides.metrics ?? new Metrics();
  const database = Database.create(
    {
      url: env.databaseUrl,
      poolSize: env.databasePoolSize,
      applicationName: 'image-factory-api',
      ...(overrides.databaseWaitMs === undefined ? {} : { waitLimitMs: overrides.databaseWaitMs }),
    },
    logger,
  );
  observeDatabase(metrics, database);
  const module = AppModule.with({
    database,
    cipher: await openCipher(env),
    egress: new EgressPolicy({
      allow: env.egressAllow,
      allowHttp: [...env.egressAllow, ...env.insecureRegistries],
      ...(overrides.resolve === undefined ? {} : { resolve: overrides.resolve }),
    }),
    clock: overrides.clock ?? systemClock,
    logger,
    metrics,
    settings: {
      tektonEnabled: env.tektonEnabled,
      clocks: env.clocks,
      credentialDirs: env.credentialDirs,
      cloudEndpoints: env.cloudEndpoints ?? {},
      inCluster: env.inCluster,
      version: API_VERSION,
      streams: { ...STREAM_LIMITS, ...overrides.streams },
    },
  });
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    ...arrivalLimits(overrides.requestLimitMs ?? REQUEST_LIMIT_MS),
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: toFrameworkLogger(logger),
    abortOnError: false,
    bodyParser: false,
  });
  const server = adapter.getInstance<FastifyInstance>();
  acceptOnlyJson(server);
  await registerRequestHooks(server, {
    guard: app.get(AccessGuard, { strict: false }),
    metrics,
    rateLimitPerMinute: env.rateLimitPerMinute,
    rateLimitCallers: overrides.rateLimitCallers ?? RATE_LIMIT_CALLERS,
  });
  app.setGlobalPrefix(API_BASE.slice(1), { exclude: ['livez', 'readyz'] });
  app.useGlobalPipes(new RequestValidationPipe());
  app.useGlobalFilters(app.get(ProblemFilter));
  serveOpenApi(app, API_VERSION);
  return app;
}

/** Node keeps the limit of a request only when the one of its headers is not longer, and looks at times of its own. */
function arrivalLimits(requestLimitMs: number): Pick<FastifyHttpOptions<Server>, 'requestTimeout' | 'http'> {
  const checkMs = Math.min(10_000, requestLimitMs);
  return {
    requestTimeout: requestLimitMs,
    http: { headersTimeout: Math.min(20_000, requestLimitMs), connectionsCheckingInterval: checkMs },
  };
}

/** Not ready, then no streams, then no requests, then no connections. */
async function close(
  app: NestFastifyApplication,
  ready: Promise<void>,
  stopping: AbortController,
  embedded: EmbeddedDispatcher | undefined,
): Promise<void> {
  app.get(Readiness).stopping();
  stopping.abort(new Error('the API stops'));
  const stopped = embedded?.stop();
  await ready.catch(() => undefined);
  app.get(OpenStreams).closeAll();
  const cut = setTimeout(() => app.getHttpServer().closeAllConnections(), DRAIN_LIMIT_MS);
  await app.close();
  clearTimeout(cut);
  await app.get(ChangeFeed).close();
  await app.get(ConnectionPool, { strict: false }).close();
  await app.get(Notifier, { strict: false }).close();
  await app.get(Database, { strict: false }).close();
  await stopped;
}

/** A real dispatcher as a process of its own, on the real places, with short limits and the fault hook around it. */
import './fault-hook.ts';
import { createDispatcher, type DispatcherEnv, type ExecutionLimits, NO_SOURCES } from '@image-factory/dispatcher';
import { FAILURE_CLASSES, type FailureClass, RETRY_DEFAULTS, type RetryPolicy, Secret } from '@image-factory/domain';
import { createLogger } from '@image-factory/telemetry';
import { watchEventLoop } from './stuck-watch.ts';
import { LEASE_MS, PLACEMENT_BUDGET_MS, SEAL_LIMIT_MS, type ChaosDispatcherConfig } from './chaos-dispatcher-config.ts';

const LIMITS: ExecutionLimits = {
  sealLimitMs: SEAL_LIMIT_MS,
  lossLimitMs: 180_000,
  placementBudgetMs: PLACEMENT_BUDGET_MS,
  requestDeadlineMs: 2_000,
  podGraceMs: 2_000,
  publishLimitMs: 30_000,
  runRetentionMs: 0,
  lookAgainMs: 500,
};

/** The real table, with waits that fit into a round. */
const RETRY = {
  ...RETRY_DEFAULTS,
  policies: Object.fromEntries(
    FAILURE_CLASSES.map((name) => [name, { ...RETRY_DEFAULTS.policies[name], backOff: { baseMs: 200, capMs: 1_000 } }]),
  ) as Record<FailureClass, RetryPolicy>,
};

function envOf(config: ChaosDispatcherConfig): DispatcherEnv {
  return {
    databaseUrl: config.databaseUrl,
    databasePoolSize: 8,
    httpHost: '127.0.0.1',
    httpPort: 0,
    loggerLevel: 'info',
    loggerFormat: 'json',
    dataDir: config.dataDir,
    encryptionKeys: new Secret(config.encryptionKeys),
    tektonEnabled: true,
    tektonKubeconfigPath: undefined,
    tektonInCluster: false,
    sources: NO_SOURCES,
    credentialDirs: [config.dataDir],
    egressAllow: ['127.0.0.0/8'],
    insecureRegistries: [config.registry],
    slots: 50,
    leaseMs: LEASE_MS,
    heartbeatMs: LEASE_MS / 4,
    pollMs: 150,
    healthIntervalMs: 2_000,
    healthTimeoutMs: 1_500,
    credentialWarningMs: 7 * 86_400_000,
    clusterRateFloor: 5,
    clusterRateCeiling: 500,
    clusterRequestsAtOnce: 16,
    clusterMaxUnswept: 2_000,
    runRetentionMs: 0,
    logRetentionDays: 30,
    retry: RETRY,
    clocks: { placementSeconds: PLACEMENT_BUDGET_MS / 1000, sealSeconds: SEAL_LIMIT_MS / 1000, lossMinutes: 3 },
    otlpEndpoint: undefined,
    localWorkspaceDir: `${config.dataDir}/local`,
    localHostId: config.name,
    path: '',
    builderEnvironment: {},
    inCluster: undefined,
  };
}

/** What is done every hour is done so often here: a round has less than a minute. */
const HOURLY_MS = 1_500;
const HOUR_MS = 3_600_000;

watchEventLoop();
const config = JSON.parse(process.argv[2] ?? '{}') as ChaosDispatcherConfig;
const logger = createLogger({ level: 'info', format: 'json', service: config.name });
const dispatcher = await createDispatcher(envOf(config), logger, {
  http: false,
  settings: {
    periodicScale: 0.1,
    prepareTimeoutMs: 5_000,
    noProviderWaitMs: 1_000,
    watchStaleMs: 5_000,
    limits: LIMITS,
    registryHold: { builds: 3, windowMs: 10_000, holdMs: { baseMs: 300, capMs: 1_000 } },
  },
});
process.on('SIGTERM', () => {
  dispatcher.stop().then(
    () => process.exit(0),
    (error: unknown) => {
      logger.error('the stop failed', { error });
      process.exit(1);
    },
  );
});
await dispatcher.start();
for (const task of dispatcher.tasks) {
  if (task.definition.everyMs >= HOUR_MS) setInterval(() => void task.tick(), HOURLY_MS);
}
process.send?.({ kind: 'working' });

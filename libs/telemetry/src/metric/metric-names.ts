/** How a metric is counted. Durations are in seconds. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'histogram' | 'gauge';
  readonly name: string;
  readonly description: string;
  readonly unit: string;
}

function counter<const N extends string>(name: N, description: string) {
  return { kind: 'counter', name, description, unit: '1' } as const satisfies MetricDefinition;
}

function seconds<const N extends string>(name: N, description: string) {
  return { kind: 'histogram', name, description, unit: 's' } as const satisfies MetricDefinition;
}

function gauge<const N extends string>(name: N, description: string) {
  return { kind: 'gauge', name, description, unit: '1' } as const satisfies MetricDefinition;
}

/** Every metric of the product; the one place where a name is written. */
export const metricNames = {
  // dispatcher
  queueBuilds: gauge('image_factory_queue_builds', 'Builds of all tenants, by state: queued, parked or running'),
  queueLongestWait: gauge(
    'image_factory_queue_longest_wait_seconds',
    'Longest wait among the builds that are next in their tenants',
  ),
  queuePaused: gauge('image_factory_queue_paused', '1 while an administrator has stopped the dispatch'),
  claims: counter('image_factory_claims', 'Executions claimed'),
  claimErrors: counter('image_factory_claim_errors', 'Claims that failed with an error'),
  skippedForLimit: counter(
    'image_factory_skipped_for_limit',
    'Queued builds passed over because their tenant is at its limit',
  ),
  dispatches: counter('image_factory_dispatches', 'Executions placed and created'),
  dispatchErrors: counter('image_factory_dispatch_errors', 'Placements or creations that failed with an error'),
  requeues: counter('image_factory_requeues', 'Executions after which the build went back to the queue'),
  counterDrift: counter(
    'image_factory_counter_drift',
    'Queue counters that were not what they count, and were corrected: any is a defect',
  ),
  parks: counter('image_factory_parks', 'Builds parked, by reason'),
  executionEnds: counter('image_factory_execution_ends', 'Executions that ended, by state and reason'),
  retryDecisions: counter(
    'image_factory_retry_decisions',
    'Attempts that ended without success, by class and decision',
  ),
  clusterClockTimeouts: counter('image_factory_cluster_clock_timeouts', 'Clocks that ran out, by clock and provider'),
  tenantClockTimeouts: counter('image_factory_tenant_clock_timeouts', 'Clocks that ran out, by clock and tenant'),
  cancels: counter('image_factory_cancels', 'Cancels that were carried out'),
  adoptions: counter('image_factory_adoptions', 'Executions taken over from another dispatcher'),
  leaseLosses: counter('image_factory_lease_losses', 'Writes refused because the shard has another owner'),
  logBytes: counter('image_factory_log_bytes', 'Bytes of step logs stored'),
  logGaps: counter('image_factory_log_gaps', 'Gaps marked in step logs'),
  logFlushes: counter('image_factory_log_flushes', 'Transactions that stored logs, by result'),
  logFlushedSteps: counter('image_factory_log_flushed_steps', 'Steps of which a flush stored something'),
  logWaitingSteps: gauge('image_factory_log_waiting_steps', 'Steps of which something waits to be stored'),
  logWaitingBytes: gauge('image_factory_log_waiting_bytes', 'Memory of what waits to be stored of all logs'),
  slotsUsed: gauge('image_factory_slots_used', 'Slots in use in this dispatcher'),
  slots: gauge('image_factory_slots', 'Slots of this dispatcher'),
  clusterRate: gauge('image_factory_cluster_rate', 'Requests per second that a cluster is asked at most now'),
  clusterTokens: gauge('image_factory_cluster_tokens', 'Requests that may go to a cluster at once now'),
  clusterTokenExpiry: gauge(
    'image_factory_cluster_token_expiry_timestamp_seconds',
    'When the token of a cloud’s cluster ends, in seconds since 1970',
  ),
  clusterTokenRenewals: gauge(
    'image_factory_cluster_token_renewals',
    'Tokens got for a cloud’s cluster since the process began, by result',
  ),
  clusterBreaker: gauge('image_factory_cluster_breaker', 'Breaker of a cluster: 0 closed, 1 half open, 2 open'),
  clusterWaiting: gauge('image_factory_cluster_waiting', 'Requests that wait for their turn, by cluster and class'),
  clusterInFlight: gauge('image_factory_cluster_in_flight', 'Requests under way, by cluster and class'),
  clusterGranted: gauge(
    'image_factory_cluster_granted',
    'Requests that got their turn since the connection was opened, by cluster and class',
  ),
  clusterRefused: gauge(
    'image_factory_cluster_refused',
    'Requests that got no turn since the connection was opened, by cluster and class; nothing of them was sent',
  ),
  clusterWaited: gauge(
    'image_factory_cluster_waited_seconds',
    'Sum of the waits for a turn since the connection was opened, by cluster and class',
  ),
  clusterConnectAttempts: counter(
    'image_factory_cluster_connection_attempts',
    'Connections to a cluster that were begun (name, TCP, TLS), by provider',
  ),
  clusterConnectSuccesses: counter(
    'image_factory_cluster_connection_successes',
    'Connections to a cluster that were made, by provider',
  ),
  clusterConnectFailures: counter(
    'image_factory_cluster_connection_failures',
    'Connections to a cluster that could not be made, by provider and reason',
  ),
  clusterConnectDuration: seconds('image_factory_cluster_connection_seconds', 'Connecting to a cluster, by provider'),
  clusterConnections: gauge('image_factory_cluster_connections_active', 'Open connections to a cluster, by provider'),
  pooledConnections: gauge('image_factory_connection_pool', 'Clients in the connection pool, by state'),
  clusterHealth: gauge(
    'image_factory_cluster_health_status',
    'Health of a provider as probes show it: 1 for the status it has, 0 for the others',
  ),
  clusterUsable: gauge(
    'image_factory_cluster_usable',
    '1 while new builds may go to a provider as far as its health goes, by provider',
  ),
  clusterCondition: gauge(
    'image_factory_cluster_condition',
    'Conditions of a provider: 1 True, 0 False, -1 Unknown, by provider and type',
  ),
  clusterCredentialExpiresSoon: gauge(
    'image_factory_cluster_credential_expires_soon',
    '1 when the credential of a provider ends within days and nobody has replaced it, by provider',
  ),
  clusterWatchAge: gauge(
    'image_factory_cluster_watch_age_seconds',
    'Since the slowest watch on a cluster that is followed here has proved anything, by provider',
  ),
  claimsHeld: gauge(
    'image_factory_claims_held',
    '1 while claims wait for the clusters to be compared with a database that has failed over',
  ),
  shardsHeld: gauge('image_factory_shards_held', 'Cluster shards held by this dispatcher'),
  orphans: gauge('image_factory_invariant_orphans', 'Runs and Secrets of ours on a cluster that no row explains'),
  stranded: gauge(
    'image_factory_invariant_stranded',
    'Executions without an owner, running builds without an execution',
  ),
  duplicates: gauge('image_factory_invariant_duplicates', 'Builds with more than one live execution'),
  unsealed: gauge(
    'image_factory_invariant_unsealed',
    'Logs neither sealed nor marked within their time, and Secrets that do not go',
  ),
  drift: gauge('image_factory_invariant_drift', 'Counters that do not say what they count'),
  foreign: gauge('image_factory_invariant_foreign', 'Providers whose cluster knows another installation'),
  queueWait: seconds('image_factory_queue_wait_seconds', 'From submitted to placed for the first time'),
  placementDuration: seconds('image_factory_placement_seconds', 'From claimed to placed'),
  createDuration: seconds('image_factory_create_seconds', 'From claimed to the run created on its cluster'),
  statusLag: seconds(
    'image_factory_status_lag_seconds',
    'From the end of the run on its cluster to the outcome in the database',
  ),
  logLag: seconds('image_factory_log_lag_seconds', 'From a line in its container to the line stored'),
  logFlushDuration: seconds('image_factory_log_flush_seconds', 'One transaction that stores what waits of all logs'),
  buildDuration: seconds('image_factory_build_seconds', 'From submitted to the end of the last attempt, by its state'),
  clusterClock: seconds('image_factory_cluster_clock_seconds', 'Clocks of ended attempts, by clock and provider'),
  tenantClock: seconds(
    'image_factory_tenant_clock_seconds',
    'Clocks of ended attempts, by clock and tenant; the queue clock of placed builds',
  ),
  probeDuration: seconds('image_factory_probe_seconds', 'One health probe of a provider'),
  configStale: gauge(
    'image_factory_config_stale',
    '1 while this process has an old content of the configuration file, which it does not use',
  ),
  configRejected: gauge(
    'image_factory_config_rejected',
    '1 while the configuration file of this process is wrong and an older content stays in force',
  ),
  discoveryProblems: gauge('image_factory_discovery_problems', 'Scopes that the last discovery run could not list'),
  // API
  httpRequests: counter('image_factory_http_requests', 'HTTP requests, by method, route and status'),
  httpDuration: seconds('image_factory_http_request_seconds', 'HTTP requests, by method and route'),
  httpStreams: gauge('image_factory_http_streams', 'Open server-sent event streams'),
  logTails: gauge('image_factory_log_tails', 'Logs that are read once for all who follow them at their end'),
  logTailBytes: gauge('image_factory_log_tail_bytes', 'Memory that the newest records of those logs take'),
  logFallBacks: counter('image_factory_log_fall_backs', 'Followers that were slower than their log and read on alone'),
  submissions: counter('image_factory_submissions', 'Builds submitted, by method'),
  submissionRefusals: counter('image_factory_submission_refusals', 'Submissions refused, by reason'),
  // both
  databaseErrors: counter('image_factory_database_errors', 'Database errors, by reason'),
  databaseConnections: gauge(
    'image_factory_database_connections',
    'Database connections in use and idle, and callers that wait for one, by state',
  ),
  batchDuration: seconds('image_factory_batch_seconds', 'Transactions and queries that many callers share, by batch'),
  batchItems: counter('image_factory_batch_items', 'What was done in them, by batch'),
  batchParts: counter(
    'image_factory_batch_parts',
    'Those that had to be repeated in parts because of one of their rows, by batch',
  ),
  batchWaiting: gauge('image_factory_batch_waiting', 'What waits for its batch, by batch'),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricNames;

type NameOfKind<K extends MetricDefinition['kind']> = {
  [N in MetricName]: (typeof metricNames)[N]['kind'] extends K ? N : never;
}[MetricName];

export type CounterName = NameOfKind<'counter'>;
export type HistogramName = NameOfKind<'histogram'>;
export type GaugeName = NameOfKind<'gauge'>;

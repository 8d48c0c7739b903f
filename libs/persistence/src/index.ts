export { Database } from './database/database.js';
export type { DatabaseConnections, DatabaseLogger, DatabaseOptions } from './database/database.js';
export type { Subscription } from './database/listener.js';
export { isConflictOrLockTimeout, isUniqueViolation } from './database/sql-state.js';
export type { Queryable, Statement, Transaction, TransactionOptions } from './database/transaction.js';
export { installationId } from './database/installation-id.js';
export { CHANNELS, Notifier } from './notify/notifier.js';
export type { Channel, NotifierOptions } from './notify/notifier.js';
export { generateEncryptionKeys, parseEncryptionKeys } from './secret/encryption-keys.js';
export type { EncryptionKeyring } from './secret/encryption-keys.js';
export { fingerprintsOf } from './secret/fingerprint.js';
export { SecretCipher } from './secret/secret-cipher.js';
export type { SealedSecret } from './secret/secret-cipher.js';
export { MAX_TIME_DRIFT_MS } from './lease/judged-time.js';
export { PostgresLeases } from './lease/postgres-leases.js';
export { isLaterTimeline, PostgresDatabaseTrust } from './lease/postgres-database-trust.js';
export type { DatabaseIdentity } from './lease/postgres-database-trust.js';
export type { AcquireRequest } from './lease/postgres-leases.js';
export type {
  DispatcherRegistration,
  Fenced,
  Heartbeat,
  HeartbeatResult,
  ShardLease,
  ShardView,
} from './lease/shard-lease.js';
export type {
  CancelRequest,
  CancelResult,
  ClaimedExecution,
  ClaimRequest,
  ClaimResult,
  CounterDrift,
  LaneDrift,
  ParkRequest,
  PlacementCommit,
  PlacementResult,
  ProjectDrift,
  ProviderDrift,
  ReleaseRequest,
} from './queue/claimed-execution.js';
export type {
  ExecutionFinish,
  FixedOutcome,
  OwnedExecution,
  OwnedSummary,
  TagWinner,
  MoreOfResource,
} from './execution/owned-execution.js';
export type {
  LogAnswer,
  LogBatch,
  LogReadRequest,
  LogWrite,
  StoredCursor,
  StoredLogRecord,
  StoredStep,
} from './log/stored-log.js';
export { queueKeyNow } from './queue/queue-key.js';
export { PostgresTenantNamespaces } from './tenant-namespace/postgres-tenant-namespaces.js';
export { PostgresBuildQueue } from './queue/postgres-build-queue.js';
export type { ProviderRoom } from './queue/provider-room.js';
export { PostgresExecutions } from './execution/postgres-executions.js';
export { PostgresBuildLogs } from './log/postgres-build-logs.js';
export type { Page, PageRequest } from './sql/page.js';
export { PostgresTenants } from './tenant/postgres-tenants.js';
export type { Tenant, TenantChange } from './tenant/tenant.js';
export { PostgresProjects } from './project/postgres-projects.js';
export type { Project, ProjectChange } from './project/project.js';
export { BOOTSTRAP_KEY_NAME, PostgresApiKeys } from './access/postgres-api-keys.js';
export type { ApiKey } from './access/postgres-api-keys.js';
export { PostgresCredentials } from './credential/postgres-credentials.js';
export type { CredentialRequest } from './credential/postgres-credentials.js';
export { CREDENTIAL_KINDS } from './credential/credential.js';
export type { Credential, CredentialKind, RegistryAuthValue, RepositoryAuthValue } from './credential/credential.js';
export { PostgresProbes } from './provider/postgres-probes.js';
export type { DispatcherSight, KeptProbe } from './provider/postgres-probes.js';
export { PostgresProviderRepository } from './provider/postgres-provider-repository.js';
export { PostgresProviders } from './provider/postgres-providers.js';
export { PostgresDrains } from './provider/postgres-drains.js';
export type { DrainingExecution, DrainProgress } from './provider/postgres-drains.js';
export { PostgresProviderPermissions } from './provider/postgres-provider-permissions.js';
export type { ProviderPermission } from './provider/postgres-provider-permissions.js';
export type { ProviderChange, ProviderInput, ProviderStateChange } from './provider/provider-change.js';
export type { ProviderCredentialFacts, ProviderDetail, StoredSettings } from './provider/provider-row.js';
export { SECRET_CONFIG_FIELDS } from './provider/provider-secrets.js';
export { PostgresBuilds } from './build/postgres-builds.js';
export type { BuildFilter } from './build/postgres-builds.js';
export type { StoredBuild } from './build/build-row.js';
export { PostgresBuildSubmissions } from './build/postgres-build-submissions.js';
export { defaultTag } from './build/new-build.js';
export type { Submitted } from './build/postgres-build-submissions.js';
export type { Superseded } from './queue/supersede-builds.js';
export type { NewBuild } from './build/new-build.js';
export { PostgresBuildHistory } from './build/postgres-build-history.js';
export type { BuildArtifact, BuildEvent, StoredDocument } from './build/postgres-build-history.js';
export type { ExecutionView, RetryView, StoredDecision } from './build/execution-row.js';
export { PostgresIdempotency } from './idempotency/postgres-idempotency.js';
export type { IdempotentRequest, Reservation, StoredAnswer } from './idempotency/postgres-idempotency.js';
export { PostgresAudit } from './audit/postgres-audit.js';
export type { AuditEntry, AuditEvent, AuditFilter } from './audit/postgres-audit.js';
export { PostgresQueueTotals } from './admin/postgres-queue-totals.js';
export type { QueueTotals } from './admin/postgres-queue-totals.js';
export { PostgresQueueView } from './admin/postgres-queue-view.js';
export type { AwaitedRoom, LaneView, QueuedBuildKey, QueuePosition } from './admin/postgres-queue-view.js';
export { INVARIANTS, PostgresInvariants } from './admin/postgres-invariants.js';
export type { BrokenInvariant, InvariantName, InvariantReport } from './admin/postgres-invariants.js';
export { PostgresDispatchAdmin } from './admin/postgres-dispatch-admin.js';
export type { DispatcherView, DispatchLimits, DispatchPause } from './admin/postgres-dispatch-admin.js';
export { PlacementFactsReader } from './placement/placement-facts-reader.js';
export type { PlacementFactsSource, PlacementHistorySource } from './placement/placement-facts-reader.js';
export { PostgresPlacementHistory } from './placement/postgres-placement-history.js';
export { PostgresRetries } from './retry/postgres-retries.js';
export type { AvoidedProvider, ResourceGiven } from './retry/postgres-retries.js';
export { PostgresRegistryHolds } from './retry/postgres-registry-holds.js';
export type { RegistryHold } from './retry/postgres-registry-holds.js';
export { PostgresOwnership } from './execution/postgres-ownership.js';
export type { BuildEnd, FoundOwnership, LiveDispatcher, RunOwner } from './execution/postgres-ownership.js';
export { PostgresMirroredProviders } from './provider/postgres-mirrored-providers.js';
export type { ProviderToMirror } from './provider/postgres-mirrored-providers.js';
export { PostgresDeclaredProviders } from './source/postgres-declared-providers.js';
export type {
  AppliedFile,
  ConfigFileState,
  DeclaredProvider,
  DeclaredRow,
  FileProblem,
  FileToApply,
  FileToReject,
  RefusedName,
  StaleFile,
} from './source/declared-provider.js';
export { PostgresSourceHolds } from './source/postgres-source-holds.js';
export type { HeldSource } from './source/postgres-source-holds.js';
export type { ConditionToStore } from './source/provider-conditions.js';
export { alreadyAdopted, PostgresDiscoveredClusters } from './source/postgres-discovered-clusters.js';
export { PostgresDiscoveryRuns } from './source/postgres-discovery-runs.js';
export { PostgresDetections } from './source/postgres-detections.js';
export { DISCOVERED_STATES, DISCOVERY_STATUSES } from './source/discovered-cluster.js';
export type {
  ClusterToAdopt,
  DiscoveredChange,
  DiscoveredCluster,
  DiscoveredFacts,
  DiscoveredKey,
  DiscoveredState,
  DiscoveryInput,
  DiscoveryProgress,
  DiscoveryRun,
  ListingToRecord,
  RecordedListing,
  TakenRun,
} from './source/discovered-cluster.js';

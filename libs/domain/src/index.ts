export { DomainError, invalidInput, isDomainError, isLeaseLost } from './errors/domain-error.js';
export type { DomainErrorOptions, ErrorKind, Fault, Issue } from './errors/domain-error.js';
export { isReason, REASONS } from './errors/reasons.js';
export type { Reason } from './errors/reasons.js';
export { tenantText } from './errors/tenant-text.js';
export { canTransition, sourcesOf, terminalStates } from './build/transition-table.js';
export type { TransitionTable } from './build/transition-table.js';
export {
  BUILD_STATUSES,
  BUILD_TRANSITIONS,
  isTerminalBuildStatus,
  TERMINAL_BUILD_STATUSES,
} from './build/build-status.js';
export type { BuildStatus } from './build/build-status.js';
export {
  EXECUTION_OUTCOMES,
  EXECUTION_STATES,
  EXECUTION_TRANSITIONS,
  isCancelIntent,
  isTerminalExecutionState,
  CANCEL_INTENTS,
  STOP_INTENTS,
  TERMINAL_EXECUTION_STATES,
} from './build/build-execution-state.js';
export type { CancelIntent, ExecutionOutcome, ExecutionState, StopIntent } from './build/build-execution-state.js';
export { BUILD_METHOD_TABLE, BUILD_METHODS, INFRASTRUCTURE_TYPES, TASK_NAMES } from './build/build-method.js';
export type {
  BuildConfig,
  BuildConfigField,
  BuildMethod,
  BuildMethodDefinition,
  InfrastructureType,
  TaskName,
} from './build/build-method.js';
export type { Build } from './build/build.js';
export { CLOCK_DEFAULTS, lowestLimit, pipelineTimeoutSeconds } from './build/clock-limits.js';
export type { ClockLimits } from './build/clock-limits.js';
export { BuildExecutor, ExecutionFollower } from './build/build-executor.js';
export type {
  Attempt,
  AttemptCredentials,
  AttemptEnd,
  AttemptObservation,
  CreateOutcome,
  FollowerOptions,
  FoundCredential,
  FoundCredentials,
  FoundObject,
  FoundRun,
  GitCredential,
  MayWrite,
  RemovalCause,
  Place,
  PrepareRequest,
  PresentAttempt,
  RenderContext,
  RenderedDocument,
} from './build/build-executor.js';
export {
  ANNOTATIONS,
  attemptSecretName,
  attemptTag,
  LABELS,
  MANAGED_BY,
  pipelineRunName,
} from './build/attempt-names.js';
export type { AttemptIdentity } from './build/attempt-names.js';
export { EXECUTION_END_STEP, EXECUTION_START_STEP, logStepKey, LogSink } from './log/log-record.js';
export type { LogCursor, LogRecord, LogStep } from './log/log-record.js';
export { Secret } from './secret/secret.js';
export { Clock } from './clock/clock.js';
export { DEFAULT_SHARD_COUNT, MAX_SHARD_COUNT, preferredOwner, shardOf } from './queue/shard.js';
export { PARK_REASONS, PRIORITY_STEP_MS, queueKey } from './queue/queue-key.js';
export type { Parking, ParkReason } from './queue/queue-key.js';
export {
  buildResources,
  DEFAULT_CPU_MILLIS,
  DEFAULT_EPHEMERAL_STORAGE_BYTES,
  DEFAULT_MEMORY_BYTES,
  dominantShare,
  workspaceSize,
} from './queue/build-resources.js';
export type { BuildResources, ResourceFigures } from './queue/build-resources.js';
export { CONCURRENCY_POLICIES, concurrencyKey, keyWake, projectWake } from './queue/concurrency.js';
export type { Concurrency, ConcurrencyPolicy } from './queue/concurrency.js';
export { estimateWait } from './queue/estimate-wait.js';
export type { WaitEstimate, WaitFacts } from './queue/estimate-wait.js';
export { cpuMillis, cpuQuantity, cpuText, memoryBytes, memoryQuantity, memoryText } from './queue/resource-quantity.js';
export { NAMESPACE_PREFIX, tenantNamespaceCandidates } from './tenant/tenant-namespace.js';
export { setCondition } from './provider/condition.js';
export type { Condition, ConditionStatus } from './provider/condition.js';
export {
  infrastructureTypeOf,
  isUsable,
  PRIVILEGED_METHODS,
  PROVIDER_HEALTHS,
  PROVIDER_SOURCES,
  PROVIDER_STATES,
  PROVIDER_TYPES,
} from './provider/provider.js';
export type {
  Provider,
  ProviderHealth,
  ProviderHealthView,
  ProviderUsability,
  ProviderSettings,
  ProviderSource,
  ProviderState,
  ProviderType,
} from './provider/provider.js';
export {
  clusterHealth,
  DEGRADING_CONDITIONS,
  explainingCondition,
  healthVerdict,
  worseHealth,
} from './provider/provider-health.js';
export { steadyHealth } from './provider/steady-health.js';
export type { HealthLevel, SteadyHealth } from './provider/steady-health.js';
export type { ProbeResult } from './provider/provider-health.js';
export { AUTH_METHOD_TABLE, AUTH_METHODS, COMMON_CONFIG_FIELDS } from './provider/provider-config.js';
export { ADMIN_CONFIG_FIELDS, isOwnedBySource } from './provider/config-owner.js';
export type { AuthMethod, AuthMethodFields } from './provider/provider-config.js';
export { chooseProvider } from './placement/choose-provider.js';
export { neverEligible } from './placement/never-eligible.js';
export type { Unsatisfiable } from './placement/never-eligible.js';
export { isShared, PLACEMENT_FILTERS, rejection, wouldTake } from './placement/placement-filters.js';
export type { PlacementFilter } from './placement/placement-filters.js';
export { boundedDecision, PLACEMENT_BASES, SCORE_PARTS, seenByTenant } from './placement/placement-decision.js';
export type {
  PlacementBasis,
  PlacementDecision,
  RejectedGroup,
  RejectedProvider,
  ScoredProvider,
  ScoreParts,
} from './placement/placement-decision.js';
export type {
  AvoidedProviders,
  PlacementFacts,
  PlacementRequest,
  ProviderHistory,
} from './placement/placement-request.js';
export { offers } from './placement/provider-features.js';
export type { FeaturedProvider } from './placement/provider-features.js';
export { ARCHITECTURES, NO_REQUIREMENTS, OPERATING_SYSTEMS, requirementsOf } from './placement/requirements.js';
export type { Architecture, OperatingSystem, Requirements } from './placement/requirements.js';
export { isAllowed, PERMISSIONS, ROLE_PERMISSIONS, ROLES, TENANT_ROLES } from './access/role.js';
export type { Permission, Role } from './access/role.js';
export {
  argumentName,
  argumentValue,
  buildTarget,
  contextPath,
  displayName,
  gitCommit,
  gitRef,
  gitRepositoryUrl,
  imageRepository,
  imageTag,
  labelKey,
  labelValue,
  platform,
  storageQuantity,
} from './grammar/grammar.js';
export type { Grammar } from './grammar/grammar.js';
export { ProviderRepository } from './provider/provider-repository.js';
export type { DueProbe, ProbeRecord, ProviderCredential, WatchStaleness } from './provider/provider-repository.js';
export { TenantNamespaceRepository } from './tenant/tenant-namespace-repository.js';
export type { TenantNamespace } from './tenant/tenant-namespace-repository.js';
export { FAILURE_CLASSES, failureClassOf, REASON_CLASSES } from './retry/failure-class.js';
export type { FailureClass } from './retry/failure-class.js';
export { RETRIED_CLASSES, RETRY_DEFAULTS, retryDelayMs, withClassAttempts } from './retry/retry-policy.js';
export type { RetriedClass, RetryLimits, RetryPolicy } from './retry/retry-policy.js';
export {
  decideRetry,
  exhaustionOf,
  mayBeRepeated,
  timeUsedUp,
  RETRY_DECISIONS,
  RETRY_REASONS,
} from './retry/decide-retry.js';
export type { EndedAttempt, RetryDecision, RetryHistory, RetryReason } from './retry/decide-retry.js';
export { ESCALATED_RESOURCES, escalatedAmount, ranOutOf } from './retry/escalate-resource.js';
export type { AmountGiven, EscalatedResource, MostToGive } from './retry/escalate-resource.js';
export { REASONS_OF_OTHER_HOSTS, REGISTRY_HOLD_DEFAULTS, registryHoldMs, registryOf } from './retry/registry-hold.js';
export type { RegistryHoldPolicy } from './retry/registry-hold.js';
export { ATTEMPT_ENDS, BUILD_CONCLUSIONS, concludeBuild, LIVE_BUILD_STATUSES } from './build/build-conclusion.js';
export type { AttemptEndState, BuildConclusion, LiveBuildStatus } from './build/build-conclusion.js';
export { capabilitiesWithOrigin, labelsWithOrigin } from './provider/detected.js';
export { mergeDetected } from './provider/merge-detected.js';
export type {
  CapabilityOrigin,
  CapabilityWithOrigin,
  DetectedCapabilities,
  DetectedPart,
  LabelWithOrigin,
} from './provider/detected.js';

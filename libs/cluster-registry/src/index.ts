export { ConnectionPool } from './pool/connection-pool.js';
export type { ConnectionPoolOptions, ConnectionState, PoolRound, PoolView } from './pool/connection-pool.js';
export { HealthMonitor } from './health/health-monitor.js';
export type { HealthMonitorOptions, HealthRound } from './health/health-monitor.js';
export { readClusterUid } from './health/probe-cluster.js';
export type { ClusterProbe } from './health/probe-cluster.js';
export { probeRecord } from './health/probe-record.js';
export { checkReadiness } from './readiness/readiness.js';
export type { Readiness, ReadinessCheck, ReadinessOptions } from './readiness/readiness.js';
export {
  ENVIRONMENT_PROVIDER_NAME,
  environmentProvider,
  stableProviderId,
} from './environment/environment-provider.js';
export type { MirroredProvider } from './environment/environment-provider.js';
export { parseClusterConfig } from './config-file/parse-cluster-config.js';
export type {
  ClusterConfig,
  ConfigProblem,
  CredentialFile,
  DeclaredCluster,
  DeclaredSettings,
  ParsedClusterConfig,
} from './config-file/cluster-config.js';
export { credentialFiles, unreadableFiles } from './config-file/credential-files.js';
export type { UnreadableFile } from './config-file/credential-files.js';
export { formatDuration } from './config-file/duration.js';
export { discover } from './discovery/discover.js';
export type { DiscoveryClouds } from './discovery/discovery-clouds.js';
export { scopeName } from './discovery/found-cluster.js';
export type {
  DiscoveryProblem,
  DiscoveryScope,
  FoundCluster,
  FoundClusterFacts,
  FoundClusterKey,
  ScopeListing,
} from './discovery/found-cluster.js';
export {
  ADOPTION_FIELDS,
  adoptedConfig,
  adoptedProviderId,
  adoptionIssues,
  isAdoptedByRule,
} from './discovery/adoption.js';
export type { AdoptionRule } from './discovery/adoption.js';
export { CapabilityDetection } from './detection/capability-detection.js';
export type { CapabilityDetectionOptions } from './detection/capability-detection.js';
export { detectCapabilities } from './detection/detect-capabilities.js';

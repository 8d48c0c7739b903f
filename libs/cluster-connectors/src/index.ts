export type { ClusterAccess, ClusterIdentity, CredentialText } from './connection/cluster-access.js';
export { ClusterConnection } from './connection/cluster-connection.js';
export type { ClusterConnectionOptions } from './connection/cluster-connection.js';
export { ClusterConnectionProvider } from './connection/cluster-connection-provider.js';
export type { HeldConnection } from './connection/cluster-connection-provider.js';
export { openClusterConnection } from './connection/open-cluster-connection.js';
export type { OpenConnectionOptions } from './connection/open-cluster-connection.js';
export { PATCH_TYPES, TABLE_ACCEPT } from './connection/kube-request.js';
export type { KubeMethod, KubeRequest, KubeResponse } from './connection/kube-request.js';
export { readCredentialFile } from './auth/credential-file.js';
export type { CredentialFileRules } from './auth/credential-file.js';
export type {
  ConfigFields,
  ConnectorContext,
  ConnectorStrategy,
  InClusterLocation,
} from './auth/connector-strategy.js';
export { connectorTable, isAuthMethod, isCloudMethod, resolveAccess } from './auth/connector-table.js';
export { AKS_API_VERSION } from './cloud/azure/aks-cluster.js';
export { CLOUD_REASONS } from './cloud/cloud-error.js';
export { credentialExpiry } from './auth/credential-expiry.js';
export { parseCloudEndpoints } from './cloud/cloud-endpoints.js';
export { CloudHttp } from './cloud/cloud-http.js';
export { CloudSessions } from './cloud/cloud-sessions.js';
export type { CloudSubject } from './cloud/cloud-sessions.js';
export { TokenBroker } from './broker/token-broker.js';
export type { RenewalView } from './broker/renewed-value.js';
export { validateProviderConfig } from './auth/validate-provider-config.js';
export type { ProviderConfigRules } from './auth/validate-provider-config.js';
export { parseKubeconfig } from './kubeconfig/parse-kubeconfig.js';
export type { ParseKubeconfigOptions } from './kubeconfig/parse-kubeconfig.js';
export { outcomeOf, toDomainError } from './error/kube-error.js';
export type { RequestOutcome, RequestSubject } from './error/request-subject.js';
export { ListWatch } from './watch/list-watch.js';
export type { ListWatchOptions } from './watch/list-watch-options.js';
export { objectKey } from './watch/kubernetes-object.js';
export type { KubernetesObject, ObjectMetadata, TableRow } from './watch/kubernetes-object.js';
export { readLines } from './watch/read-lines.js';
export { testConnection } from './probe/test-connection.js';
export type { TestConnectionOptions } from './probe/test-connection.js';
export { CONNECTION_STEPS } from './probe/connection-step.js';
export type { ConnectionStep, ConnectionStepName } from './probe/connection-step.js';
export { stepFix } from './probe/step-fix.js';
export { missingAccess, REQUIRED_ACCESS } from './probe/required-access.js';
export type { RequiredAccess } from './probe/required-access.js';
export { PRESSURE_DEFAULTS, pressureOptions } from './pressure/pressure-options.js';
export type { PressureOptions } from './pressure/pressure-options.js';
export type { ClassPressure, PressureView } from './pressure/pressure-view.js';
export type { BreakerState } from './pressure/circuit-breaker.js';
export { REQUEST_CLASSES } from './pressure/request-class.js';
export type { RequestClass } from './pressure/request-class.js';
export { ClusterPressure } from './pressure/cluster-pressure.js';
export type { PressedRequest } from './pressure/cluster-pressure.js';
export type { CredentialExpiry } from './connection/credential-expiry.js';
export { ConnectObserver } from './connection/connect-observer.js';
export type { ConnectObserverOptions } from './connection/connect-observer.js';

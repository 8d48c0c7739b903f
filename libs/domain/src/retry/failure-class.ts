import type { Fault } from '../errors/domain-error.js';
import type { Reason } from '../errors/reasons.js';

/**
 * What a reason says about trying again. `user`: the input or a limit that the user chose; it fails again. `resource`:
 * more of something is needed. `disruption`: the attempt was taken away from outside. `registry`: a registry did not
 * answer as it should. `cluster`: this cluster could not take or run it. `platform`: our own side. `unknown`: nothing
 * is known.
 */
export const FAILURE_CLASSES = [
  'user',
  'resource',
  'disruption',
  'registry',
  'cluster',
  'platform',
  'unknown',
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

/**
 * The closed table reason → class. Exhaustive: a new reason does not compile without a class. Reasons that never end an
 * attempt have the class that they would have if they did.
 */
export const REASON_CLASSES: Readonly<Record<Reason, FailureClass>> = {
  // requests
  ValidationFailed: 'user',
  MalformedJson: 'user',
  UnsupportedMediaType: 'user',
  BodyTooLarge: 'user',
  TenantRequired: 'user',
  Unauthenticated: 'user',
  Forbidden: 'user',
  NotFound: 'user',
  RouteNotFound: 'user',
  MethodNotAllowed: 'user',
  IdempotencyKeyReused: 'user',
  IdempotencyKeyInFlight: 'user',
  PreconditionFailed: 'user',
  RateLimited: 'user',
  NameTaken: 'user',
  InUse: 'user',
  Conflict: 'user',
  NotYetSupported: 'user',
  Internal: 'platform',
  // submission
  TektonDisabled: 'user',
  MethodNotAllowedForTenant: 'user',
  BuildConfigInvalid: 'user',
  UrlForbidden: 'user',
  ProviderNotFound: 'user',
  ProviderNotGranted: 'user',
  TenantQueueFull: 'user',
  TenantDisabled: 'user',
  ConcurrencyKeyTaken: 'user',
  BuildAlreadyFinished: 'user',
  BuildNotFinished: 'user',
  // queue and placement
  QueueTimeout: 'user',
  AttemptsExhausted: 'user',
  RetryTimeExhausted: 'user',
  NoEligibleProvider: 'cluster',
  ProviderDisabled: 'cluster',
  ProviderCordoned: 'cluster',
  ProviderDraining: 'cluster',
  ProviderUnhealthy: 'cluster',
  ProviderAtLimit: 'cluster',
  ProviderTypeMismatch: 'user',
  ProviderChanged: 'cluster',
  ProviderAvoided: 'cluster',
  SweepBehind: 'cluster',
  MethodNotSupported: 'user',
  NotBefore: 'user',
  TenantAtLimit: 'user',
  ProjectAtLimit: 'user',
  InstallationAtLimit: 'platform',
  ConcurrencyKeyBusy: 'user',
  DispatchPaused: 'platform',
  BackOff: 'platform',
  RegistryHeld: 'registry',
  SlotsTaken: 'platform',
  BuildsAhead: 'platform',
  DispatcherMissing: 'platform',
  // stop intents
  UserCancel: 'user',
  StartLimit: 'cluster',
  RunLimit: 'user',
  Drain: 'disruption',
  Superseded: 'user',
  // clocks
  StartTimeout: 'cluster',
  RunTimeout: 'user',
  ClusterLost: 'disruption',
  LogGap: 'platform',
  // clusters and their credentials
  KubeconfigInvalid: 'cluster',
  ProviderConfigInvalid: 'cluster',
  CredentialUnreadable: 'platform',
  ClusterUnreachable: 'cluster',
  ClusterUnauthorized: 'cluster',
  ClusterForbidden: 'cluster',
  ClusterThrottled: 'cluster',
  ClusterUnavailable: 'cluster',
  ClusterTlsFailed: 'cluster',
  TektonNotInstalled: 'cluster',
  AdmissionTimeout: 'cluster',
  AdmissionDenied: 'cluster',
  NamespaceTerminating: 'cluster',
  NamespaceCollision: 'cluster',
  ForeignInstallation: 'cluster',
  NameCollision: 'cluster',
  ResourceExpired: 'cluster',
  ObjectNotFound: 'cluster',
  ObjectAlreadyExists: 'cluster',
  ObjectConflict: 'cluster',
  ObjectInvalid: 'platform',
  // ends of an attempt
  Succeeded: 'user',
  StepFailed: 'user',
  StepOutOfMemory: 'resource',
  StepTimeout: 'user',
  CloneFailed: 'user',
  GitAuthenticationFailed: 'user',
  GitRepositoryNotFound: 'user',
  GitRevisionNotFound: 'user',
  DockerfileNotFound: 'user',
  RegistryUnauthorized: 'user',
  RegistryUnavailable: 'registry',
  BaseImageUnavailable: 'registry',
  PushFailed: 'user',
  DigestMissing: 'platform',
  TaskMissing: 'platform',
  SecretMissing: 'platform',
  ServiceAccountMissing: 'platform',
  PvcNotBound: 'cluster',
  Unschedulable: 'cluster',
  QuotaExceeded: 'cluster',
  ImagePullFailed: 'cluster',
  ImagePullUnauthorized: 'cluster',
  ImageNameInvalid: 'cluster',
  ContainerConfigError: 'platform',
  PodCreationFailed: 'cluster',
  PodEvicted: 'disruption',
  PodDeleted: 'disruption',
  NodeUnreachable: 'disruption',
  EphemeralStorageExceeded: 'resource',
  WorkspaceFull: 'resource',
  ResultTooLarge: 'platform',
  ResultMissing: 'platform',
  PipelineRunInvalid: 'platform',
  PipelineRunRefused: 'platform',
  PipelineRunDeleted: 'disruption',
  PipelineRunTimeout: 'disruption',
  ForeignCancel: 'disruption',
  Cancelled: 'user',
  UnknownFailure: 'unknown',
  // waiting
  WaitingForPod: 'cluster',
  PullingImage: 'cluster',
  ContainerCreating: 'cluster',
  WaitingForVolume: 'cluster',
  // promotion
  PublishFailed: 'registry',
  RegistryRefused: 'user',
  ManifestNotFound: 'registry',
  TagSuperseded: 'user',
  // local executor
  BuilderMissing: 'cluster',
  HostLost: 'disruption',
  HostDiskFull: 'cluster',
  ProcessFailed: 'platform',
  // platform
  DatabaseUnavailable: 'platform',
  SchemaOutdated: 'platform',
  LeaseLost: 'platform',
  ClaimLost: 'platform',
  SealFailed: 'platform',
  EncryptionKeyMissing: 'platform',
  EgressForbidden: 'user',
};

/**
 * The class of an ended attempt. Whoever found the cause may know better than its reason that it is the user's (a
 * webhook that refuses what the user wrote): then it is `user`. Asking for more than was asked for is the exception: a
 * lack of memory or disk is the user's fault and yet passes with more of it.
 */
export function failureClassOf(reason: Reason, fault: Fault): FailureClass {
  const found = REASON_CLASSES[reason];
  return fault === 'user' && found !== 'resource' ? 'user' : found;
}

import { isReason, type Reason } from './reasons.js';

/** The message was made of what the tenant gave, of its own runs, or of its own limits: it is told as it is. */
const OWN = Symbol('own');

const ADMIN = 'an administrator sees why';
const CLOUD = `its cluster’s cloud does not let us in at present; ${ADMIN}`;
const CLUSTER = `its cluster cannot be used at present; ${ADMIN}`;
const NAMESPACE = `the tenant’s namespace cannot be made ready there at present; ${ADMIN}`;
const HOST = `its host cannot run it at present; ${ADMIN}`;
const OBJECT = `its cluster did not take an object of the attempt; ${ADMIN}`;
const IMAGE = `the image of a step cannot be pulled; ${ADMIN}`;
const PREPARED = `something that builds need is missing in the tenant’s namespace; ${ADMIN}`;
const PLATFORM = `the platform could not do it; ${ADMIN}`;

/**
 * Reason → what a tenant is told in place of the stored message. Exhaustive: a new reason does not compile before
 * somebody has decided whether its messages may hold hosts, addresses, accounts, roles, or what other tenants run.
 */
const TENANT_TEXTS: Readonly<Record<Reason, string | typeof OWN>> = {
  // requests: about what this caller sent
  ValidationFailed: OWN,
  MalformedJson: OWN,
  UnsupportedMediaType: OWN,
  BodyTooLarge: OWN,
  TenantRequired: OWN,
  Unauthenticated: OWN,
  Forbidden: OWN,
  NotFound: OWN,
  RouteNotFound: OWN,
  MethodNotAllowed: OWN,
  IdempotencyKeyReused: OWN,
  IdempotencyKeyInFlight: OWN,
  PreconditionFailed: OWN,
  RateLimited: OWN,
  NameTaken: OWN,
  InUse: OWN,
  ProviderReadOnly: OWN,
  AlreadyAdopted: OWN,
  Conflict: OWN,
  NotYetSupported: OWN,
  Internal: PLATFORM,
  // submission
  TektonDisabled: OWN,
  MethodNotAllowedForTenant: OWN,
  CapabilityNotAllowedForTenant: OWN,
  BuildConfigInvalid: OWN,
  UrlForbidden: OWN,
  ProviderNotFound: 'is none that this tenant may use',
  ProviderNotGranted: 'is none that this tenant may use',
  TenantQueueFull: OWN,
  ConcurrencyKeyTaken: OWN,
  TenantDisabled: OWN,
  BuildAlreadyFinished: OWN,
  BuildNotFinished: OWN,
  // queue and placement: what is stored on a build is made of these texts
  QueueTimeout: OWN,
  AttemptsExhausted: OWN,
  RetryTimeExhausted: OWN,
  NoEligibleProvider: OWN,
  ProviderDisabled: 'is disabled',
  ProviderCordoned: 'is cordoned',
  ProviderDraining: 'is draining',
  ProviderUnhealthy: 'is not healthy enough at present',
  ProviderAtLimit: 'runs as many builds as it may',
  SweepBehind: 'takes builds again when ended runs are removed',
  ProviderTypeMismatch: OWN,
  ProviderChanged: 'was changed since it was chosen',
  ProviderAvoided: OWN,
  ProviderOutranked: OWN,
  ArchitectureMissing: OWN,
  OperatingSystemMissing: OWN,
  GpuMissing: OWN,
  CapabilityMissing: OWN,
  LabelMismatch: OWN,
  RegionMismatch: OWN,
  NodeTooSmall: OWN,
  NoSchedulableNode: 'has no node that takes new pods',
  BreakerOpen: 'is sent nothing at present',
  RegistryNotReached: OWN,
  MethodNotSupported: OWN,
  NotBefore: OWN,
  TenantAtLimit: OWN,
  ProjectAtLimit: OWN,
  InstallationAtLimit: 'all tenants together run as many builds as they may',
  ConcurrencyKeyBusy: OWN,
  DispatchPaused: OWN,
  BackOff: OWN,
  RegistryHeld: OWN,
  SlotsTaken: 'every slot of the dispatchers is taken',
  BuildsAhead: OWN,
  DispatcherMissing: OWN,
  // stop intents
  UserCancel: OWN,
  StartLimit: OWN,
  RunLimit: OWN,
  Drain: OWN,
  Superseded: OWN,
  // clocks
  StartTimeout: 'no step of it started in time; its timeline says what it waited for',
  RunTimeout: OWN,
  ClusterLost: OWN,
  LogGap: OWN,
  // clusters and their credentials: endpoints, accounts, roles, object paths
  KubeconfigInvalid: CLUSTER,
  ProviderConfigInvalid: CLUSTER,
  CredentialUnreadable: CLUSTER,
  ClusterUnreachable: `its cluster cannot be reached at present; ${ADMIN}`,
  ClusterUnauthorized: `its cluster does not accept our credential; ${ADMIN}`,
  ClusterForbidden: `its cluster does not allow us something that builds need; ${ADMIN}`,
  ClusterThrottled: 'its cluster takes no more requests at present',
  ClusterUnavailable: 'its cluster does not answer as it should at present',
  ClusterTlsFailed: `no trusted connection to its cluster can be made; ${ADMIN}`,
  ClusterEndpointPrivate: `its cluster cannot be reached at present; ${ADMIN}`,
  CloudCredentialMissing: CLOUD,
  CloudCredentialExpired: CLOUD,
  CloudAccessDenied: CLOUD,
  CloudThrottled: CLOUD,
  CloudClusterNotFound: CLOUD,
  CloudClusterNotActive: CLOUD,
  CloudUnavailable: CLOUD,
  TektonNotInstalled: 'its cluster has no Tekton',
  TektonTooOld: 'its cluster’s Tekton is too old',
  AdmissionTimeout: 'an admission webhook of its cluster did not answer',
  AdmissionDenied: `its cluster’s admission rules refuse it; ${ADMIN}`,
  NamespaceTerminating: NAMESPACE,
  NamespaceCollision: NAMESPACE,
  ForeignInstallation: CLUSTER,
  NameCollision: OBJECT,
  ResourceExpired: OBJECT,
  ObjectNotFound: OBJECT,
  ObjectAlreadyExists: OBJECT,
  ObjectConflict: OBJECT,
  ObjectInvalid: OBJECT,
  // ends of an attempt: those that are told from the log of its own steps are its own
  Succeeded: OWN,
  StepFailed: OWN,
  StepOutOfMemory: OWN,
  StepTimeout: OWN,
  CloneFailed: OWN,
  GitAuthenticationFailed: OWN,
  GitRepositoryNotFound: OWN,
  GitRevisionNotFound: OWN,
  GitUnavailable: OWN,
  DockerfileNotFound: OWN,
  RegistryUnauthorized: OWN,
  RegistryUnavailable: OWN,
  BaseImageUnavailable: OWN,
  PushFailed: OWN,
  DigestMissing: OWN,
  TaskMissing: PREPARED,
  SecretMissing: PREPARED,
  ServiceAccountMissing: PREPARED,
  PvcNotBound: `its workspace has no volume; ${ADMIN}`,
  Unschedulable: 'no node has room for its pod at present; it may ask for less cpu or memory',
  QuotaExceeded: 'the quota of the tenant’s namespace is used up; it may wait for its other builds',
  ImagePullFailed: IMAGE,
  ImagePullUnauthorized: IMAGE,
  ImageNameInvalid: IMAGE,
  ContainerConfigError: `a container of its pod cannot be made; ${ADMIN}`,
  PodCreationFailed: `its cluster does not admit its pod; ${ADMIN}`,
  PodEvicted: 'its pod was evicted',
  PodDeleted: 'its pod was deleted by somebody else while it ran',
  NodeUnreachable: 'its node was lost while a step ran',
  EphemeralStorageExceeded: OWN,
  WorkspaceFull: OWN,
  ResultTooLarge: OWN,
  ResultMissing: OWN,
  PipelineRunInvalid: `Tekton does not accept the run; ${ADMIN}`,
  PipelineRunRefused: `its cluster does not take the run; ${ADMIN}`,
  PipelineRunDeleted: 'the run was deleted by somebody else before it ended',
  PipelineRunTimeout: 'the cluster’s own time limit ended it',
  ForeignCancel: 'somebody on its cluster cancelled it',
  Cancelled: OWN,
  UnknownFailure: `it failed for a cause that we do not know; ${ADMIN}`,
  // waiting
  WaitingForPod: OWN,
  PullingImage: 'an image of its pod is being pulled',
  ContainerCreating: 'the containers of its pod are being made',
  WaitingForVolume: 'its workspace is being made',
  // promotion
  PublishFailed: OWN,
  RegistryRefused: OWN,
  ManifestNotFound: OWN,
  TagSuperseded: OWN,
  // local executor: names and paths of the host
  BuilderMissing: HOST,
  HostLost: `its host was lost; ${ADMIN}`,
  HostDiskFull: `the disk of its host is full; ${ADMIN}`,
  ProcessFailed: 'a process of it was ended on its host; see its log',
  // platform
  DatabaseUnavailable: PLATFORM,
  SchemaOutdated: PLATFORM,
  LeaseLost: PLATFORM,
  ClaimLost: PLATFORM,
  SealFailed: PLATFORM,
  EncryptionKeyMissing: PLATFORM,
  EgressForbidden: `an address that it needs may not be reached from here; ${ADMIN}`,
};

/**
 * What a tenant may read of a message: the reason decides. A message without a reason is a sentence of ours; one with a
 * word that is not a reason of ours may be anybody's, so nothing of it is told.
 */
export function tenantText(reason: string | null | undefined, message: string): string {
  if (reason === null || reason === undefined) return message;
  const text = isReason(reason) ? TENANT_TEXTS[reason] : PLATFORM;
  return text === OWN ? message : text;
}

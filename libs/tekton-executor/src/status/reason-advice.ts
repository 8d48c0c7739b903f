import type { Fault, Reason } from '@image-factory/domain';

/** Who has to act and what to do, for every reason that a cluster's answers lead to. */
export interface Advice {
  readonly fault: Fault;
  readonly advice: string;
}

const TASKS =
  'Prepare the tenant namespace again (our Tasks are applied there), or install the Task where the provider brings its own.';
const ADMIN_IMAGE = "Check the provider's tekton_task_images and that its nodes can reach the registry.";

/** One row per reason; `classify-failure` and `waiting-reason` find the reason, this table says what it means. */
export const REASON_ADVICE = {
  Succeeded: { fault: 'user', advice: '' },
  Cancelled: { fault: 'user', advice: '' },
  Superseded: { fault: 'user', advice: 'A newer build took its place.' },
  Drain: { fault: 'platform', advice: 'Its provider is being drained; the build goes on elsewhere.' },
  StartTimeout: { fault: 'cluster', advice: 'No step started in time: remove the cause, then retry.' },
  RunTimeout: { fault: 'user', advice: 'Raise build_timeout_minutes or make the build faster.' },
  PipelineRunTimeout: {
    fault: 'cluster',
    advice:
      "The cluster's own time limit ended it: the dispatcher was cut off for long, or a limit on the cluster is lower. Retry.",
  },
  ForeignCancel: {
    fault: 'cluster',
    advice: 'Somebody or something on the cluster cancelled it. Retry; ask the owner of the cluster.',
  },
  TaskMissing: { fault: 'platform', advice: TASKS },
  SecretMissing: {
    fault: 'platform',
    advice:
      'Retry: each attempt makes its own Secret. When it comes back, look for what deletes Secrets on the cluster.',
  },
  ServiceAccountMissing: {
    fault: 'platform',
    advice: 'Prepare the tenant namespace again: it makes the ServiceAccount.',
  },
  PvcNotBound: {
    fault: 'cluster',
    advice: "The workspace has no volume: check the provider's storage_class and the cluster's provisioner.",
  },
  Unschedulable: {
    fault: 'cluster',
    advice: 'No node has room for the pod: add nodes, lower the requests, or use another provider.',
  },
  QuotaExceeded: {
    fault: 'cluster',
    advice: "The namespace's ResourceQuota is used up: raise it or wait for other builds.",
  },
  ImagePullFailed: { fault: 'cluster', advice: ADMIN_IMAGE },
  ImagePullUnauthorized: {
    fault: 'cluster',
    advice: `The registry refuses the pull of the step's image. ${ADMIN_IMAGE}`,
  },
  ImageNameInvalid: {
    fault: 'cluster',
    advice: "The step's image is not a valid name: correct the provider's tekton_task_images.",
  },
  ContainerConfigError: {
    fault: 'platform',
    advice: 'The container cannot be configured: see the message and the Task.',
  },
  PodCreationFailed: {
    fault: 'cluster',
    advice: 'The cluster does not admit the pod: see the message (pod security, quota, policy).',
  },
  PodEvicted: { fault: 'cluster', advice: 'The pod was evicted. Retry.' },
  PodDeleted: { fault: 'cluster', advice: 'The pod was deleted by somebody else while it ran. Retry.' },
  NodeUnreachable: { fault: 'cluster', advice: 'The node was lost while the step ran. Retry.' },
  EphemeralStorageExceeded: {
    fault: 'user',
    advice: 'The build wrote more than its disk limit: make it smaller or ask for more ephemeral_storage.',
  },
  WorkspaceFull: {
    fault: 'user',
    advice: 'The workspace is full: make the repository smaller or ask for a larger workspace_size.',
  },
  StepOutOfMemory: {
    fault: 'user',
    advice: 'The step used more memory than its limit: make the build smaller or ask for a higher limit.',
  },
  StepTimeout: { fault: 'user', advice: 'The step ran longer than its limit.' },
  StepFailed: { fault: 'user', advice: 'See the last lines of its log.' },
  CloneFailed: { fault: 'user', advice: 'Check the repository URL, the revision and the repository credential.' },
  GitAuthenticationFailed: { fault: 'user', advice: "Check the project's repository credential." },
  GitRepositoryNotFound: {
    fault: 'user',
    advice: 'Check the repository URL; a private repository without a credential looks the same.',
  },
  GitRevisionNotFound: { fault: 'user', advice: 'Check the branch, tag or commit.' },
  GitUnavailable: {
    fault: 'cluster',
    advice: 'The git host did not answer from the cluster. Check the repository URL, then retry.',
  },
  DockerfileNotFound: { fault: 'user', advice: 'Check dockerfile_path and build_context.' },
  RegistryUnauthorized: {
    fault: 'user',
    advice: "Check the project's registry credential and its right to push to this repository.",
  },
  RegistryUnavailable: {
    fault: 'cluster',
    advice: 'The registry did not answer from the cluster. Check its address, then retry.',
  },
  BaseImageUnavailable: {
    fault: 'cluster',
    advice: 'A registry that the Dockerfile names did not answer from the cluster. Check its address, then retry.',
  },
  PushFailed: { fault: 'user', advice: 'See the last lines of its log.' },
  DigestMissing: { fault: 'platform', advice: 'The Task ended well without a digest: check a Task that is not ours.' },
  ResultTooLarge: { fault: 'platform', advice: 'A step wrote more than Tekton carries in results (4096 bytes).' },
  ResultMissing: {
    fault: 'platform',
    advice: 'The Task ended well without its results: check a Task that is not ours.',
  },
  PipelineRunInvalid: {
    fault: 'platform',
    advice: 'Tekton does not accept the run: its Tasks may be of another version. Prepare the namespace again.',
  },
  UnknownFailure: { fault: 'platform', advice: 'See the final PipelineRun.' },
  WaitingForPod: { fault: 'cluster', advice: '' },
  PullingImage: { fault: 'cluster', advice: '' },
  ContainerCreating: { fault: 'cluster', advice: '' },
  WaitingForVolume: { fault: 'cluster', advice: '' },
} as const satisfies Partial<Record<Reason, Advice>>;

/** Reasons that this executor can give to an attempt. */
export type AttemptReason = keyof typeof REASON_ADVICE;

/** `what` and what to do about it, as one message. */
export function adviceMessage(reason: AttemptReason, what: string): string {
  const { advice } = REASON_ADVICE[reason];
  const text = what.trim().replace(/[.\s]+$/, '');
  if (advice === '') return text === '' ? '' : `${text}.`;
  return text === '' ? advice : `${text}. ${advice}`;
}

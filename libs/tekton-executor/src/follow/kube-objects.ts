/**
 * The fields of Kubernetes' and Tekton's objects that we read, as JSON carries them (times are RFC 3339 text). Sources:
 * https://kubernetes.io/docs/reference/kubernetes-api/ and https://tekton.dev/docs/pipelines/pipeline-api/.
 */
export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface StatusCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string | null;
}

export interface TektonResult {
  readonly name: string;
  readonly value: unknown;
}

export interface PipelineRunObject {
  readonly metadata: ObjectMeta;
  readonly spec?: { readonly status?: string };
  readonly status?: {
    readonly conditions?: readonly StatusCondition[];
    readonly startTime?: string;
    readonly completionTime?: string;
    readonly results?: readonly TektonResult[];
  };
}

export interface TerminatedState {
  readonly exitCode: number;
  readonly reason?: string;
  readonly message?: string;
  readonly startedAt?: string | null;
  readonly finishedAt?: string | null;
  readonly containerID?: string;
}

export interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string | null };
  readonly terminated?: TerminatedState;
}

export interface StepState extends ContainerState {
  readonly name: string;
  readonly container?: string;
  readonly terminationReason?: string;
}

export interface TaskRunObject {
  readonly metadata: ObjectMeta;
  readonly status?: {
    readonly conditions?: readonly StatusCondition[];
    readonly podName?: string;
    readonly startTime?: string;
    readonly completionTime?: string;
    readonly steps?: readonly StepState[];
    readonly results?: readonly TektonResult[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly state?: ContainerState;
}

export interface PodObject {
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly { readonly name: string; readonly image?: string }[];
    readonly initContainers?: readonly { readonly name: string; readonly image?: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly StatusCondition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface EventObject {
  readonly metadata?: ObjectMeta;
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
}

/** Tekton's label keys. */
export const TEKTON_LABELS = {
  pipelineRun: 'tekton.dev/pipelineRun',
  pipelineRunUid: 'tekton.dev/pipelineRunUID',
  pipelineTask: 'tekton.dev/pipelineTask',
  taskRun: 'tekton.dev/taskRun',
} as const;

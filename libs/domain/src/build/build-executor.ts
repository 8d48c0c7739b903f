import type { BuildConfig, BuildMethod, InfrastructureType } from './build-method.js';
import type { ExecutionOutcome, StopIntent } from './build-execution-state.js';
import type { Fault } from '../errors/domain-error.js';
import type { Reason } from '../errors/reasons.js';
import type { LogSink } from '../log/log-record.js';
import type { BuildResources } from '../queue/build-resources.js';
import type { Secret } from '../secret/secret.js';

/**
 * The port between the dispatcher and a place where builds run. Two implementations: Tekton on a cluster, and the
 * dispatcher's own host. Both pass `test/support`'s executor contract suite.
 *
 * Every operation may be called again after a crash with the same arguments, and must then find what it made.
 */
export abstract class BuildExecutor {
  abstract readonly infrastructureType: InfrastructureType;

  /**
   * Makes sure of the tenant's place on a provider (namespace, ServiceAccount, Tasks, `docker-config`; for the local
   * executor its host) and returns it. Touches no attempt. Costs no cluster write when warm. `mayWrite` is asked before
   * each single write (rule 3).
   * @throws DomainError Unavailable (retryable) or Conflict NamespaceCollision / NotAllowed
   */
  abstract prepare(request: PrepareRequest, signal: AbortSignal, mayWrite: MayWrite): Promise<Place>;

  /**
   * The document that an attempt will be created from: pure, verified, without secrets. It is stored with the
   * placement, and re-creation sends these bytes (correctness rule 13).
   * @throws DomainError InvalidInput BuildConfigInvalid
   */
  abstract render(context: RenderContext, place: Place): RenderedDocument;

  /** Starts following a set of shards of one provider. One follower per provider and process. */
  abstract openFollower(options: FollowerOptions): ExecutionFollower;
}

/** `ending`: an attempt's end waits for it. `sweep`: the attempt has ended, and thousands may be due at once. */
export type RemovalCause = 'ending' | 'sweep';

/** All that an executor does for the attempts of one provider whose shards this dispatcher holds. */
export abstract class ExecutionFollower {
  abstract setShards(shards: readonly number[]): void;

  /** Resolves when the first list is in: before it, `observe` may not say `absent`. */
  abstract ready(signal: AbortSignal): Promise<void>;

  /** Milliseconds since the slowest watch last proved to be alive (event, bookmark, or answered list). */
  abstract watchAgeMs(): number;

  /**
   * Ensures every object of the attempt from the stored document: its Secret, then the run. `mayWrite` is asked
   * before each single write (rule 3).
   */
  abstract create(attempt: Attempt, credentials: AttemptCredentials, mayWrite: MayWrite): Promise<CreateOutcome>;

  /**
   * What is true of the attempt now. Pure function of what was watched, plus one read when it has ended, or when the
   * watches have proved nothing for `watchStaleMs`.
   */
  abstract observe(attempt: Attempt): Promise<AttemptObservation>;

  /** Follows every step's log into the sink until the attempt's steps are all read to their end, or the signal. */
  abstract followLogs(attempt: Attempt, sink: LogSink, signal: AbortSignal): Promise<void>;

  /** Asks the place to stop the attempt; what its run left behind is ended. Idempotent; a run that has ended is left alone. */
  abstract stop(attempt: Attempt, intent: StopIntent, mayWrite: MayWrite): Promise<void>;

  /** Deletes the attempt's Secret, so that a late run can only hang (rule 3). Idempotent. */
  abstract removeCredentials(attempt: Attempt, mayWrite: MayWrite, why?: RemovalCause): Promise<void>;

  /**
   * Deletes the attempt's run, whichever uid it has by now (a create that came late makes it again), and any pod of it
   * that is left; never what has its name and is not the attempt's. Idempotent.
   */
  abstract remove(attempt: Attempt, mayWrite: MayWrite, why?: RemovalCause): Promise<void>;

  /**
   * Runs of our installation on the shards held, for the two-way sweep. `fresh`: the place itself is asked, because a
   * watch may lag behind it.
   */
  abstract listRuns(options?: { readonly fresh: boolean }): Promise<readonly FoundRun[]>;

  /**
   * Attempts' Secrets of our installation on the shards held, for the two-way sweep: their names, never what is in
   * them. Asks the place, at most so many pages of it at once. `refused`: this identity may list no Secrets, as the role
   * that is shipped may not; late ones are then found by the runs that came with them.
   */
  abstract listCredentials(): Promise<FoundCredentials>;

  abstract close(): Promise<void>;
}

export type MayWrite = () => boolean;

export interface PrepareRequest {
  readonly providerId: string;
  readonly tenantId: string;
}

/** Where an attempt lives. Stored with it; absence of the run counts only from the same place. */
export interface Place {
  /** uid of the kube-system namespace; for the local executor the host's id. */
  readonly clusterUid: string;
  /** Namespace name; for the local executor the host's name. */
  readonly namespace: string;
  readonly namespaceUid: string;
}

/** The explicit, typed merge of build, project and method configuration that templates see. */
export interface RenderContext {
  readonly installationId: string;
  readonly tenantId: string;
  readonly projectId: string;
  readonly buildId: string;
  readonly executionId: string;
  readonly attempt: number;
  readonly shard: number;
  readonly buildMethod: BuildMethod;
  readonly gitRepositoryUrl: string;
  /** Branch, tag or commit to build: the commit when the user named one. */
  readonly gitRevision: string;
  /** `registry/repository` without a tag; undefined only for methods that make no image. */
  readonly imageRepository: string | undefined;
  /** Defaults of the project are merged in. */
  readonly config: BuildConfig;
  readonly resources: BuildResources;
  /** Sum of start and run limits and a margin, in seconds: the backstop `timeouts.pipeline` (rule 17). */
  readonly pipelineTimeoutSeconds: number;
  readonly storageClass: string | undefined;
  /** Kubernetes quantity. */
  readonly workspaceSize: string;
  /** Nodes on which earlier attempts ended there: others are preferred, and these still serve when no other can. */
  readonly avoidedNodes: readonly string[];
  readonly insecureRegistry: boolean;
  readonly hasGitCredential: boolean;
  /** W3C `traceparent` of the build's trace. */
  readonly traceparent: string | undefined;
}

export interface RenderedDocument {
  /** JSON text, sent to the place byte for byte. */
  readonly document: string;
  /** sha256 hex of `document`. */
  readonly hash: string;
  /** Name of the run in its namespace: a pure function of installation, build and attempt. */
  readonly name: string;
}

/** An attempt as the dispatcher hands it to an executor, from the stored row. */
export interface Attempt {
  readonly executionId: string;
  readonly buildId: string;
  readonly tenantId: string;
  readonly providerId: string;
  readonly installationId: string;
  readonly attempt: number;
  readonly shard: number;
  readonly buildMethod: BuildMethod;
  readonly place: Place;
  readonly name: string;
  readonly document: string;
  readonly documentHash: string;
  /** uid of the run once it is known. */
  readonly uid: string | undefined;
  readonly stopIntent: StopIntent | undefined;
}

/** Opened only to be sent to the attempt's own Secret (or the local builder's environment). */
export interface AttemptCredentials {
  /** Text of a Docker `config.json`; undefined: the tenant's `docker-config` is the source (rule 10). */
  readonly dockerConfigJson: Secret | undefined;
  readonly git: GitCredential | undefined;
}

export type GitCredential =
  | { readonly type: 'token' | 'basic'; readonly host: string; readonly username: string; readonly password: Secret }
  | { readonly type: 'ssh_key'; readonly privateKey: Secret; readonly knownHosts: string };

/**
 * `created`/`adopted`: it exists, ours. `refused`: certainly not created, and never will be. `retryLater`: certainly
 * not created, try again in place. `unknown`: it may or may not exist; the same bytes are sent again, and only a 201,
 * a find, or absence after the request deadline settles it (rule 14).
 */
export type CreateOutcome =
  | { readonly kind: 'created' | 'adopted'; readonly uid: string }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly message: string; readonly fault: Fault }
  | {
      readonly kind: 'retryLater' | 'unknown';
      readonly reason: Reason;
      readonly message: string;
      readonly retryAfterMs?: number;
    }
  | { readonly kind: 'notAllowed' };

export type AttemptObservation =
  /** Neither the run nor a pod of it lives there, from a consistent read of the same place after the follower was ready. */
  | { readonly kind: 'absent' }
  /** The place cannot be seen now. */
  | { readonly kind: 'unreachable'; readonly reason: Reason; readonly message: string }
  | PresentAttempt;

export interface PresentAttempt {
  readonly kind: 'present';
  readonly uid: string;
  /** `pending` until the first step has started. */
  readonly phase: 'pending' | 'running' | 'ended';
  /** Why it waits, while it waits: from the closed list, with what to do. */
  readonly waiting: { readonly reason: Reason; readonly message: string } | undefined;
  readonly firstStepStartedAt: Date | undefined;
  /** Seconds in which some step ran; waits of later TaskRuns are not counted (rule 17). */
  readonly runSeconds: number;
  /** When the TaskRun that waits now was made; undefined when none waits. The start clock runs from here. */
  readonly waitingSince: Date | undefined;
  readonly endedAt: Date | undefined;
  /** No pod of this run's uid has a live container (rule 15). */
  readonly podsOver: boolean;
  /**
   * They are over by the word of where they ran; false too when `podsOver` is only presumed, because a node is gone or has
   * not answered for long.
   */
  readonly podsProvedOver: boolean;
  /** Set when `phase` is `ended`, but for a moment in which its cause is still looked for. */
  readonly end: AttemptEnd | undefined;
}

/** The verdict of an ended attempt: a pure function of run, TaskRuns, pods, log tail and stop intent. */
export interface AttemptEnd {
  readonly outcome: ExecutionOutcome;
  readonly reason: Reason;
  /** What happened and what to do; for a failed step its exit code and its last lines. */
  readonly message: string;
  readonly fault: Fault;
  readonly imageDigest: string | undefined;
  readonly results: Readonly<Record<string, string>>;
  /** The final PipelineRun as JSON (secrets are never in it); for local a record of the same use. */
  readonly finalDocument: string;
  /** Where its last pod was; absent when none was placed on a node, and for local. */
  readonly nodeName?: string;
}

export interface FollowerOptions {
  readonly providerId: string;
  readonly installationId: string;
  readonly shards: readonly number[];
  /** Milliseconds after which a watch that has proved nothing is not believed any more: the place itself is asked. */
  readonly watchStaleMs: number;
  /** Asked before each single write that belongs to no attempt (rules 1 and 3). */
  readonly mayWrite: MayWrite;
  /** Something about this attempt changed: observe it. Called often; must not throw. */
  readonly onChange: (executionId: string) => void;
}

export type FoundCredentials =
  { readonly kind: 'listed'; readonly found: readonly FoundCredential[] } | { readonly kind: 'refused' };

/** An object of an attempt as a list shows it: whose it is by its labels, and where. */
export interface FoundObject {
  readonly executionId: string | undefined;
  readonly buildId: string | undefined;
  readonly attempt: number | undefined;
  readonly shard: number | undefined;
  /** As in {@link Place}. */
  readonly clusterUid: string;
  readonly namespace: string;
  readonly name: string;
}

/** The Secret of an attempt, by its name. */
export type FoundCredential = FoundObject;

export interface FoundRun extends FoundObject {
  readonly uid: string;
  readonly ended: boolean;
  readonly createdAt: Date;
}

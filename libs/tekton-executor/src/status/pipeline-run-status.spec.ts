import { describe, expect, it } from 'vitest';
import type { BuildMethod, PresentAttempt, StopIntent } from '@image-factory/domain';
import type { AttemptView } from './attempt-view.js';
import { needsEvents, needsTail } from './classify-failure.js';
import { pipelineRunStatus } from './pipeline-run-status.js';
import { recordedCase, recordedPodWatch } from './recorded-case.fixture.js';
import { stepTimes } from './step-times.js';

interface Seen {
  readonly stopIntent?: StopIntent;
  readonly buildMethod?: BuildMethod;
  readonly pods?: AttemptView['pods'];
  readonly now?: string;
  readonly overdue?: boolean;
  /** Last lines of the failed step instead of the recorded ones. */
  readonly lines?: readonly string[];
}

function statusOf(name: string, seen: Seen = {}): PresentAttempt {
  const { view, events, tail, document } = recordedCase(name);
  return pipelineRunStatus(seen.pods === undefined ? view : { ...view, pods: seen.pods }, {
    stopIntent: seen.stopIntent,
    tail: seen.lines === undefined ? tail : { lines: seen.lines },
    events,
    now: new Date(seen.now ?? '2026-11-21T10:30:00Z'),
    isOverdue: () => seen.overdue ?? false,
    buildMethod: seen.buildMethod ?? 'packer',
    finalDocument: document,
  });
}

describe('the end of a recorded run', () => {
  it('is success with digest, results and the seconds in which steps ran', () => {
    const status = statusOf('success-scratch', { buildMethod: 'kaniko' });
    expect(status).toMatchObject({ phase: 'ended', podsOver: true, waiting: undefined, runSeconds: 3 });
    expect(status.end).toMatchObject({
      outcome: 'succeeded',
      reason: 'Succeeded',
      imageDigest: 'sha256:f9151319d9bd5c6b86f5d6f8b38346acca40fa1b0b423042ed3e951089d19651',
      results: { commit: '64fe3cf006cf66ba4068dcf68297510668e00e19', IMAGE_URL: '10.244.77.1:5000/out/app:1' },
    });
    expect(status.firstStepStartedAt).toEqual(new Date('2026-11-21T09:15:47Z'));
    expect(status.endedAt).toEqual(new Date('2026-11-21T09:15:54Z'));
  });

  it('fails with DigestMissing when a method that makes an image ends well without one', () => {
    expect(statusOf('retries', { buildMethod: 'kaniko' }).end).toMatchObject({
      outcome: 'failed',
      reason: 'DigestMissing',
      fault: 'platform',
    });
  });

  it.each([
    ['missing-task', 'TaskMissing', 'platform', /no-such-task.*Prepare the tenant namespace/],
    ['missing-serviceaccount', 'ServiceAccountMissing', 'platform', /no-such-sa/],
    ['missing-param', 'PipelineRunInvalid', 'platform', /missing parameters: \[p\]/],
    ['missing-pipeline', 'PipelineRunInvalid', 'platform', /no-such-pipeline/],
    ['missing-env-secret', 'SecretMissing', 'platform', /secret "nope" not found/],
    [
      'missing-secret-workspace',
      'StartTimeout',
      'cluster',
      /task build did not start in time\. SecretMissing: .*"no-such-secret" not found/,
    ],
    ['unschedulable-cpu', 'StartTimeout', 'cluster', /Unschedulable: .*add nodes/],
    ['quota-exceeded', 'StartTimeout', 'cluster', /QuotaExceeded: .*exceeded quota: q/],
    ['image-pull-missing', 'ImagePullUnauthorized', 'cluster', /401 Unauthorized/],
    ['image-pull-unauthorized', 'ImagePullUnauthorized', 'cluster', /tekton_task_images/],
    ['image-pull-unreachable', 'ImagePullFailed', 'cluster', /10\.244\.77\.1:5999/],
    ['image-name-invalid', 'ImageNameInvalid', 'cluster', /invalid reference format/],
    ['step-oom', 'StepOutOfMemory', 'user', /^Step work\/main exited with code 1/],
    ['ephemeral-storage-evicted', 'EphemeralStorageExceeded', 'user', /ephemeral local storage/],
    ['step-timeout', 'StepTimeout', 'user', /longer than its limit/],
    ['task-timeout', 'PipelineRunTimeout', 'cluster', /"6s"/],
    ['pipeline-timeout', 'PipelineRunTimeout', 'cluster', /"8s"/],
    ['tasks-timeout-finally', 'PipelineRunTimeout', 'cluster', /"6s"/],
    ['step-fails-exit-3', 'StepFailed', 'user', /^Step work\/main exited with code 3/],
    [
      'build-fails-bad-run',
      'StepFailed',
      'user',
      /exited with code 1; its last lines:[^]*ls: \/no\/such\/path: No such file or directory\nerror building image/,
    ],
    [
      'clone-fails-no-repo',
      'CloneFailed',
      'user',
      /^Step clone\/clone exited with code 128[^]*nosuchrepo\.git\/' not found[^]*Check the repository URL/,
    ],
    [
      'push-unauthorized',
      'RegistryUnauthorized',
      'user',
      /UNAUTHORIZED: authentication required[^]*registry credential/,
    ],
    [
      'git-revision-not-found',
      'GitRevisionNotFound',
      'user',
      /couldn't find remote ref no-such-branch\. Check the branch/,
    ],
    ['git-unauthorized', 'GitAuthenticationFailed', 'user', /could not read Username[^]*repository credential/],
    [
      'registry-unauthorized',
      'RegistryUnauthorized',
      'user',
      /exited with code 1; its last lines:\nerror checking push permissions[^]*registry credential/,
    ],
    ['registry-unreachable', 'RegistryUnavailable', 'cluster', /connection refused/],
    ['result-too-large', 'ResultTooLarge', 'platform', /4096/],
    ['result-missing', 'ResultMissing', 'platform', /referenced results don't exist/],
    ['pod-deleted-mid-run', 'PodDeleted', 'cluster', /Retry/],
    ['cancelled', 'ForeignCancel', 'cluster', /not by us/],
  ] as const)('%s is %s, fault of %s', (name, reason, fault, message) => {
    const { end } = statusOf(name);
    expect(end).toMatchObject({ outcome: 'failed', reason, fault });
    expect(end?.message).toMatch(message);
    expect(end?.message).not.toMatch(/\u001b|undefined/);
  });

  it('is the git host’s trouble when the clone’s Task reports it, and not when a build does', () => {
    const lines = ['The requested URL returned error: 503', 'image-factory: reason=GitUnavailable'];
    const { end } = statusOf('clone-fails-no-repo', { lines });
    expect(end).toMatchObject({ reason: 'GitUnavailable', fault: 'cluster' });
    expect(end?.message).toMatch(/error: 503\. The git host did not answer[^]*repository URL/);
    expect(statusOf('build-fails-bad-run', { lines }).end).toMatchObject({ reason: 'StepFailed' });
  });

  it('is an eviction, not a failed step, when the pod was seen as a disruption target before it went', () => {
    const pods = recordedPodWatch('pod-evicted-api');
    expect(pods[0]).toMatchObject({ gone: true, disruption: { reason: 'EvictionByEvictionAPI' } });
    expect(statusOf('pod-evicted-api', { pods }).end).toMatchObject({ reason: 'PodEvicted', fault: 'cluster' });
  });

  it('is read as the user’s failed step when what was seen of its pod before it went is not kept', () => {
    const lost = { disruption: undefined, reason: undefined, gone: false, deletionGraceMs: undefined };
    const pods = recordedPodWatch('pod-evicted-api').map((pod) => ({ ...pod, ...lost }));
    expect(statusOf('pod-evicted-api', { pods }).end).toMatchObject({ reason: 'StepFailed', fault: 'user' });
  });

  it('is an eviction too when the pod went before its step, for which Tekton has another word', () => {
    const { view, events, document } = recordedCase('pod-evicted-api');
    const endWith = (pods: AttemptView['pods']) =>
      pipelineRunStatus(
        {
          ...view,
          pods,
          taskRuns: view.taskRuns.map((taskRun) => ({
            ...taskRun,
            verdict: { ...taskRun.verdict, reason: 'InitContainerFailed' },
            steps: [],
          })),
        },
        {
          ...{ stopIntent: undefined, tail: undefined, events, buildMethod: 'packer' },
          ...{ now: new Date('2026-11-21T10:30:00Z'), isOverdue: () => false, finalDocument: document },
        },
      ).end;
    const seen = recordedPodWatch('pod-evicted-api');
    expect(endWith(seen)).toMatchObject({ reason: 'PodEvicted', fault: 'cluster' });
    const kept = seen.map((pod) => ({
      ...pod,
      disruption: undefined,
      reason: undefined,
      gone: false,
      deletionGraceMs: undefined,
    }));
    expect(endWith(kept)).toMatchObject({ reason: 'UnknownFailure' });
  });

  it('is the loss of a node when the pod was deleted for its taint', () => {
    const pods = recordedPodWatch('pod-evicted-api').map((pod) => ({
      ...pod,
      disruption: { reason: 'DeletionByTaintManager', message: '' },
    }));
    expect(statusOf('pod-evicted-api', { pods }).end).toMatchObject({ reason: 'NodeUnreachable', fault: 'cluster' });
  });

  it('is an eviction when the scheduler took the pod away for one of a higher priority', () => {
    const disruption = { reason: 'PreemptionByScheduler', message: 'preempting to accommodate a higher priority pod' };
    const pods = recordedPodWatch('pod-evicted-api').map((pod) => ({ ...pod, disruption }));
    expect(statusOf('pod-evicted-api', { pods }).end).toMatchObject({ reason: 'PodEvicted', fault: 'cluster' });
  });

  it.each([
    ['UserCancel', 'cancelled', 'Cancelled'],
    ['Superseded', 'cancelled', 'Superseded'],
    ['Drain', 'moved', 'Drain'],
    ['RunLimit', 'failed', 'RunTimeout'],
    ['StartLimit', 'failed', 'StartTimeout'],
  ] as const)('is decided by the stop intent %s when it was cancelled', (stopIntent, outcome, reason) => {
    expect(statusOf('cancelled', { stopIntent }).end).toMatchObject({ outcome, reason });
  });

  it('is a start that took too long, of the cluster, though the step began before the cancel landed', () => {
    const { view } = recordedCase('cancelled');
    expect(stepTimes(view, new Date(0)).firstStepStartedAt).toBeDefined();
    const { end } = statusOf('cancelled', { stopIntent: 'StartLimit' });
    expect(end).toMatchObject({ outcome: 'failed', reason: 'StartTimeout', fault: 'cluster' });
    expect(end?.message).toMatch(/^Its step began only when the start limit had passed/);
  });

  it('names what the pod waited for when the start limit stopped it', () => {
    const { view, events, document } = recordedCase('missing-secret-workspace');
    const cancelled = {
      ...view,
      run: { ...view.run, verdict: { status: 'False' as const, reason: 'Cancelled', message: '' } },
    };
    const status = pipelineRunStatus(cancelled, {
      stopIntent: 'StartLimit',
      tail: undefined,
      events,
      now: new Date(),
      isOverdue: () => false,
      buildMethod: 'kaniko',
      finalDocument: document,
    });
    expect(status.end).toMatchObject({ outcome: 'failed', reason: 'StartTimeout' });
    expect(status.end?.message).toContain('SecretMissing');
  });

  it('names what the pod waited for when its task ran into a limit that is lower than the run’s', () => {
    const { view, events, document } = recordedCase('unschedulable-cpu');
    const ended = {
      ...view,
      run: { ...view.run, verdict: { status: 'False' as const, reason: 'Failed', message: 'Tasks Completed: 1' } },
      taskRuns: view.taskRuns.map((one) => ({
        ...one,
        verdict: { ...one.verdict, status: 'False' as const, reason: 'TaskRunTimeout' },
      })),
    };
    expect({ tail: needsTail(ended), events: needsEvents(ended, undefined) }).toEqual({ tail: false, events: true });
    const context = { stopIntent: undefined, tail: undefined, events, now: new Date(), isOverdue: () => false };
    const { end } = pipelineRunStatus(ended, { ...context, buildMethod: 'kaniko', finalDocument: document });
    expect(end).toMatchObject({ outcome: 'failed', reason: 'StartTimeout', fault: 'cluster' });
    expect(end?.message).toContain('Unschedulable');
  });

  it('stays success when the stop came after the run had ended', () => {
    expect(statusOf('success-scratch', { buildMethod: 'kaniko', stopIntent: 'UserCancel' }).end).toMatchObject({
      outcome: 'succeeded',
    });
  });
});

describe('the pods of a recorded run', () => {
  it('are over when the containers are, though the phase still says Running', () => {
    expect(statusOf('clone-fails-no-repo').podsOver).toBe(true);
  });

  it('live on while a cancelled pod is being deleted with a running container', () => {
    const pods = recordedPodWatch('cancelled').map((pod) => ({
      ...pod,
      gone: false,
      lastStateUnseen: false,
      phase: 'Running',
      deletionGraceMs: 30_000,
      containers: pod.containers.map((container) => ({ ...container, state: 'running' as const })),
    }));
    expect(statusOf('cancelled', { pods, now: '2026-11-22T09:16:35Z' }).podsOver).toBe(false);
    expect(statusOf('cancelled', { pods, overdue: true }).podsOver).toBe(true);
  });

  it('never count the affinity assistant', () => {
    expect(recordedCase('missing-secret-workspace').view.pods.map(({ name }) => name)).not.toContain(
      'affinity-assistant-5b085af999-0',
    );
  });
});

describe('a waiting attempt', () => {
  /** The recorded end of a run that waited, put back to before its end. */
  function waiting(name: string, now = '2026-11-21T13:00:00Z'): PresentAttempt {
    const { view, events, document } = recordedCase(name);
    const before = {
      run: {
        ...view.run,
        verdict: { status: 'Unknown' as const, reason: 'Running', message: '' },
        completedAt: undefined,
      },
      taskRuns: view.taskRuns.map((taskRun) =>
        taskRun.verdict.status === 'True'
          ? taskRun
          : {
              ...taskRun,
              steps: [],
              verdict: {
                ...taskRun.verdict,
                status: 'Unknown' as const,
                reason: /\[(\w+)\]/.exec(taskRun.verdict.message)?.[1] ?? taskRun.verdict.reason,
              },
            },
      ),
      pods: view.pods.map((pod) => ({ ...pod, deletionGraceMs: undefined })),
    };
    return pipelineRunStatus(before, {
      stopIntent: undefined,
      tail: undefined,
      events,
      now: new Date(now),
      isOverdue: () => false,
      buildMethod: 'packer',
      finalDocument: document,
    });
  }

  it.each([
    ['missing-secret-workspace', 'SecretMissing', /no-such-secret/],
    ['init-image-pull-hangs', 'ImagePullFailed', /place-scripts/],
    ['image-pull-unauthorized', 'ImagePullUnauthorized', /401/],
    ['missing-env-secret', 'SecretMissing', /"nope" not found/],
    ['quota-exceeded', 'QuotaExceeded', /exceeded quota/],
    ['pvc-not-bound', 'PvcNotBound', /unbound immediate PersistentVolumeClaims.*storage_class/],
  ] as const)('of the case %s says %s', (name, reason, message) => {
    const status = waiting(name);
    expect(status.waiting?.reason).toBe(reason);
    expect(status.waiting?.message).toMatch(message);
    expect(status.end).toBeUndefined();
  });

  it('of a volume that is still being made does not call it unbound at once', () => {
    const { view } = recordedCase('pvc-not-bound');
    const soon = new Date((view.taskRuns[0]?.createdAt.getTime() ?? 0) + 1000).toISOString();
    expect(waiting('pvc-not-bound', soon).waiting?.reason).toBe('WaitingForVolume');
  });

  it('is pending since its TaskRun was made until its first step started', () => {
    const status = waiting('init-image-pull-hangs');
    expect(status).toMatchObject({
      phase: 'pending',
      firstStepStartedAt: undefined,
      runSeconds: 0,
      waitingSince: new Date('2026-11-21T09:43:40Z'),
    });
  });

  it('keeps running in phase but counts no seconds while a later TaskRun waits', () => {
    const status = waiting('missing-secret-workspace');
    expect(status).toMatchObject({ phase: 'running', waitingSince: new Date('2026-11-21T09:18:46Z') });
    expect(status.runSeconds).toBeLessThan(5);
  });

  it('says that Tekton has not taken it up while there is no TaskRun', () => {
    const { view, document } = recordedCase('init-image-pull-hangs');
    const status = pipelineRunStatus(
      { ...view, taskRuns: [], pods: [] },
      {
        stopIntent: undefined,
        tail: undefined,
        events: [],
        now: new Date(),
        isOverdue: () => false,
        buildMethod: 'kaniko',
        finalDocument: document,
      },
    );
    expect(status).toMatchObject({
      phase: 'pending',
      waiting: { reason: 'WaitingForPod' },
      waitingSince: view.run.createdAt,
    });
  });
});

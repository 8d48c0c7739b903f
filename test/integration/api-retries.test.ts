import type { Fault, Reason } from '@image-factory/domain';
import { eventually } from '@image-factory/test-support';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, ApiHarness, expectProblem } from './api-support.ts';
import { DispatcherHarness, REPOSITORY } from './dispatcher-harness.js';
import { QUICK_RETRIES } from './dispatcher-quick-retries.js';

/** The real API and a real dispatcher on one database; only the cluster is not real. */
let dispatcher: DispatcherHarness;
let api: ApiHarness;
beforeAll(async () => {
  dispatcher = await DispatcherHarness.open();
  api = await ApiHarness.start({ databaseUrl: dispatcher.test.url });
  await dispatcher.start();
});
afterAll(async () => {
  await api.stop();
  await dispatcher.close();
});
afterEach(() => {
  dispatcher.cluster.scriptRun = () => undefined;
});

interface Failure {
  readonly reason: Reason;
  readonly fault: Fault;
  readonly nodeName?: string;
}

/** Attempts end so in turn, and the rest succeeds; each prints its number. */
function failAttempts(failureOf: (attempt: number) => Failure | undefined): void {
  dispatcher.cluster.scriptRun = ({ attempt }) => {
    const failure = failureOf(attempt);
    const steps = [{ task: 'build', step: 'build', lines: [`this is attempt ${attempt}`] }];
    return failure === undefined ? { steps } : { steps, exitCode: 1, failure };
  };
}

function get(path: string): Promise<Answer> {
  return api.call('GET', `/api/v1/builds/${path}`, { tenantId: dispatcher.tenantId });
}

async function submitted(): Promise<string> {
  const answer = await api.submit(dispatcher.tenantId, dispatcher.projectId, {
    build_config: { metadata: { registry_repo: REPOSITORY } },
  });
  expect(answer.status).toBe(201);
  return answer.body.id as string;
}

async function ended(buildId: string): Promise<Answer['body']> {
  return eventually(
    'the build has ended',
    async () => {
      const { body } = await get(buildId);
      return body.finished_at === null ? undefined : body;
    },
    { deadlineMs: 30_000 },
  );
}

describe('over REST', () => {
  it('every attempt keeps its log, its reason, what it was given, and why the next one was made', async () => {
    const failures: Failure[] = [
      { reason: 'PodEvicted', fault: 'cluster', nodeName: 'node-1' },
      { reason: 'EphemeralStorageExceeded', fault: 'user', nodeName: 'node-2' },
    ];
    failAttempts((attempt) => failures[attempt - 1]);
    const buildId = await submitted();
    expect(await ended(buildId)).toMatchObject({ status: 'completed', attempt: 3, reason: 'Succeeded' });
    const { items } = (await get(`${buildId}/executions`)).body;
    expect(items).toMatchObject([
      {
        attempt: 1,
        status: 'failed',
        reason: 'PodEvicted',
        fault: 'cluster',
        node: 'node-1',
        resources: { cpu: '1', memory: '2Gi', ephemeral_storage: null, workspace_size: '1Gi' },
        retry: {
          decision: 'retry',
          class: 'disruption',
          reason: 'CauseMayPass',
          message: 'disruption: PodEvicted may pass; attempt 2 follows, on another provider when one may take it',
          next_attempt_at: expect.any(String),
        },
      },
      {
        attempt: 2,
        status: 'failed',
        reason: 'EphemeralStorageExceeded',
        node: 'node-2',
        resources: { ephemeral_storage: null },
        retry: {
          decision: 'retry',
          class: 'resource',
          message: expect.stringMatching(/attempt 3 follows, .*, with at least 8Gi of ephemeral_storage$/),
        },
      },
      { attempt: 3, status: 'succeeded', node: null, resources: { ephemeral_storage: null }, retry: null },
    ]);
    for (const attempt of [1, 2, 3]) {
      const { text } = await get(`${buildId}/logs?attempt=${attempt}&step=build/build`);
      expect(text).toBe(`this is attempt ${attempt}\n`);
    }
    expect((await get(`${buildId}`)).body.requirements).toMatchObject({ ephemeral_storage: null });
  });

  it('a user’s error says that it is for the user to change, and is the only attempt', async () => {
    failAttempts(() => ({ reason: 'DockerfileNotFound', fault: 'user' }));
    const buildId = await submitted();
    expect(await ended(buildId)).toMatchObject({ status: 'failed', attempt: 1, reason: 'DockerfileNotFound' });
    const { items } = (await get(`${buildId}/executions`)).body;
    expect(items).toMatchObject([
      {
        retry: {
          decision: 'stop',
          class: 'user',
          reason: 'UserError',
          message: 'DockerfileNotFound is for the user to change; it would end so again',
          next_attempt_at: null,
        },
      },
    ]);
  });

  it('the last of many attempts says which cap it met, and the build what its last attempt met', async () => {
    failAttempts(() => ({ reason: 'NodeUnreachable', fault: 'cluster' }));
    const buildId = await submitted();
    const { attempts } = QUICK_RETRIES.policies.disruption;
    const build = await ended(buildId);
    expect(build).toMatchObject({ status: 'failed', attempt: attempts, reason: 'AttemptsExhausted' });
    expect(build.message).toContain('it ended with NodeUnreachable');
    const { items } = (await get(`${buildId}/executions`)).body;
    expect(items.map((item: { retry: { decision: string } }) => item.retry.decision)).toEqual([
      ...Array<string>(attempts - 1).fill('retry'),
      'stop',
    ]);
    expect(items.at(-1).retry).toMatchObject({
      reason: 'ClassAttemptsUsed',
      message: `${attempts} of at most ${attempts} attempts ended for a cause of this class`,
    });
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      expect((await get(`${buildId}/logs?attempt=${attempt}`)).text).toContain(`this is attempt ${attempt}\n`);
    }
    expectProblem(await get(`${buildId}/logs?attempt=${attempts + 1}`), 404, 'NotFound');
  });
});

import { describe, expect, it } from 'vitest';
import type { Ending, RunRecord } from '../workspace/run-state.js';
import { attemptEnd } from './attempt-end.js';

const RECORD: RunRecord = {
  uid: 'u',
  name: 'if-x-1',
  installationId: 'i',
  executionId: 'e',
  buildId: 'b',
  attempt: 1,
  shard: 0,
  documentHash: 'h',
  createdAt: '2026-01-01T00:00:00.000Z',
};

const end = (ending: Ending, stopIntent?: 'UserCancel' | 'Drain') =>
  attemptEnd({
    record: RECORD,
    state: undefined,
    ending,
    endedAt: '2026-01-01T00:01:00.000Z',
    hostName: 'h',
    stopIntent,
  });

describe('attemptEnd', () => {
  it('lets a success stand although a stop was asked for', () => {
    expect(end({ kind: 'succeeded' }, 'UserCancel')).toMatchObject({ outcome: 'succeeded' });
  });

  it('blames a stop without a stored intent on somebody else', () => {
    expect(end({ kind: 'stopped' })).toMatchObject({ outcome: 'failed', reason: 'ForeignCancel', fault: 'platform' });
  });

  it('reads a lost host by the stored intent', () => {
    const lost: Ending = { kind: 'host-lost', message: 'The host restarted.' };
    expect(end(lost)).toMatchObject({ outcome: 'failed', reason: 'HostLost', fault: 'platform' });
    expect(end(lost, 'UserCancel')).toMatchObject({ outcome: 'cancelled' });
    expect(end(lost, 'Drain')).toMatchObject({ outcome: 'moved' });
  });

  it('does not blame the user for a builder that was killed', () => {
    const killed: Ending = {
      kind: 'step-failed',
      step: 'build/build',
      exitCode: undefined,
      signal: 'SIGKILL',
      tail: 'x',
    };
    expect(end(killed)).toMatchObject({ reason: 'ProcessFailed', fault: 'platform' });
  });

  it('shows exit code and last lines of a failed step', () => {
    const failed: Ending = {
      kind: 'step-failed',
      step: 'build/build',
      exitCode: 7,
      signal: undefined,
      tail: 'one\ntwo',
    };
    expect(end(failed).message).toBe('Step build/build exited with 7. See its last lines. Last lines:\none\ntwo');
  });
});

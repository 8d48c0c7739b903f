import { describe, expect, it, vi } from 'vitest';
import { DomainError } from '@image-factory/domain';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import { readLogTail } from './read-attempt.js';

const TIME = '2026-11-21T09:00:00.000000001Z';

function tailOf(answer: string | DomainError) {
  const request = () => (answer instanceof DomainError ? Promise.reject(answer) : Promise.resolve({ body: answer }));
  return readLogTail({ request } as unknown as ClusterConnection, 'n', 'p', 'step-build');
}

describe('the last lines of a log', () => {
  it('are given without their times', async () => {
    expect(await tailOf(`${TIME} one\n${TIME} two\n`)).toEqual({ lines: ['one', 'two'] });
    expect(await tailOf('')).toEqual({ lines: [] });
  });

  it('take no turn of what the API server answers by itself', async () => {
    const request = vi.fn(() => Promise.resolve({ body: '' }));
    await readLogTail({ request } as unknown as ClusterConnection, 'n', 'p', 'step-build');
    expect(request).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ requestClass: 'logs' }));
  });

  it('are not there when the node says so instead of giving them, with status 200', async () => {
    const said = 'unable to retrieve container logs for containerd://b99a';
    await expect(tailOf(said)).rejects.toMatchObject({ retryable: true, message: expect.stringContaining(said) });
    await expect(tailOf(`${TIME} one\n${said}`)).rejects.toMatchObject({ retryable: true });
  });

  it('decide nothing when they are so long that the last of them may be cut off', async () => {
    const tail = await tailOf(`${TIME} ${'x'.repeat(600 * 1024)}`);
    expect(tail).toMatchObject({ isUnread: true });
  });

  it('decide when they have grown by bytes that are no text', async () => {
    const line = '\u{fffd}'.repeat(200 * 1024);
    expect(await tailOf(`${TIME} ${line}\n`)).toEqual({ lines: [line] });
  });

  it.each(['ObjectNotFound', 'ObjectInvalid', 'ClusterForbidden'] as const)('are none at %s', async (reason) => {
    expect(await tailOf(new DomainError({ kind: 'NotFound', reason, message: 'no' }))).toBeUndefined();
  });

  it.each(['ClusterTlsFailed', 'ClusterUnauthorized', 'CredentialUnreadable'] as const)(
    'may be there at %s, which says nothing of them',
    async (reason) => {
      await expect(tailOf(new DomainError({ kind: 'Unavailable', reason, message: 'no' }))).rejects.toMatchObject({
        reason,
      });
    },
  );
});

import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { Agent, request } from 'undici';
import { egressConnector, pinnedLookup } from './egress-connector.js';
import { EgressPolicy } from './egress-policy.js';

function lookup(
  policy: EgressPolicy,
  host: string,
  options: { all?: boolean; family?: number } = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    pinnedLookup(policy, 'git', 443)(
      host,
      { all: options.all ?? false, family: options.family ?? 0 },
      (error, address) => {
        if (error === null) resolve(address);
        else reject(error);
      },
    );
  });
}

const resolving = (answers: readonly (readonly string[])[]): EgressPolicy => {
  let call = 0;
  return new EgressPolicy({
    allow: [],
    resolve: async () => {
      const answer = answers[Math.min(call, answers.length - 1)] ?? [];
      call += 1;
      return answer.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  });
};

describe('the pinned lookup', () => {
  it('answers what the policy has judged', async () => {
    const policy = resolving([['192.30.255.112', '2606:50c0:8000::153']]);
    expect(await lookup(policy, 'git.example')).toBe('192.30.255.112');
    expect(await lookup(policy, 'git.example', { family: 6 })).toBe('2606:50c0:8000::153');
    expect(await lookup(policy, 'git.example', { all: true })).toHaveLength(2);
  });

  it('refuses a name that was public when it was checked and is not when it is connected to', async () => {
    const policy = resolving([['192.30.255.112'], ['127.0.0.1']]);
    expect(await policy.check('https://git.example/', 'git')).toMatchObject({ allowed: true });
    await expect(lookup(policy, 'git.example')).rejects.toMatchObject({
      reason: 'EgressForbidden',
      details: { outcome: 'notSent' },
    });
  });
});

describe('the egress connector', () => {
  it.each(['http://127.0.0.1:9/', 'http://[::1]:9/', 'http://rebound.example:9/'])(
    'opens no socket to %s',
    async (url) => {
      const agent = new Agent({ connect: egressConnector(resolving([['127.0.0.1']]), 'git') });
      await expect(request(url, { dispatcher: agent })).rejects.toMatchObject({ reason: 'EgressForbidden' });
      await agent.close();
    },
  );

  it('lets sockets to allowed addresses fail by themselves', async () => {
    const policy = new EgressPolicy({ allow: ['127.0.0.1:1'] });
    const agent = new Agent({ connect: egressConnector(policy, 'git') });
    await expect(request('http://127.0.0.1:1/', { dispatcher: agent })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await agent.close();
  });
});

import { describe, expect, it } from 'vitest';
import { EgressPolicy } from './egress-policy.js';
import type { EgressPurpose, EgressRefusal } from './egress-verdict.js';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'git.example': ['192.30.255.112'],
  'v6.example': ['2606:50c0:8000::153'],
  'private.example': ['10.1.2.3'],
  'ula.example': ['fd12:3456::1'],
  'loop.example': ['127.0.0.1'],
  'meta.example': ['169.254.169.254'],
  'mixed.example': ['192.30.255.112', '10.0.0.1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'empty.example': [],
  localhost: ['127.0.0.1', '::1'],
  'metadata.google.internal': ['169.254.169.254'],
  'registry.corp.example': ['10.9.9.9'],
  'evil.corp.example': ['127.0.0.1'],
};

function policy(allow: readonly string[] = [], allowHttp: readonly string[] = []): EgressPolicy {
  return new EgressPolicy({
    allow,
    allowHttp,
    resolve: async (host) => {
      const found = NAMES[host];
      if (found === undefined) throw new Error('ENOTFOUND');
      return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  });
}

async function verdict(
  url: string,
  purpose: EgressPurpose,
  allow: readonly string[] = [],
  allowHttp: readonly string[] = [],
): Promise<'allowed' | EgressRefusal> {
  const result = await policy(allow, allowHttp).check(url, purpose);
  return result.allowed ? 'allowed' : result.reason;
}

const A: EgressRefusal = 'AddressForbidden';
const U: EgressRefusal = 'UrlInvalid';
const S: EgressRefusal = 'SchemeForbidden';
const H: EgressRefusal = 'HostForbidden';
const I: EgressRefusal = 'UserinfoForbidden';

const HOSTILE: readonly (readonly [string, EgressPurpose, EgressRefusal])[] = [
  // loopback in every notation
  ['https://127.0.0.1/a', 'git', A],
  ['https://127.1/a', 'git', A],
  ['https://127.0.1/a', 'git', A],
  ['https://2130706433/a', 'git', A],
  ['https://0x7f000001/a', 'git', A],
  ['https://0x7f.0.0.1/a', 'git', A],
  ['https://0177.0.0.1/a', 'git', A],
  ['https://017700000001/a', 'git', A],
  ['https://127.0.0.1./a', 'git', A],
  ['https://127.255.255.254/a', 'git', A],
  ['ssh://git@2130706433/a', 'git', A],
  ['ssh://git@0x7f.1/a', 'git', A],
  ['git@127.0.0.1:a/b', 'git', A],
  ['git@2130706433:a/b', 'git', A],
  ['git@[::1]:a/b', 'git', A],
  ['https://[::1]/a', 'git', A],
  ['https://[0:0:0:0:0:0:0:1]/a', 'git', A],
  ['https://[::ffff:127.0.0.1]/a', 'git', A],
  ['https://[::ffff:7f00:1]/a', 'git', A],
  ['https://[::127.0.0.1]/a', 'git', A],
  ['https://[64:ff9b::127.0.0.1]/a', 'git', A],
  ['https://[64:ff9b::7f00:1]/a', 'git', A],
  ['https://[2002:7f00:1::]/a', 'git', A],
  ['https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/a', 'git', A],
  ['https://[fe80::5efe:127.0.0.1]/a', 'git', A],
  ['https://[2606:4700::5efe:7f00:1]/a', 'git', A],
  ['https://[::ffff:0:127.0.0.1]/a', 'git', A],
  ['https://loop.example/a', 'git', A],
  ['https://mapped.example/a', 'git', A],
  // this network, broadcast, multicast
  ['https://0.0.0.0/a', 'git', A],
  ['https://0/a', 'git', A],
  ['https://[::]/a', 'git', A],
  ['https://255.255.255.255/a', 'git', A],
  ['https://224.0.0.1/a', 'git', A],
  ['https://[ff02::1]/a', 'git', A],
  // metadata and link-local
  ['https://169.254.169.254/latest/meta-data', 'git', A],
  ['http://169.254.169.254/latest/meta-data', 'git', A],
  ['https://2852039166/a', 'git', A],
  ['https://0xa9fea9fe/a', 'git', A],
  ['https://0251.0376.0251.0376/a', 'git', A],
  ['https://[::ffff:169.254.169.254]/a', 'git', A],
  ['https://[64:ff9b::a9fe:a9fe]/a', 'git', A],
  ['https://[fd00:ec2::254]/a', 'git', A],
  ['https://100.100.100.200/a', 'git', A],
  ['https://168.63.129.16/a', 'git', A],
  ['https://169.254.170.2/a', 'registry', A],
  ['https://169.254.0.1/a', 'cluster', A],
  ['https://[fe80::1]/a', 'cluster', A],
  ['https://169.254.169.254', 'cluster', A],
  ['https://metadata.google.internal/', 'cluster', H],
  ['https://metadata.google.internal./', 'git', H],
  ['https://METADATA.google.INTERNAL/', 'git', H],
  ['https://metadata/', 'cluster', H],
  ['https://meta.example/', 'cluster', A],
  ['https://meta.example/', 'git', A],
  // private networks
  ['https://10.0.0.1/a', 'git', A],
  ['https://172.16.0.1/a', 'registry', A],
  ['https://192.168.1.1/a', 'registry', A],
  ['https://100.64.0.1/a', 'git', A],
  ['https://198.18.0.1/a', 'git', A],
  ['https://[fd12::1]/a', 'git', A],
  ['https://[fec0::1]/a', 'git', A],
  ['https://[::ffff:10.0.0.1]/a', 'git', A],
  ['https://[2002:a00:1::]/a', 'git', A],
  ['https://private.example/a', 'git', A],
  ['https://ula.example/a', 'registry', A],
  ['https://mixed.example/a', 'git', A],
  // names that mean something inside a cluster or on a host
  ['https://localhost/a', 'git', H],
  ['https://localhost./a', 'git', H],
  ['https://x.localhost/a', 'git', H],
  ['https://kubernetes.default.svc/a', 'git', H],
  ['https://kubernetes.default.svc.cluster.local/a', 'git', H],
  ['https://vault.internal/a', 'registry', H],
  ['https://registry/a', 'registry', H],
  ['https://localhost:6443', 'cluster', A],
  // schemes
  ['file:///etc/passwd', 'git', S],
  ['file://git.example/etc/passwd', 'git', S],
  ['git://git.example/a', 'git', S],
  ['ftp://git.example/a', 'git', S],
  ['gopher://git.example/a', 'git', S],
  ['ext::sh -c id', 'git', U],
  ['/etc/passwd', 'git', U],
  ['http://git.example/v2/', 'registry', S],
  ['http://git.example:6443', 'cluster', S],
  ['ssh://git@git.example/a', 'registry', S],
  // user information and parser differences
  ['https://user:pw@git.example/a', 'git', I],
  ['https://git.example@127.0.0.1/a', 'git', I],
  ['https://git.example:443@127.0.0.1/a', 'git', I],
  ['ssh://git:pw@git.example/a', 'git', I],
  ['ssh://-oProxyCommand=id@git.example/a', 'git', I],
  ['https://git.example\\@127.0.0.1/a', 'git', U],
  ['https://127.0.0.1%2f.git.example/a', 'git', U],
  ['https://127%2e0%2e0%2e1/a', 'git', U],
  ['https://①②⑦.⓪.⓪.①/a', 'git', U],
  ['https://git.example/a b', 'git', U],
  ['https://git.example/a\r\nHost: x', 'git', U],
  ['https:///git.example/a', 'git', U],
  ['https://git.example:0/a', 'git', U],
  ['https://git.example:99999/a', 'git', U],
  ['https://[::1', 'git', U],
  ['https://-git.example/a', 'git', U],
  ['https://git..example/a', 'git', U],
  ['https://[fe80::1%25eth0]/a', 'git', U],
  ['https://', 'git', U],
  ['', 'git', U],
];

describe('an egress policy without an allow list', () => {
  it.each(HOSTILE)('refuses %s for %s', async (url, purpose, reason) => {
    expect(await verdict(url, purpose)).toBe(reason);
  });

  it.each([
    ['https://git.example/team/app.git', 'git'],
    ['http://git.example/team/app.git', 'git'],
    ['ssh://git@git.example:2222/team/app.git', 'git'],
    ['git@git.example:team/app.git', 'git'],
    ['https://GIT.Example./a', 'git'],
    ['https://v6.example/a', 'git'],
    ['https://[2606:50c0:8000::153]/a', 'git'],
    ['https://[64:ff9b::c01e:ff70]/a', 'git'],
    ['https://8.8.8.8/a', 'registry'],
    ['https://private.example:6443', 'cluster'],
    ['https://10.0.0.1:6443', 'cluster'],
    ['https://kubernetes.default.svc', 'cluster'],
  ] as const)('allows %s for %s', async (url, purpose) => {
    const names = { ...NAMES, 'kubernetes.default.svc': ['10.96.0.1'] };
    const open = new EgressPolicy({
      allow: [],
      resolve: async (host) => (names[host as keyof typeof names] ?? []).map((address) => ({ address, family: 4 })),
    });
    expect(await open.check(url, purpose)).toMatchObject({ allowed: true });
  });

  it('tells an admin what a name resolves to, and a tenant only what kind of address that is', async () => {
    const open = new EgressPolicy({ allow: [], resolve: async () => [{ address: '127.0.0.9', family: 4 }] });
    const said = async (purpose: EgressPurpose) => JSON.stringify(await open.check('https://inside.example/', purpose));
    expect(await said('cluster')).toContain('inside.example (127.0.0.9)');
    for (const purpose of ['git', 'registry'] as const) {
      expect(await said(purpose)).toContain('is a loopback address');
      expect(await said(purpose)).not.toContain('127.0.0.9');
    }
  });

  it('says that a name does not resolve, apart from refusing it', async () => {
    expect(await verdict('https://unknown.example/', 'git')).toBe('ResolutionFailed');
    expect(await verdict('https://empty.example/', 'git')).toBe('ResolutionFailed');
  });

  it('judges what is written without resolving when asked to', () => {
    expect(policy().checkLiteral('https://unknown.example/', 'git')).toEqual({
      allowed: true,
      host: 'unknown.example',
      port: 443,
      addresses: [],
    });
    expect(policy().checkLiteral('https://127.1/', 'git')).toMatchObject({ allowed: false });
  });

  it('gives up on a resolver that does not answer', async () => {
    const stuck = new EgressPolicy({ allow: [], resolveTimeoutMs: 5, resolve: () => new Promise(() => undefined) });
    expect(await stuck.check('https://git.example/', 'git')).toMatchObject({
      allowed: false,
      reason: 'ResolutionFailed',
    });
  });
});

describe('an egress allow list', () => {
  it.each([
    ['10.0.0.0/8', 'https://10.1.2.3/', 'registry', 'allowed'],
    ['10.0.0.0/8', 'https://private.example/', 'git', 'allowed'],
    ['10.0.0.0/8', 'https://192.168.0.1/', 'git', A],
    ['10.1.2.3:5000', 'https://10.1.2.3:5000/', 'registry', 'allowed'],
    ['10.1.2.3:5000', 'https://10.1.2.3/', 'registry', A],
    ['127.0.0.1', 'https://127.0.0.1:6443', 'cluster', 'allowed'],
    ['127.0.0.0/8', 'https://127.1/', 'git', 'allowed'],
    ['127.0.0.1', 'https://[::ffff:127.0.0.1]/', 'git', 'allowed'],
    ['127.0.0.1', 'https://[::1]/', 'git', A],
    ['[::1]:5000', 'https://[::1]:5000/', 'registry', 'allowed'],
    ['::1', 'https://[::1]/', 'registry', 'allowed'],
    ['localhost:5000', 'https://localhost:5000/', 'registry', 'allowed'],
    ['localhost:5000', 'https://localhost:5001/', 'registry', H],
    ['registry.corp.example', 'https://registry.corp.example/', 'registry', 'allowed'],
    ['*.corp.example', 'https://registry.corp.example/', 'registry', 'allowed'],
    ['*.corp.example', 'https://evil.corp.example/', 'registry', A],
    ['*.corp.example', 'https://corp.example/', 'registry', 'ResolutionFailed'],
    ['169.254.0.0/16', 'https://169.254.169.254/', 'git', A],
    ['169.254.0.0/16', 'https://169.254.1.1/', 'cluster', A],
    ['metadata.google.internal', 'https://metadata.google.internal/', 'git', H],
    ['0.0.0.0/0', 'https://0.0.0.0/', 'git', A],
    ['meta.example', 'https://meta.example/', 'git', A],
  ] as const)('with %s gives %s for %s: %s', async (entry, url, purpose, expected) => {
    expect(await verdict(url, purpose, [entry])).toBe(expected);
  });

  it('speaks plain http only where listed', async () => {
    expect(await verdict('http://127.0.0.1:5000/', 'registry', ['127.0.0.1'], ['127.0.0.1:5000'])).toBe('allowed');
    expect(await verdict('http://127.0.0.1:5001/', 'registry', ['127.0.0.1'], ['127.0.0.1:5000'])).toBe(
      'SchemeForbidden',
    );
  });

  it('names every malformed entry at once', () => {
    const wrong = ['10.0.0.0/33', 'a*b', '*.*.example', 'http://x', 'host:0', 'host:70000', '1.2.3', '[::1'];
    expect(() => policy([...wrong, 'fine.example'])).toThrow(
      expect.objectContaining({ issues: expect.objectContaining({ length: wrong.length }) as object }) as Error,
    );
  });
});

import { type DomainError, isDomainError } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { parseKubeconfig } from './parse-kubeconfig.js';
import { CERTIFICATE, OTHER_KEY, PRIVATE_KEY } from '../auth/pem.fixture.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const SERVER = 'https://cluster.example:6443';
const NOW = new Date('2026-11-21T00:00:00Z');

function kubeconfig(cluster: object = {}, user: object = { token: 'sekret-token' }, top: object = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    clusters: [{ name: 'c', cluster: { server: SERVER, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u' } }],
    ...top,
  });
}

function refusal(text: string, context?: string): DomainError {
  try {
    parseKubeconfig(text, context, { now: () => NOW });
  } catch (error) {
    if (isDomainError(error)) return error;
    throw error;
  }
  return expect.unreachable('it was accepted');
}

describe('a kubeconfig', () => {
  it('gives access by a token and a CA', () => {
    const text = kubeconfig({ 'certificate-authority-data': base64(CERTIFICATE) });
    const access = parseKubeconfig(text);
    expect(access).toMatchObject({ server: SERVER, tlsServerName: undefined, identity: { kind: 'token' } });
    expect(access.ca?.kind === 'value' && access.ca.value.reveal()).toBe(CERTIFICATE);
    expect(JSON.stringify(access)).not.toContain('sekret-token');
  });

  it('gives access by a client certificate', () => {
    const user = { 'client-certificate-data': base64(CERTIFICATE), 'client-key-data': base64(PRIVATE_KEY) };
    expect(parseKubeconfig(kubeconfig({}, user), undefined, { now: () => NOW }).identity.kind).toBe('client-cert');
  });

  it('reads YAML as kubectl writes it', () => {
    const text = `
apiVersion: v1
kind: Config
preferences: {}
current-context: b
clusters:
- cluster:
    certificate-authority-data: ${base64(CERTIFICATE)}
    server: https://one.example
  name: one
- cluster:
    insecure-skip-tls-verify: false
    server: https://two.example/
  name: two
contexts:
- context: {cluster: one, user: u}
  name: a
- context:
    cluster: two
    namespace: x
    user: u
  name: b
users:
- name: u
  user:
    token: abc
`;
    expect(parseKubeconfig(text).server).toBe('https://two.example');
    expect(parseKubeconfig(text, 'a').server).toBe('https://one.example');
  });

  it('uses its only context when none is current', () => {
    expect(parseKubeconfig(kubeconfig({}, undefined, { 'current-context': '' })).server).toBe(SERVER);
  });
});

describe('a kubeconfig is refused by name', () => {
  const user: readonly (readonly [string, object])[] = [
    ['users[0].user.exec', { exec: { command: 'sh', args: ['-c', 'touch pwned'] } }],
    ['users[0].user.exec', { token: 'x', exec: null }],
    ['users[0].user.auth-provider', { 'auth-provider': { name: 'gcp', config: { 'cmd-path': '/bin/sh' } } }],
    ['users[0].user.tokenFile', { tokenFile: '/etc/passwd' }],
    ['users[0].user.token-file', { 'token-file': '/etc/passwd' }],
    ['users[0].user.client-certificate', { 'client-certificate': '/etc/passwd' }],
    ['users[0].user.client-key', { 'client-key': '/etc/passwd' }],
    ['users[0].user.as', { token: 'x', as: 'root' }],
    ['users[0].user.as-uid', { token: 'x', 'as-uid': '0' }],
    ['users[0].user.as-groups', { token: 'x', 'as-groups': ['system:masters'] }],
    ['users[0].user.as-user-extra', { token: 'x', 'as-user-extra': {} }],
    ['users[0].user.impersonate', { token: 'x', impersonate: 'root' }],
    ['users[0].user.username', { username: 'admin', password: 'pw' }],
    ['users[0].user.password', { username: 'admin', password: 'pw' }],
    ['users[0].user.Exec', { token: 'x', Exec: {} }],
    ['users[0].user.unknown', { token: 'x', unknown: 1 }],
    ['users[0].user.token', { token: 12345 }],
    ['users[0].user.token', { token: 'a b' }],
    ['users[0].user.token', { token: 'a\r\nX-Injected: 1' }],
    ['users[0].user', {}],
    [
      'users[0].user',
      { token: 'x', 'client-certificate-data': base64(CERTIFICATE), 'client-key-data': base64(PRIVATE_KEY) },
    ],
    ['users[0].user', { 'client-certificate-data': base64(CERTIFICATE) }],
    [
      'users[0].user.client-key-data',
      { 'client-certificate-data': base64(CERTIFICATE), 'client-key-data': base64(OTHER_KEY) },
    ],
    ['users[0].user.client-key-data', { 'client-certificate-data': base64(CERTIFICATE), 'client-key-data': '%%%' }],
    [
      'users[0].user.client-certificate-data',
      { 'client-certificate-data': base64('no pem'), 'client-key-data': base64(PRIVATE_KEY) },
    ],
    ['users[0].user.__proto__', JSON.parse('{"token":"x","__proto__":{"a":1}}') as object],
  ];

  it.each(user)('at %s for %j', (path, value) => {
    const error = refusal(kubeconfig({}, value));
    expect(error).toMatchObject({ kind: 'InvalidInput', reason: 'KubeconfigInvalid' });
    expect(error.issues.map((issue) => issue.path)).toContain(path);
  });

  const cluster: readonly (readonly [string, object])[] = [
    ['clusters[0].cluster.certificate-authority', { 'certificate-authority': '/etc/passwd' }],
    ['clusters[0].cluster.insecure-skip-tls-verify', { 'insecure-skip-tls-verify': true }],
    ['clusters[0].cluster.insecure-skip-tls-verify', { 'insecure-skip-tls-verify': 'false' }],
    ['clusters[0].cluster.proxy-url', { 'proxy-url': 'http://169.254.169.254' }],
    ['clusters[0].cluster.server', { server: 'http://cluster.example' }],
    ['clusters[0].cluster.server', { server: 'file:///etc/passwd' }],
    ['clusters[0].cluster.server', { server: 'https://user:pw@cluster.example' }],
    ['clusters[0].cluster.server', { server: 'https://cluster.example/?x=1' }],
    ['clusters[0].cluster.server', { server: 'https://cluster.example/#x' }],
    ['clusters[0].cluster.server', { server: '' }],
    ['clusters[0].cluster.certificate-authority-data', { 'certificate-authority-data': 'not base64!' }],
    ['clusters[0].cluster.certificate-authority-data', { 'certificate-authority-data': base64('no pem') }],
    ['clusters[0].cluster.tls-server-name', { 'tls-server-name': 'api.example' }],
  ];

  it.each(cluster)('at %s for %j', (path, value) => {
    expect(refusal(kubeconfig(value)).issues.map((issue) => issue.path)).toContain(path);
  });

  it('when another context than the chosen one runs a program', () => {
    const users = [
      { name: 'u', user: { token: 'x' } },
      { name: 'other', user: { exec: { command: 'sh' } } },
    ];
    expect(refusal(kubeconfig({}, {}, { users })).issues).toEqual([
      expect.objectContaining({ path: 'users[1].user.exec' }),
    ]);
  });

  it.each([
    ['tls-server-name', 'tls_server_name'],
    ['proxy-url', 'proxy_url'],
  ])('at %s, with the typed field that takes it: %s', (key, field) => {
    const [issue] = refusal(kubeconfig({ [key]: 'x.example' })).issues;
    expect(issue).toMatchObject({ path: `clusters[0].cluster.${key}`, message: expect.stringContaining(field) });
  });

  it('with every refusal at once', () => {
    const error = refusal(kubeconfig({ 'proxy-url': 'http://p', server: 'http://x' }, { exec: {}, as: 'root' }));
    expect(error.issues.length).toBeGreaterThanOrEqual(4);
  });

  it.each([
    ['a context that is not there', kubeconfig(), 'none', 'context'],
    [
      'a current context that is not there',
      kubeconfig({}, undefined, { 'current-context': 'none' }),
      undefined,
      'current-context',
    ],
    [
      'two entries of one name',
      kubeconfig({}, undefined, {
        users: [
          { name: 'u', user: { token: 'a' } },
          { name: 'u', user: { token: 'b' } },
        ],
      }),
      undefined,
      'users[1].name',
    ],
    ['users that are no list', kubeconfig({}, undefined, { users: { u: {} } }), undefined, 'users'],
    ['an unknown top field', kubeconfig({}, undefined, { exec: {} }), undefined, 'exec'],
  ])('for %s', (_name, text, context, path) => {
    expect(refusal(text, context).issues.map((issue) => issue.path)).toContain(path);
  });

  it.each([
    ['nothing', ''],
    ['a scalar', 'hello'],
    ['a list', '[]'],
    ['broken YAML', 'a: [b'],
    ['two documents', 'a: 1\n---\nb: 2'],
    ['a duplicate key', 'users: []\nusers: []'],
    ['an alias', 'a: &x [1]\nb: *x'],
    ['an anchor alone', 'a: &x 1'],
    ['a merge key', 'a: &x {b: 1}\nc:\n  <<: *x'],
    ['a language tag', 'a: !!js/function "x"'],
    ['a custom tag', 'a: !exec "x"'],
    ['binary', '\u0000\u0001\u0002'],
    ['deep brackets', `a: ${'['.repeat(5_000)}`],
    ['deep dashes', `${'- '.repeat(5_000)}a`],
    ['deep keys', `${'? '.repeat(5_000)}a`],
    [
      'a billion laughs',
      `a: &a ["x"]\n${'bcdefghij'.replace(/./g, (letter) => `${letter}: &${letter} [*${String.fromCharCode(letter.charCodeAt(0) - 1)},*${String.fromCharCode(letter.charCodeAt(0) - 1)}]\n`)}`,
    ],
    ['more than 256 KiB', `a: "${'x'.repeat(300_000)}"`],
  ])('when it is %s', (_name, text) => {
    expect(refusal(text)).toMatchObject({ kind: 'InvalidInput', reason: 'KubeconfigInvalid' });
  });

  it('within a second, whatever it is', () => {
    const keys = Array.from({ length: 30_000 }, (_unused, index) => `k${index}`);
    const slow = [
      `${' '.repeat(120_000)}a`,
      '{'.repeat(250_000),
      'a:\n'.repeat(60_000),
      keys.join(':\n'),
      `{${keys.join(', ')}}`,
      keys.slice(0, 1_900).join(':\n'),
      `"${'\\'.repeat(200_000)}`,
      '? '.repeat(120_000),
      '\n'.repeat(250_000),
      '- \n'.repeat(80_000),
      `a: |\n${'  x\n'.repeat(60_000)}`,
    ];
    for (const text of slow) {
      const startedMs = performance.now();
      refusal(text);
      expect(performance.now() - startedMs).toBeLessThan(1_000);
    }
  });

  it('without showing a credential', () => {
    const error = refusal(kubeconfig({ 'proxy-url': 'x' }, { token: 'sekret-token', password: 'sekret-password' }));
    expect(`${error.message}${JSON.stringify(error.issues)}`).not.toContain('sekret');
  });
});

import { Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { digestOf, ImageRegistryClient, type RegistryAccess } from '@image-factory/image-registry';
import { InMemoryImageRegistry, type RegistryAuthentication } from '@image-factory/test-support';
import { afterEach, describe, expect, it } from 'vitest';

const MANIFEST = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', layers: [] };
const CANARY = 'canary-password';
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function startRegistry(authentication: RegistryAuthentication = 'none'): Promise<InMemoryImageRegistry> {
  const registry = await InMemoryImageRegistry.start({ authentication, password: CANARY });
  cleanups.push(() => registry.close());
  return registry;
}

function createClient(
  allow: readonly string[],
  insecure: readonly string[] = allow,
  timeoutMs = 2_000,
): ImageRegistryClient {
  const client = new ImageRegistryClient({
    egress: new EgressPolicy({ allow }),
    insecureRegistries: insecure,
    timeoutMs,
  });
  cleanups.push(() => client.close());
  return client;
}

async function setup(authentication: RegistryAuthentication = 'none') {
  const registry = await startRegistry(authentication);
  const client = createClient([registry.host]);
  const access: RegistryAccess = {
    repository: `${registry.host}/team/app`,
    dockerConfigJson: new Secret(registry.dockerConfigJson),
  };
  return { registry, client, access };
}

describe('findManifest', () => {
  it('returns the bytes, the type and the digest of what a tag names', async () => {
    const { registry, client, access } = await setup();
    const digest = registry.store('team/app', 'v1', MANIFEST);
    const found = await client.findManifest(access, 'v1');
    expect(found).toMatchObject({ digest, mediaType: MANIFEST.mediaType });
    expect(digestOf(found?.bytes ?? Buffer.alloc(0))).toBe(digest);
    expect(await client.findManifest(access, digest)).toMatchObject({ digest });
  });

  it('returns undefined for a tag or a repository that is not there', async () => {
    const { client, access } = await setup();
    expect(await client.findManifest(access, 'v1')).toBeUndefined();
    expect(await client.findManifest({ ...access, repository: `${access.repository}/other` }, 'v1')).toBeUndefined();
  });

  it.each(['../../v2/other/manifests/x', 'a?b', ''])(
    'refuses the reference %j before anything is sent',
    async (reference) => {
      const { registry, client, access } = await setup();
      await expect(client.findManifest(access, reference)).rejects.toMatchObject({ kind: 'InvalidInput' });
      expect(registry.seen).toEqual([]);
    },
  );

  it('refuses bytes that do not have the digest that was asked for', async () => {
    const { registry, client, access } = await setup();
    const digest = registry.store('team/app', 'v1', MANIFEST);
    registry.fault = (_request, response) => {
      response.writeHead(200, { 'content-type': MANIFEST.mediaType }).end('{"schemaVersion":2,"layers":["evil"]}');
      return true;
    };
    await expect(client.findManifest(access, digest)).rejects.toMatchObject({ reason: 'RegistryRefused' });
  });

  it('refuses an answer without end instead of keeping it', async () => {
    const { registry, client, access } = await setup();
    registry.fault = (_request, response) => {
      response.writeHead(200, { 'content-type': MANIFEST.mediaType });
      const write = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(256 * 1024), () => setImmediate(write));
      };
      write();
      return true;
    };
    await expect(client.findManifest(access, 'v1')).rejects.toMatchObject({ reason: 'RegistryRefused' });
  });

  it('gives up on a registry that does not answer', async () => {
    const { registry, access } = await setup();
    const client = createClient([registry.host], [registry.host], 200);
    registry.fault = () => true;
    await expect(client.findManifest(access, 'v1')).rejects.toMatchObject({
      reason: 'RegistryUnavailable',
      retryable: true,
    });
  });

  it('stops with the caller’s signal', async () => {
    const { registry, client, access } = await setup();
    const controller = new AbortController();
    registry.fault = () => {
      controller.abort(new Error('stopped'));
      return true;
    };
    await expect(client.findManifest({ ...access, signal: controller.signal }, 'v1')).rejects.toThrow('stopped');
  });
});

describe('authentication', () => {
  it.each(['basic', 'token'] as const)('answers the %s challenge with the credential of this host', async (kind) => {
    const { registry, client, access } = await setup(kind);
    const source = registry.store('team/app', 'if-b-1', MANIFEST);
    await client.promote({ ...access, source, tags: ['v1'] });
    expect(registry.digestOf('team/app', 'v1')).toBe(source);
    const tokens = registry.seen.filter((request) => request.path.startsWith('/token'));
    expect(tokens.length).toBe(kind === 'token' ? 1 : 0);
    for (const token of tokens) expect(token.path).toContain('scope=repository%3Ateam%2Fapp%3Apull%2Cpush');
  });

  it('asks for pull only when it only reads', async () => {
    const { registry, client, access } = await setup('token');
    await client.findManifest(access, 'v1');
    const token = registry.seen.find((request) => request.path.startsWith('/token'));
    expect(token?.path).toContain('%3Apull');
    expect(token?.path).not.toContain('%2Cpush');
  });

  it('exchanges an identity token', async () => {
    const { registry, client, access } = await setup('token');
    const dockerConfigJson = new Secret(
      JSON.stringify({ auths: { [registry.host]: { identitytoken: 'refresh-me' } } }),
    );
    expect(await client.findManifest({ ...access, dockerConfigJson }, 'v1')).toBeUndefined();
  });

  it.each(['basic', 'token'] as const)('says that the credential is wrong, without showing it (%s)', async (kind) => {
    const { registry, client, access } = await setup(kind);
    const auth = Buffer.from('push:canary-wrong').toString('base64');
    const dockerConfigJson = new Secret(JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const error: unknown = await client
      .findManifest({ ...access, dockerConfigJson }, 'v1')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'RegistryUnauthorized', retryable: false, fault: 'user' });
    const shown = `${String(error)} ${JSON.stringify(error)}`;
    for (const secret of ['canary', auth]) expect(shown).not.toContain(secret);
  });

  it('sends no credential to a registry that none is stored for', async () => {
    const { client, access, registry } = await setup('basic');
    const other = new Secret(JSON.stringify({ auths: { 'other.example': { auth: 'dTpw' } } }));
    await expect(client.findManifest({ ...access, dockerConfigJson: other }, 'v1')).rejects.toMatchObject({
      reason: 'RegistryUnauthorized',
    });
    expect(registry.seen.every((request) => request.authorization === undefined)).toBe(true);
  });

  it('sends no credential to a token realm over plain HTTP on a host that is not listed', async () => {
    const { registry, client, access } = await setup();
    const thief = await startRegistry();
    registry.fault = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${thief.host}/token"` }).end();
      return true;
    };
    await expect(client.findManifest(access, 'v1')).rejects.toMatchObject({ reason: 'RegistryRefused' });
    expect(thief.seen).toEqual([]);
  });
});

describe('redirects', () => {
  it('go to another host without the credential', async () => {
    const { registry, access } = await setup('basic');
    const store = await startRegistry();
    const digest = store.store('team/app', 'v1', MANIFEST);
    const client = createClient([registry.host, store.host]);
    registry.fault = (request, response) => {
      if (request.headers.authorization === undefined) return false;
      response.writeHead(307, { location: `http://${store.host}/v2/team/app/manifests/v1` }).end();
      return true;
    };
    expect(await client.findManifest(access, 'v1')).toMatchObject({ digest });
    expect(store.seen.map((request) => request.authorization)).toEqual([undefined]);
  });

  it('do not let another host ask for the credential', async () => {
    const { registry, access } = await setup('basic');
    const thief = await startRegistry('basic');
    const client = createClient([registry.host, thief.host]);
    registry.fault = (_request, response) => {
      response.writeHead(302, { location: `http://${thief.host}/v2/team/app/manifests/v1` }).end();
      return true;
    };
    await expect(client.findManifest(access, 'v1')).rejects.toMatchObject({ reason: 'RegistryRefused' });
    expect(thief.seen.every((request) => request.authorization === undefined)).toBe(true);
  });

  it.each([
    ['without end', (host: string) => `http://${host}/v2/team/app/manifests/v1`],
    ['to plain HTTP elsewhere', () => 'http://other.example/x'],
    ['to a file', () => 'file:///etc/passwd'],
    ['with user information', (host: string) => `http://user:pw@${host}/x`],
  ])('are refused %s', async (_name, location) => {
    const { registry, client, access } = await setup();
    registry.fault = (_request, response) => {
      response.writeHead(307, { location: location(registry.host) }).end();
      return true;
    };
    await expect(client.findManifest(access, 'v1')).rejects.toMatchObject({ reason: 'RegistryRefused' });
    expect(registry.seen.length).toBeLessThanOrEqual(6);
  });

  it('of an upload are refused when they leave the registry', async () => {
    const { registry, access } = await setup();
    const other = await startRegistry();
    const source = registry.store('team/app', 'if-b-1', MANIFEST);
    const client = createClient([registry.host, other.host]);
    registry.fault = (request, response) => {
      if (request.method !== 'PUT') return false;
      response.writeHead(307, { location: `http://${other.host}/v2/team/app/manifests/v1` }).end();
      return true;
    };
    await expect(client.promote({ ...access, source, tags: ['v1'] })).rejects.toMatchObject({
      reason: 'RegistryRefused',
    });
    expect(other.seen).toEqual([]);
  });
});

describe('egress', () => {
  it('is asked for the registry itself', async () => {
    const { registry, access } = await setup();
    const client = createClient([], [registry.host]);
    await expect(client.findManifest(access, 'v1')).rejects.toMatchObject({ reason: 'EgressForbidden' });
    expect(registry.seen).toEqual([]);
  });

  it('is asked for every hop', async () => {
    const { registry, access } = await setup();
    const inner = await startRegistry();
    const client = createClient([registry.host], [registry.host, inner.host]);
    registry.fault = (_request, response) => {
      response.writeHead(302, { location: `http://${inner.host}/secret` }).end();
      return true;
    };
    await expect(client.findManifest(access, 'v1')).rejects.toMatchObject({ reason: 'EgressForbidden' });
    expect(inner.seen).toEqual([]);
  });
});

describe('promote', () => {
  it('puts the manifest under every tag, in order, while it may', async () => {
    const { registry, client, access } = await setup('token');
    const source = registry.store('team/app', 'if-b-1', MANIFEST);
    const promotion = { ...access, source: 'if-b-1', expectedDigest: source, tags: ['1.4.0', 'latest'] };
    let left = 1;
    expect(await client.promote({ ...promotion, mayPut: () => left-- > 0 })).toBe(false);
    expect(registry.tags('team/app').sort()).toEqual(['1.4.0', 'if-b-1']);
    expect(await client.promote(promotion)).toBe(true);
    expect(registry.tags('team/app').sort()).toEqual(['1.4.0', 'if-b-1', 'latest']);
    expect(['1.4.0', 'latest'].map((tag) => registry.digestOf('team/app', tag))).toEqual([source, source]);
  });

  it('keeps the media type of an index', async () => {
    const { registry, client, access } = await setup();
    const mediaType = 'application/vnd.docker.distribution.manifest.list.v2+json';
    const source = registry.store('team/app', 'if-b-1', { schemaVersion: 2, manifests: [] }, mediaType);
    await client.promote({ ...access, source, tags: ['v1'] });
    expect(await client.findManifest(access, 'v1')).toMatchObject({ mediaType, digest: source });
  });

  it('writes nothing when the source is missing or is not what was expected', async () => {
    const { registry, client, access } = await setup();
    await expect(client.promote({ ...access, source: 'if-b-1', tags: ['v1'] })).rejects.toMatchObject({
      kind: 'NotFound',
      reason: 'ManifestNotFound',
    });
    registry.store('team/app', 'if-b-1', MANIFEST);
    const expectedDigest = `sha256:${'0'.repeat(64)}`;
    await expect(client.promote({ ...access, source: 'if-b-1', expectedDigest, tags: ['v1'] })).rejects.toMatchObject({
      reason: 'RegistryRefused',
    });
    expect(registry.tags('team/app')).toEqual(['if-b-1']);
  });

  it.each([
    [500, 'RegistryUnavailable', true],
    [503, 'RegistryUnavailable', true],
    [429, 'RegistryUnavailable', true],
    [403, 'RegistryUnauthorized', false],
    [400, 'RegistryRefused', false],
    [405, 'RegistryRefused', false],
    [404, 'RegistryRefused', false],
  ] as const)('maps HTTP %i of an upload to %s', async (status, reason, retryable) => {
    const { registry, client, access } = await setup();
    const source = registry.store('team/app', 'if-b-1', MANIFEST);
    registry.fault = (request, response) => {
      if (request.method !== 'PUT') return false;
      response.writeHead(status, { 'retry-after': '7' }).end('{"errors":[{"code":"DENIED","message":"canary-text"}]}');
      return true;
    };
    const error: unknown = await client.promote({ ...access, source, tags: ['v1'] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason, retryable });
    expect(String(error)).not.toContain('canary');
    if (reason === 'RegistryUnavailable') expect(error).toMatchObject({ retryAfterSeconds: 7 });
  });

  it('reports a registry that is down as retryable', async () => {
    const { registry, client, access } = await setup();
    await registry.close();
    await expect(client.promote({ ...access, source: 'x', tags: ['v1'] })).rejects.toMatchObject({
      reason: 'RegistryUnavailable',
      retryable: true,
    });
  });
});

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { buildOn, WHOLE } from './support/build-on.ts';
import { readCluster, type TestCluster } from './support/cluster.ts';
import { MadeCredentials } from './support/made-credentials.ts';
import { Platform, type TenantFixture } from './support/platform.ts';
import { endpointOf, PROVIDERS, registerCluster } from './support/register-cluster.ts';
import type { Json } from './support/rest-client.ts';
import { runInPod } from './support/run-in-pod.ts';

let platform: Platform;
let second: TestCluster;
let made: MadeCredentials;
let tenant: TenantFixture;

beforeAll(async () => {
  second = readCluster('second');
  made = new MadeCredentials(second);
  platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'two-clusters' });
  tenant = await platform.tenant('two');
});
afterAll(async () => platform.stop());

const register = (name: string, access: Json): Promise<string> => registerCluster(platform, second, name, access);

async function credentialOf(providerId: string): Promise<Json> {
  return (await platform.admin.ok<{ credential: Json }>('GET', `${PROVIDERS}/${providerId}`)).credential;
}

async function clientCertificate(): Promise<Json> {
  const { crt, key } = await made.certificateOf('image-factory-by-certificate', 30);
  return { client_cert: crt, client_key: key };
}

describe('two clusters at once', () => {
  it('both build for one tenant at the same time', async () => {
    const providerId = await register('second-both', {
      auth_method: 'token',
      token: await second.shippedToken(),
      ...endpointOf(second),
    });
    const builds = await Promise.all([
      buildOn(platform, tenant, platform.providerId),
      buildOn(platform, tenant, providerId),
    ]);
    expect(builds).toMatchObject([WHOLE, WHOLE]);
  });

  it('a token that is rotated, and whose predecessor is refused, disturbs no build that runs', async () => {
    await second.shippedToken();
    const providerId = await register('second-token', {
      auth_method: 'token',
      token: await made.tokenBoundTo('token-1'),
      ...endpointOf(second),
    });
    const before = await credentialOf(providerId);
    const build = await buildOn(platform, tenant, providerId, async () => {
      await platform.admin.ok('PATCH', `${PROVIDERS}/${providerId}`, {
        config: { token: await made.tokenBoundTo('token-2') },
      });
      await made.revoke('token-1');
    });
    expect(build).toMatchObject(WHOLE);
    expect((await credentialOf(providerId))['fingerprint']).not.toBe(before['fingerprint']);
    expect(await buildOn(platform, tenant, providerId)).toMatchObject(WHOLE);
    await made.revoke('token-2');
  });

  it('a client certificate that is rotated disturbs no build that runs', async () => {
    await second.shippedToken();
    const providerId = await register('second-certificate', {
      auth_method: 'client-cert',
      ...(await clientCertificate()),
      ...endpointOf(second),
    });
    const before = await credentialOf(providerId);
    const build = await buildOn(platform, tenant, providerId, async () => {
      await platform.admin.ok('PATCH', `${PROVIDERS}/${providerId}`, { config: await clientCertificate() });
    });
    expect(build).toMatchObject(WHOLE);
    expect((await credentialOf(providerId))['fingerprint']).not.toBe(before['fingerprint']);
  });

  it('a kubeconfig leads there', async () => {
    const kubeconfig = made.kubeconfig(await second.shippedToken());
    const providerId = await register('second-kubeconfig', { auth_method: 'kubeconfig', kubeconfig });
    expect(await buildOn(platform, tenant, providerId)).toMatchObject(WHOLE);
  });

  it.each(['first', 'second'] as const)(
    'a pod of the %s one reaches it as the account that it runs under',
    async (name) => {
      const cluster = readCluster(name);
      await cluster.shippedToken();
      const found = JSON.parse(await runInPod(cluster, new URL('support/in-cluster-probe.ts', import.meta.url))) as {
        readonly server: string;
        readonly steps: readonly { readonly name: string; readonly status: string; readonly message: string }[];
      };
      expect(found.server).toMatch(/^https:\/\/10\.245\.[01]\.1:443$/);
      expect(found.steps.filter(({ status }) => status !== 'passed')).toEqual([]);
    },
  );
});

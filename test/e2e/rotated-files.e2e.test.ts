import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { buildOn, WHOLE } from './support/build-on.ts';
import { readCluster, type TestCluster } from './support/cluster.ts';
import { MadeCredentials } from './support/made-credentials.ts';
import { Platform, type TenantFixture } from './support/platform.ts';
import { endpointOf, PROVIDERS, registerCluster } from './support/register-cluster.ts';
import { type Json, until } from './support/rest-client.ts';

let platform: Platform;
let second: TestCluster;
let made: MadeCredentials;
let tenant: TenantFixture;
let directory: string;

beforeAll(async () => {
  second = readCluster('second');
  made = new MadeCredentials(second);
  directory = mkdtempSync(join(tmpdir(), 'image-factory-rotated-'));
  platform = await Platform.start({
    postgresUrl: inject('e2ePostgresUrl'),
    name: 'rotated-files',
    dispatchers: 1,
    environment: { IF_CREDENTIAL_DIRS: directory },
  });
  tenant = await platform.tenant('rotated');
  await second.shippedToken();
});
afterAll(async () => {
  await platform?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const at = (name: string): string => join(directory, name);

/** As a Secret's mount does: the file is whole at every moment. */
function replace(name: string, text: string): void {
  writeFileSync(`${at(name)}.new`, text, { mode: 0o600 });
  renameSync(`${at(name)}.new`, at(name));
}

const register = (name: string, access: Json): Promise<string> => registerCluster(platform, second, name, access);

/** Another build finds the way by what the files say now. */
async function buildsAgain(providerId: string): Promise<void> {
  expect(await buildOn(platform, tenant, providerId)).toMatchObject(WHOLE);
}

describe('a credential that is rotated on the disk under a running build', () => {
  it('as a token’s file disturbs nothing', async () => {
    const old = await made.tokenBoundTo('file-token-1');
    replace('token', old);
    const providerId = await register('by-token-file', {
      auth_method: 'token',
      ...endpointOf(second),
      token_path: at('token'),
    });
    const build = await buildOn(platform, tenant, providerId, async () => {
      replace('token', await made.tokenBoundTo('file-token-2'));
      await made.revoke('file-token-1');
    });
    expect(build).toMatchObject(WHOLE);
    await made.refused(old);
    await buildsAgain(providerId);
    await made.revoke('file-token-2');
  });

  it('as a kubeconfig disturbs nothing', async () => {
    const old = await made.tokenBoundTo('kubeconfig-token-1');
    replace('kubeconfig', made.kubeconfig(old));
    const providerId = await register('by-kubeconfig-file', {
      auth_method: 'kubeconfig',
      kubeconfig_path: at('kubeconfig'),
    });
    const build = await buildOn(platform, tenant, providerId, async () => {
      replace('kubeconfig', made.kubeconfig(await made.tokenBoundTo('kubeconfig-token-2')));
      await made.revoke('kubeconfig-token-1');
    });
    expect(build).toMatchObject(WHOLE);
    await made.refused(old);
    await buildsAgain(providerId);
    await made.revoke('kubeconfig-token-2');
  });

  it('as certificate and key disturbs nothing', async () => {
    const pair = async (user: string, days: number): Promise<void> => {
      const { crt, key } = await made.certificateOf(user, days);
      replace('client.key', key);
      replace('client.crt', crt);
    };
    await pair('rotated-file-1', 30);
    const providerId = await register('by-certificate-file', {
      auth_method: 'client-cert',
      ...endpointOf(second),
      cert_path: at('client.crt'),
      key_path: at('client.key'),
    });
    const endOf = async () => {
      const { credential } = await platform.admin.ok<{ credential: Json }>('GET', `${PROVIDERS}/${providerId}`);
      return Date.parse(String(credential['expires_at']));
    };
    await until('its end to be known', 30_000, async () => ((await endOf()) > 0 ? true : undefined));
    const before = await endOf();
    const build = await buildOn(platform, tenant, providerId, () => pair('rotated-file-2', 60));
    expect(build).toMatchObject(WHOLE);
    await until('the new certificate to be in use', 30_000, async () => ((await endOf()) > before ? true : undefined));
    // The old one’s user may nothing any more: whoever still came with it would be refused.
    await made.unbind('rotated-file-1');
    await buildsAgain(providerId);
    await made.unbind('rotated-file-2');
  });
});

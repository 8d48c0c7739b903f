import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_SOURCES } from '@image-factory/dispatcher';
import { PostgresDeclaredProviders } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CloudStub, eksCluster, STUB_CA, withIdentities } from './cloud-stub.ts';
import { DispatcherHarness } from './dispatcher-harness.js';

interface ProviderLine {
  id: string;
  settings: Record<string, string>;
  source_ref: { describe: Record<string, string> };
}

let harness: DispatcherHarness;
let directory: string;
let path: string;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
  directory = await mkdtemp(join(tmpdir(), 'if-config-'));
  path = join(directory, 'clusters.yaml');
});
afterEach(async () => {
  await harness.close();
  await rm(directory, { recursive: true, force: true });
});

async function row(): Promise<ProviderLine> {
  const [found] = await harness.database.query<ProviderLine>(`SELECT * FROM providers WHERE source = 'file'`);
  return found!;
}

describe('an endpoint that the cloud tells for the configuration file', () => {
  it('goes when the file gives the cluster other names, and its CA when the cloud no longer tells one', async () => {
    const stub = await CloudStub.start(({ url, region }) => {
      const name = url.pathname.split('/').at(-1) ?? '';
      if (name === 'a') return { body: { cluster: eksCluster(region ?? '', name) } };
      return { status: 403, headers: { 'x-amzn-errortype': 'AccessDeniedException' }, body: { message: 'no' } };
    });
    const forget = await withIdentities();
    const far = (name: string): string =>
      `kubernetes:\n  clusters:\n    - {name: far, provider: aws, region: eu-west-1, cluster_name: ${name}, auth: {method: service-account, token_path: ~/token}}\n`;
    const settings = async () => (await row()).settings;
    const known = () =>
      eventually('its endpoint is known', async () => {
        await harness.database.query('UPDATE config_file SET check_due_at = now()');
        return (await settings())['endpoint'] !== undefined && settings();
      });
    try {
      await writeFile(path, far('a'));
      await harness.start({}, { sources: { ...NO_SOURCES, configFile: path, home: directory }, ...stub.env });
      expect(await known()).toMatchObject({ endpoint: 'https://a.eu-west-1.eks.example', ca_cert: STUB_CA });
      await writeFile(path, far('b'));
      await eventually('b is in force', async () => {
        const [known] = await harness.database.query<{ reason: string }>(
          `SELECT reason FROM provider_conditions WHERE type = 'EndpointKnown'`,
        );
        return known?.reason === 'CloudAccessDenied';
      });
      expect(await settings()).toEqual({ auth_method: 'token', token_path: join(directory, 'token') });
      // An answer about the cluster that it was comes too late.
      const { id } = await row();
      const store = new PostgresDeclaredProviders(harness.database);
      const ofAnother = { ...(await row()).source_ref.describe, cluster_name: 'a' };
      expect(await store.describe({ id, describe: ofAnother }, 'https://a.example', undefined)).toBe('same');
      await writeFile(path, far('a'));
      expect(await known()).toMatchObject({ ca_cert: STUB_CA });
      const { describe: askedBy } = (await row()).source_ref;
      await store.describe({ id, describe: askedBy }, 'https://a.eu-west-1.eks.example', undefined);
      expect(await settings()).not.toHaveProperty('ca_cert');
    } finally {
      await forget();
      await stub.close();
    }
  });
});

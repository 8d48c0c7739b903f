import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_SOURCES, type Dispatcher } from '@image-factory/dispatcher';
import { PostgresDeclaredProviders } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CloudStub, eksCluster, STUB_CA, withIdentities } from './cloud-stub.ts';
import { DispatcherHarness } from './dispatcher-harness.js';

interface ProviderLine {
  id: string;
  name: string;
  provider_type: string;
  source: string;
  state: string;
  is_default: boolean;
  generation: number;
  settings: Record<string, string>;
  retired_at: Date | null;
  updated_at: Date;
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

function sources(file = path): { sources: typeof NO_SOURCES } {
  return { sources: { ...NO_SOURCES, configFile: file, home: directory } };
}

/** As editors and ConfigMaps write: the new content appears whole. */
async function write(text: string, file = path): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

function file(...clusters: readonly string[]): string {
  const entries = clusters.map((line) => `    - ${line}\n`).join('');
  return `kubernetes:\n  clusters:\n${entries === '' ? '    []\n' : entries}`;
}

function cluster(name: string, more = ''): string {
  return `{name: ${name}, provider: onprem, endpoint: "https://${name}.example", auth: {method: service-account, token_path: ~/token}${more}}`;
}

function rows(): Promise<ProviderLine[]> {
  return harness.database.query<ProviderLine>(`SELECT * FROM providers WHERE source = 'file' ORDER BY name`);
}

function names(): Promise<string[]> {
  return rows().then((found) => found.map((row) => `${row.name} ${row.state}`));
}

function reaches(what: string, expected: readonly string[]): Promise<unknown> {
  return eventually(what, async () => (await names()).join() === expected.join());
}

function state() {
  return new PostgresDeclaredProviders(harness.database).state();
}

/** A dispatcher knows what it has committed a moment later. */
function knows(dispatcher: Dispatcher, isRejected: boolean): Promise<unknown> {
  const what = isRejected ? 'the file is rejected' : 'the file is right';
  return eventually(what, () => dispatcher.runtime?.parts.sources.isRejected === isRejected);
}

describe('the configuration file', () => {
  it('becomes provider rows that are there before anything is placed', async () => {
    const text = file(
      cluster('near', ', capabilities: [gpu], labels: {zone: a}, region: eu, max_concurrent_builds: 3, default: true'),
      '{name: far, provider: aws, region: eu-west-1, auth: {method: iam}}',
    );
    await write(text);
    await harness.start({}, sources());
    expect(await rows()).toMatchObject([
      {
        name: 'far',
        provider_type: 'aws-eks',
        source: 'file',
        is_default: false,
        settings: { auth_method: 'eks-iam', cluster_name: 'far', region: 'eu-west-1' },
        source_ref: { line: 4, declares: [] },
      },
      {
        name: 'near',
        provider_type: 'kubernetes',
        source: 'file',
        state: 'enabled',
        is_default: true,
        generation: 1,
        settings: { auth_method: 'token', endpoint: 'https://near.example', token_path: join(directory, 'token') },
        capabilities: ['gpu'],
        labels: { zone: 'a' },
        region: 'eu',
        max_concurrent_builds: 3,
        source_ref: { line: 3, declares: ['max_concurrent_builds'] },
      },
    ]);
    expect(await state()).toMatchObject({ path, appliedBy: 'test-host', refused: [], rejection: undefined });
  });

  it('is picked up without a restart, and what vanishes from it is retired', async () => {
    await write(file(cluster('a'), cluster('b')));
    await harness.start({}, sources());
    await reaches('both are there', ['a enabled', 'b enabled']);
    await write(file(cluster('b', ', labels: {zone: z}'), cluster('c')));
    await reaches('a has gone, c has come', ['a disabled', 'b enabled', 'c enabled']);
    const [a, b] = await rows();
    expect(a).toMatchObject({ retired_at: expect.any(Date) });
    expect(b).toMatchObject({ generation: 1, labels: { zone: 'z' } });
    await write(file(cluster('a'), cluster('b', ', labels: {zone: z}'), cluster('c')));
    await reaches('a is back', ['a enabled', 'b enabled', 'c enabled']);
    const trail = await harness.database.query<{ action: string }>(
      `SELECT action FROM audit_events WHERE object_id = $1 ORDER BY id`,
      [a?.id],
    );
    expect(trail.map(({ action }) => action)).toEqual(['provider.declare', 'provider.retire', 'provider.redeclare']);
  });

  it('is picked up when Kubernetes swaps the link of a ConfigMap', async () => {
    for (const [version, name] of [
      ['..1', 'old'],
      ['..2', 'new'],
    ] as const) {
      await mkdir(join(directory, version));
      await writeFile(join(directory, version, 'map.yaml'), file(cluster(name)));
    }
    await symlink('..1', join(directory, '..data'));
    const mounted = join(directory, 'map.yaml');
    await symlink(join('..data', 'map.yaml'), mounted);
    await harness.start({ periodicScale: 1 }, sources(mounted));
    await reaches('the old content', ['old enabled']);
    await symlink('..2', join(directory, '..next'));
    await rename(join(directory, '..next'), join(directory, '..data'));
    // By the watch: the poll of five seconds is not waited for.
    await eventually('the new content', async () => (await names()).includes('new enabled'), { deadlineMs: 3_000 });
  });

  it('keeps the last good state over a bad edit, says so, and goes on when it is right again', async () => {
    await write(file(cluster('a')));
    const dispatcher = await harness.start({}, sources());
    const before = await rows();
    await write('kubernetes:\n  clusters:\n    - {name: a, provider: nowhere}\n  colour: blue\n');
    const bad = await eventually('it is rejected', async () => (await state())?.rejection);
    expect(bad.problems.map(({ line, path: at }) => `${line} ${at}`)).toEqual([
      '3 kubernetes.clusters[0].auth',
      '3 kubernetes.clusters[0].provider',
      '4 kubernetes.colour',
    ]);
    await knows(dispatcher, true);
    expect(await rows()).toEqual(before);
    await rm(path);
    await eventually('it is missed', async () => {
      const problem = (await state())?.rejection?.problems[0];
      return problem?.message.includes('ENOENT');
    });
    expect(await rows()).toEqual(before);
    await write(file(cluster('a'), cluster('b')));
    await reaches('it is right again', ['a enabled', 'b enabled']);
    expect((await state())?.rejection).toBeUndefined();
    await knows(dispatcher, false);
  });

  it('keeps a restart from changing anything, also one with a bad file', async () => {
    await write(file(cluster('a'), cluster('b')));
    const first = await harness.start({}, sources());
    const before = await rows();
    await first.abandon();
    const second = await harness.start({}, sources());
    expect(await rows()).toEqual(before);
    await second.abandon();
    await write('kubernetes: []\n');
    const third = await harness.start({}, sources());
    await knows(third, true);
    expect(await rows()).toEqual(before);
  });

  it('keeps a first start with a bad file from happening, with every problem named', async () => {
    await write('kubernetes:\n  clusters: [{name: a}]\n  colour: blue\n');
    const dispatcher = await harness.create({}, sources());
    await expect(dispatcher.start()).rejects.toThrow(
      /is wrong:\n {2}line 2: kubernetes\.clusters\[0\]\.provider is missing\n.*auth is missing.*\n {2}line 3: kubernetes\.colour/,
    );
  });

  it('is applied once by two dispatchers at once, and old content is not brought back', async () => {
    const other = join(directory, 'other.yaml');
    await write(file(cluster('a'), cluster('b')));
    await write(file(cluster('a'), cluster('b')), other);
    await Promise.all([harness.start({}, sources()), harness.start({}, sources(other))]);
    const made = await harness.database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM audit_events WHERE action LIKE 'provider.%'`,
    );
    expect(made).toEqual([{ count: 2 }]);
    expect((await rows()).map(({ generation }) => generation)).toEqual([1, 1]);
    // One replica sees the new content, the other still has the old one for some of its rounds.
    await write(file(cluster('b'), cluster('c')));
    await reaches('the new content', ['a disabled', 'b enabled', 'c enabled']);
    const { updated_at: settledAt } = (await rows())[2]!;
    const stale = harness.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM audit_events WHERE action LIKE 'provider.%'`,
    );
    const [{ n: eventsBefore }] = (await stale) as [{ n: number }];
    await write(file(cluster('b'), cluster('c')), other);
    await eventually('the other has it too', async () => {
      const [beat] = await harness.database.query<{ ok: boolean }>(
        `SELECT count(*) FILTER (WHERE heartbeat_at > now() - interval '150 ms') = 2 AS ok FROM dispatchers`,
      );
      return beat?.ok;
    });
    const [after] = await harness.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM audit_events WHERE action LIKE 'provider.%'`,
    );
    expect(after?.n).toBe(eventsBefore);
    expect((await rows())[2]?.updated_at).toEqual(settledAt);
  });

  it('does not come back with a dispatcher that starts with an old one, until somebody edits it', async () => {
    const other = join(directory, 'other.yaml');
    await write(file(cluster('a')));
    await write(file(cluster('a')), other);
    await harness.start({}, sources());
    const restarted = await harness.start({}, sources(other));
    await reaches('the first content', ['a enabled']);
    await restarted.abandon();
    await write(file(cluster('b')));
    await reaches('the second content', ['a disabled', 'b enabled']);
    const stale = await harness.start({}, sources(other));
    expect(stale.runtime?.parts.sources.isStale).toBe(true);
    await eventually('it says so', async () => (await state())?.stale !== undefined);
    expect(await names()).toEqual(['a disabled', 'b enabled']);
    // Its mount follows: it takes part again, and nothing changes.
    await write(file(cluster('b')), other);
    await eventually('it has the content in force', () => stale.runtime?.parts.sources.isStale === false);
    expect(await names()).toEqual(['a disabled', 'b enabled']);
    // An operator goes back to what was before, with one of the processes running.
    await write(file(cluster('a')), other);
    await reaches('the old content is wanted', ['a enabled', 'b disabled']);
  });

  it('never replaces a provider of the API, and names both places', async () => {
    await write(file(cluster('Cluster-1'), cluster('b')));
    await harness.start({}, sources());
    expect(await names()).toEqual(['b enabled']);
    expect((await state())?.refused).toEqual([
      { name: 'Cluster-1', line: 3, source: 'api', providerId: harness.providerId },
    ]);
    const [kept] = await harness.database.query<{ source: string }>(
      `SELECT source FROM providers WHERE name = 'cluster-1'`,
    );
    expect(kept?.source).toBe('api');
  });

  it('retires a cluster with a live build only when that is over', async () => {
    await write(file(cluster('a')));
    const [row] = await (async () => {
      const probe = await harness.create({}, sources());
      await probe.start();
      await probe.abandon();
      return rows();
    })();
    await harness.database.query(
      `UPDATE providers SET health = 'healthy', tekton_answers = true, is_global = true WHERE id = $1`,
      [row!.id],
    );
    harness.clusters.set(row!.id, harness.cluster);
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    await harness.start({}, sources());
    const buildId = await harness.submit({ requestedProviderId: row!.id });
    await eventually('it runs', () => harness.cluster.runs.size === 1);
    await write(file());
    await reaches('it drains', ['a draining']);
    const waiting = await harness.submit({ requestedProviderId: row!.id });
    await eventually(
      'nothing new is placed',
      async () => (await harness.build(waiting)).parked === 'NoEligibleProvider',
    );
    expect(await names()).toEqual(['a draining']);
    for (const run of harness.cluster.runs.values()) harness.cluster.endRun(run);
    await harness.reaches(buildId, 'completed');
    await harness.database.query('UPDATE config_file SET check_due_at = now()');
    await eventually('it is disabled when its run is swept', async () => {
      await harness.database.query('UPDATE config_file SET check_due_at = now()');
      return (await names()).join() === 'a disabled';
    });
  });

  it('is applied while a cloud does not answer, and asks again as soon as the cluster is another one', async () => {
    const asked: string[] = [];
    let answers = false;
    const stub = await CloudStub.start(async ({ url, region }) => {
      const name = url.pathname.split('/').at(-1) ?? '';
      asked.push(`${name} ${region}`);
      if (!answers) await new Promise((resolve) => held.push(resolve as () => void));
      return { body: { cluster: eksCluster(region ?? '', name) } };
    });
    const held: (() => void)[] = [];
    const forget = await withIdentities();
    const aws = (name: string, region = 'eu-west-1'): string =>
      `{name: ${name}, provider: aws, region: ${region}, auth: {method: service-account, token_path: ~/token}}`;
    try {
      await write(file(aws('far')));
      await harness.start({}, { ...sources(), ...stub.env });
      await eventually('its cloud is asked', () => asked.includes('far eu-west-1'));
      await write(file(aws('far'), cluster('near')));
      await reaches('the next content is in force meanwhile', ['far enabled', 'near enabled']);
      answers = true;
      for (const answer of held) answer();
      const endpoint = async () => (await rows()).find(({ name }) => name === 'far')?.settings['endpoint'];
      await eventually('it is known', async () => (await endpoint()) !== undefined);
      await write(file(aws('far', 'eu-north-1'), cluster('near')));
      await eventually('it is asked in the other region', () => asked.includes('far eu-north-1'));
    } finally {
      answers = true;
      for (const answer of held) answer();
      await stub.close();
      await forget();
    }
  });

  it('shows a missing credential file as a Condition of its cluster, and asks the cloud for an endpoint', async () => {
    const stub = await CloudStub.start(({ url, region }) => {
      if (url.pathname === '/clusters/far') return { body: { cluster: eksCluster(region ?? '', 'far') } };
      return { status: 403, headers: { 'x-amzn-errortype': 'AccessDeniedException' }, body: { message: 'no' } };
    });
    const forget = await withIdentities();
    const conditions = () =>
      harness.database.query<{ name: string; type: string; status: string; reason: string }>(
        `SELECT p.name, c.type, c.status, c.reason FROM provider_conditions c JOIN providers p ON p.id = c.provider_id
          WHERE c.type <> 'Declared' ORDER BY 1, 2`,
      );
    try {
      await writeFile(join(directory, 'token'), 'secret');
      const aws =
        '{name: NAME, provider: aws, region: eu-west-1, auth: {method: service-account, token_path: ~/token}}';
      await write(
        file(aws.replace('NAME', 'far'), aws.replace('NAME', 'denied'), cluster('near').replace('~/token', '~/gone')),
      );
      await harness.start({}, { ...sources(), ...stub.env });
      await eventually('all are looked at', async () => (await conditions()).length === 5);
      expect(await conditions()).toEqual([
        { name: 'denied', type: 'CredentialFiles', status: 'True', reason: 'CredentialFilesReadable' },
        { name: 'denied', type: 'EndpointKnown', status: 'False', reason: 'CloudAccessDenied' },
        { name: 'far', type: 'CredentialFiles', status: 'True', reason: 'CredentialFilesReadable' },
        { name: 'far', type: 'EndpointKnown', status: 'True', reason: 'Described' },
        { name: 'near', type: 'CredentialFiles', status: 'False', reason: 'CredentialFileMissing' },
      ]);
      const far = (await rows()).find(({ name }) => name === 'far');
      expect(far?.settings).toEqual({
        auth_method: 'token',
        token_path: join(directory, 'token'),
        endpoint: 'https://far.eu-west-1.eks.example',
        ca_cert: STUB_CA,
      });
      // What the cloud said outlives the next content of the file.
      await write(file(aws.replace('NAME', 'far').replace('}}', '}, labels: {a: b}}')));
      await eventually('it is applied', async () => (await names()).includes('denied disabled'));
      expect((await rows()).find(({ name }) => name === 'far')?.settings).toEqual(far?.settings);
    } finally {
      await forget();
      await stub.close();
    }
  });
});

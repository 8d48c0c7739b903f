import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_SOURCES, type Dispatcher } from '@image-factory/dispatcher';
import { PostgresDeclaredProviders } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

/** Longer than what nobody holds is waited for here: 30 s on the scale of the harness. */
const LONGER_MS = 3_000;

let harness: DispatcherHarness;
let directory: string;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
  directory = await mkdtemp(join(tmpdir(), 'if-rollback-'));
});
afterEach(async () => {
  await harness.close();
  await rm(directory, { recursive: true, force: true });
});

/** Starts a replica with a file of its own that names one cluster. */
async function replica(name: string, ...clusters: readonly string[]): Promise<Dispatcher> {
  await write(name, clusters);
  return harness.start({}, { sources: { ...NO_SOURCES, configFile: fileOf(name), home: directory } });
}

function fileOf(name: string): string {
  return join(directory, `${name}.yaml`);
}

async function write(name: string, clusters: readonly string[]): Promise<void> {
  const lines = clusters.map((cluster) => {
    const auth = 'auth: {method: service-account, token_path: ~/token}';
    return `    - {name: ${cluster}, provider: onprem, endpoint: "https://${cluster}.example", ${auth}}\n`;
  });
  await writeText(name, `kubernetes:\n  clusters:\n${lines.join('')}`);
}

async function writeText(name: string, text: string): Promise<void> {
  await writeFile(join(directory, 'new'), text);
  await rename(join(directory, 'new'), fileOf(name));
}

async function inForce(): Promise<string> {
  const rows = await harness.database.query<{ name: string; state: string }>(
    `SELECT name, state FROM providers WHERE source = 'file' ORDER BY name`,
  );
  return rows.map(({ name, state }) => `${name} ${state}`).join(', ');
}

function reaches(expected: string): Promise<unknown> {
  return eventually(expected, async () => (await inForce()) === expected);
}

/** What was done to the clusters, in order. */
async function trail(): Promise<string[]> {
  const rows = await harness.database.query<{ line: string }>(
    `SELECT substr(action, 10) || ' ' || (after->>'name') AS line FROM audit_events WHERE action LIKE 'provider.%' ORDER BY id`,
  );
  return rows.map(({ line }) => line);
}

/** Until every dispatcher that lives has looked at its file for longer than it is patient. */
async function looksForLong(): Promise<void> {
  const [start] = await harness.database.query<{ at: Date }>('SELECT clock_timestamp() AS at');
  await eventually('they have looked for long', async () => {
    const [row] = await harness.database.query<{ over: boolean }>(
      `SELECT clock_timestamp() > $1::timestamptz + interval '${LONGER_MS} ms'
              AND (SELECT max(held_at) FROM source_holds) > $1::timestamptz + interval '${LONGER_MS - 500} ms' AS over`,
      [start?.at],
    );
    return row?.over;
  });
}

describe('an older configuration file', () => {
  it('changes nothing while one replica has the one in force, however long that takes', async () => {
    await replica('one', 'a');
    await write('one', ['b']);
    await reaches('a disabled, b enabled');
    const before = await trail();
    const old = await replica('two', 'a');
    const older = await replica('three', 'a');
    await looksForLong();
    expect([old, older].map(({ runtime }) => runtime?.parts.sources.isStale)).toEqual([true, true]);
    expect(await trail()).toEqual(before);
    expect(await inForce()).toBe('a disabled, b enabled');
  });

  it('is used when every replica was started with it', async () => {
    const fleet = [await replica('one', 'a'), await replica('two', 'a')];
    await write('one', ['b']);
    await write('two', ['b']);
    await reaches('a disabled, b enabled');
    // The rollback, one after the other.
    for (const [index, name] of ['one', 'two'].entries()) {
      await fleet[index]!.stop();
      fleet[index] = await replica(name, 'a');
    }
    await reaches('a enabled, b disabled');
    await eventually('none of them is stale', () =>
      fleet.every(({ runtime }) => runtime?.parts.sources.isStale === false),
    );
    expect((await new PostgresDeclaredProviders(harness.database).state())?.stale).toBeUndefined();
    expect(await trail()).toEqual(['declare a', 'declare b', 'retire a', 'redeclare a', 'retire b']);
  });

  it('does not come back while replicas are updated, also when the first updated one is away for a while', async () => {
    const fleet = [await replica('one', 'a'), await replica('two', 'a'), await replica('three', 'a')];
    await fleet[0]!.stop();
    const updated = await replica('one', 'b');
    await reaches('a disabled, b enabled');
    await updated.abandon();
    await looksForLong();
    await replica('one', 'b');
    for (const [index, name] of [
      [1, 'two'],
      [2, 'three'],
    ] as const) {
      await fleet[index]!.stop();
      await replica(name, 'b');
    }
    await looksForLong();
    expect(await trail()).toEqual(['declare a', 'declare b', 'retire a']);
  });

  it('leaves the clusters in force looked after when no replica could read its file', async () => {
    await (await replica('one', 'a')).stop();
    await writeText('one', 'kubernetes: []\n');
    await harness.database.query(`UPDATE source_holds SET held_at = held_at - interval '2 minutes'`);
    await harness.start({}, { sources: { ...NO_SOURCES, configFile: fileOf('one'), home: directory } });
    const condition = async () => {
      await harness.database.query('UPDATE config_file SET check_due_at = now()');
      const [row] = await harness.database.query<{ reason: string }>(
        `SELECT reason FROM provider_conditions WHERE type = 'CredentialFiles'`,
      );
      return row?.reason;
    };
    await eventually('its file is missed', async () => (await condition()) === 'CredentialFileMissing');
    await writeFile(join(directory, 'token'), 'secret');
    await eventually('its file is there', async () => (await condition()) === 'CredentialFilesReadable');
  });
});

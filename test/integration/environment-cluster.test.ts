import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

const NAMED = { tektonKubeconfigPath: '/etc/kubeconfig' };

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

async function state(): Promise<string | undefined> {
  const [row] = await harness.database.query<{ state: string }>(
    `SELECT state || CASE WHEN retired_at IS NULL THEN '' ELSE ' retired' END AS state
       FROM providers WHERE name = 'environment'`,
  );
  return row?.state;
}

function reaches(expected: string): Promise<unknown> {
  return eventually(expected, async () => (await state()) === expected);
}

/** Until somebody has held it for longer than others wait: 30 s on the scale of the harness. */
async function isNamedForLong(): Promise<void> {
  const [start] = await harness.database.query<{ at: Date }>('SELECT clock_timestamp() AS at');
  await eventually('it was named for long', async () => {
    const [row] = await harness.database.query<{ long: boolean }>(
      `SELECT max(held_at) > $1::timestamptz + interval '3 s' AS long FROM source_holds WHERE source = 'environment'`,
      [start?.at],
    );
    return row?.long;
  });
}

describe('the cluster of the environment', () => {
  it('stays while one dispatcher names it, whoever starts without; else it is retired, and comes back as it was', async () => {
    const naming = await harness.start({}, NAMED);
    await harness.database.query(`UPDATE providers SET state = 'cordoned' WHERE name = 'environment'`);
    await harness.start();
    await harness.start();
    await isNamedForLong();
    expect(await state()).toBe('cordoned');
    await naming.stop();
    // Without a configuration file, too, it does not stay draining.
    await reaches('disabled retired');
    await harness.start({}, NAMED);
    await reaches('cordoned');
  });

  it('comes back with a dispatcher that names it and was cut off meanwhile', async () => {
    await harness.start({}, NAMED);
    await harness.database.query(
      `UPDATE providers SET retired_at = now(), retired_state = state, state = 'draining' WHERE name = 'environment'`,
    );
    await reaches('enabled');
  });

  it('is another’s business when a provider of the API has the name', async () => {
    await harness.database.query(
      `INSERT INTO providers (id, name, provider_type) VALUES (gen_random_uuid(), 'Environment', 'kubernetes')`,
    );
    await harness.start();
    await harness.start({}, NAMED);
    await isNamedForLong();
    const rows = await harness.database.query(`SELECT source, state FROM providers WHERE lower(name) = 'environment'`);
    expect(rows).toEqual([{ source: 'api', state: 'enabled' }]);
  });
});

import type { CredentialView } from '@image-factory/cluster-connectors';
import { systemClock } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import { warnOfExpiry } from './warn-of-expiry.js';

const DAY_MS = 24 * 3_600_000;
const inDays = (days: number): Date => new Date(systemClock.now().getTime() + days * DAY_MS);

async function warnings(view: Partial<CredentialView> | Error): Promise<string[]> {
  const said: string[] = [];
  const note = (message: string): number => said.push(message);
  const logger = { debug: note, info: note, warn: note, error: note, child: () => logger } as never;
  const credential = async (): Promise<CredentialView> => {
    if (view instanceof Error) throw view;
    return { expiresAt: undefined, renewed: false, renewals: 0, failures: 0, failure: undefined, ...view };
  };
  await warnOfExpiry({ id: 'p', name: 'prod' }, { credential }, systemClock, logger);
  return said;
}

describe('a new connection', () => {
  it.each([
    ['ends soon', { expiresAt: inDays(13) }, ['The credential of a provider ends soon.']],
    ['has ended', { expiresAt: inDays(-1) }, ['The credential of a provider has ended.']],
    ['ends late', { expiresAt: inDays(15) }, []],
    ['is renewed here', { expiresAt: inDays(0.01), renewed: true }, []],
    ['does not say when it ends', {}, []],
    ['cannot be read', new Error('gone'), []],
  ])('warns when its credential %s as it should', async (_name, view, expected) => {
    expect(await warnings(view)).toEqual(expected);
  });
});

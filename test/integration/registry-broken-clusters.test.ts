import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXPIRED_CERTIFICATE, BROKEN_CA } from './broken-certificates.ts';
import { NODE_ROWS, PERMISSIONS, SERVER, TEKTONS } from './broken-services.ts';
import { CERTIFICATES, CREDENTIALS, NETWORK } from './broken-ways.ts';
import { BrokenWorld } from './broken-world.ts';

const BROKEN = [...NETWORK, ...CERTIFICATES, ...CREDENTIALS, ...SERVER, ...TEKTONS, ...NODE_ROWS];

let world: BrokenWorld;

beforeEach(async () => {
  world = await BrokenWorld.start();
});
afterEach(() => world.close());

describe('a cluster that is broken because', () => {
  for (const [name, breakIt, health, message, step, fix] of [...BROKEN, ...PERMISSIONS]) {
    it(name, async () => {
      await breakIt(world);
      const { record, reason, message: said } = await world.probe();
      expect(`${record.seen} ${reason}`).toBe(health);
      expect(said).toMatch(message);
      expect(record.lost).toBe(record.seen === 'unhealthy' && reason !== 'NoReadyNode');
      const failed = await world.failedStep();
      expect(failed.name).toBe(step);
      if (fix !== undefined) expect(failed.fix).toMatch(fix);
      if (!['none', 'config'].includes(step)) expect(failed.fix).toMatch(/\w/);
    });
  }

  it('nothing is, is healthy', async () => {
    const { record, reason } = await world.probe();
    expect([record.seen, reason]).toEqual(['healthy', '']);
    expect((await world.failedStep()).name).toBe('none');
  });

  it('are more than forty without those that lack one permission', () => {
    expect(new Set(BROKEN.map(([name]) => name)).size).toBeGreaterThanOrEqual(40);
  });
});

describe('a connection test', () => {
  it('shows the names and the end of a certificate, also of one that is wrong', async () => {
    await world.serveTls(EXPIRED_CERTIFICATE);
    world.config['ca_cert'] = BROKEN_CA;
    expect((await world.failedStep()).details).toMatchObject({
      expected_name: '127.0.0.1',
      peer: {
        subject: 'CN=broken-server',
        issuer: 'CN=broken-ca',
        names: ['localhost', '127.0.0.1'],
        expires_at: '2021-01-01T00:00:00.000Z',
      },
    });
  });

  it('names the permissions that are missing, and nothing else', async () => {
    world.server.denials.push({ verb: 'create', resource: 'secrets' });
    expect((await world.failedStep()).details).toEqual({ missing: ['create secrets'] });
  });
});

import type { Settings } from '../../start/settings.ts';
import type { Method } from '../options.ts';
import { ensureBuilder } from './builders.ts';
import { serveExample } from './example-server.ts';
import { hostAndPort, type PreparedTarget } from './prepared-target.ts';

/** This machine: its own builder, the example over loopback, the image as an OCI layout in a directory. */
export async function prepareLocal(settings: Settings, method: Method): Promise<PreparedTarget> {
  await ensureBuilder(method);
  const { url, server } = await serveExample(settings, '127.0.0.1');
  return {
    infrastructureType: 'local',
    providerName: 'this-machine',
    provider: { provider_type: 'local', config: {} },
    gitUrl: url,
    registry: undefined,
    egressAllow: [hostAndPort(url)],
    close: () => server.close(),
  };
}

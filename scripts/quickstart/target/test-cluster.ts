import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../start/failure.ts';
import { ROOT } from '../../start/settings.ts';
import { EXAMPLE, EXAMPLE_FOLDER } from '../example-repository.ts';
import { inlineKubeconfig } from '../kubeconfig.ts';
import type { Method } from '../options.ts';
import { hostAndPort, type PreparedTarget } from './prepared-target.ts';

interface ClusterFile {
  readonly kubeconfig: string;
  readonly registry: { readonly host: string; readonly username: string; readonly password: string };
  readonly taskImages: Readonly<Record<string, string>>;
}

const CLUSTER = join(ROOT, 'test', 'cluster', 'cluster.ts');

function readCluster(): ClusterFile {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const data = process.env['IF_CLUSTER_DIR'] || join(cache, 'image-factory', 'cluster', 'data');
  const file = process.env['IF_TEST_CLUSTER_FILE'] || join(data, 'cluster.json');
  if (!existsSync(file)) throw new Failure('The test cluster does not run.', 'Start it first: npm run cluster -- up');
  return JSON.parse(readFileSync(file, 'utf8')) as ClusterFile;
}

/** Puts the example on the cluster's own git server and returns its URL. */
function publishExample(): string {
  const result = spawnSync(process.execPath, [CLUSTER, 'repository', EXAMPLE, EXAMPLE_FOLDER], { encoding: 'utf8' });
  if (result.status !== 0) {
    throw new Failure(
      `The example could not be put on the cluster's git server: ${result.stderr.trim()}`,
      'npm run cluster -- status',
    );
  }
  return (JSON.parse(result.stdout) as { url: string }).url;
}

/** The test cluster of this checkout, with its registry and its git server. */
export async function prepareTestCluster(method: Method): Promise<PreparedTarget> {
  const cluster = readCluster();
  const { text, context, server } = inlineKubeconfig(cluster.kubeconfig, undefined);
  const gitUrl = publishExample();
  const { host, username, password } = cluster.registry;
  return Promise.resolve({
    infrastructureType: 'kubernetes',
    providerName: 'test-cluster',
    provider: {
      provider_type: 'kubernetes',
      allow_privileged: method === 'buildx',
      config: {
        auth_method: 'kubeconfig',
        kubeconfig: text,
        context,
        tekton_task_images: cluster.taskImages,
        insecure_registries: [host],
      },
    },
    gitUrl,
    registry: { repository: `${host}/quickstart/${EXAMPLE}`, insecure: true, login: { username, password } },
    egressAllow: [hostAndPort(server), host, hostAndPort(gitUrl)],
    close: () => Promise.resolve(),
  });
}

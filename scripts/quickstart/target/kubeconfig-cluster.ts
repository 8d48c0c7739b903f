import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { Failure } from '../../start/failure.ts';
import type { Settings } from '../../start/settings.ts';
import { inlineKubeconfig } from '../kubeconfig.ts';
import type { Method, Target } from '../options.ts';
import { addressForPods } from './address-for-pods.ts';
import { serveExample } from './example-server.ts';
import { hostAndPort, type PreparedTarget, registryHost } from './prepared-target.ts';

type KubeconfigTarget = Extract<Target, { kind: 'kubeconfig' }>;

async function isThisMachine(server: string): Promise<boolean> {
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '');
  const found = await lookup(host, { all: true }).catch(() => []);
  const own = new Set(
    Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .map(({ address }) => address),
  );
  return found.some(({ address }) => own.has(address) || address.startsWith('127.'));
}

/** Pods do not share the machine's loopback: the example is served on an address that they can route to. */
async function serveToPods(
  settings: Settings,
  kubeconfig: { readonly text: string; readonly server: string },
): ReturnType<typeof serveExample> {
  if (!(await isThisMachine(kubeconfig.server))) {
    throw new Failure(
      `The cluster ${kubeconfig.server} is not on this machine and cannot fetch the example from it.`,
      'Push examples/hello-image to a git server that the cluster reaches, and name it with --git-url.',
    );
  }
  const address = await addressForPods(kubeconfig);
  if (address === undefined) {
    throw new Failure('This machine has no address that pods could reach.', 'Name a git repository with --git-url.');
  }
  return serveExample(settings, address);
}

function login(target: KubeconfigTarget): { readonly username: string; readonly password: string } | undefined {
  if (target.registryUser === undefined || target.registryPasswordFile === undefined) return undefined;
  try {
    return { username: target.registryUser, password: readFileSync(target.registryPasswordFile, 'utf8').trim() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(`The registry's password cannot be read: ${reason}`, 'Give a file that this user may read.');
  }
}

/** A cluster of the user's: one context of a kubeconfig, its own registry, the example or a repository of theirs. */
export async function prepareKubeconfigCluster(
  settings: Settings,
  target: KubeconfigTarget,
  method: Method,
): Promise<PreparedTarget> {
  const kubeconfig = inlineKubeconfig(target.file, target.context);
  const registryLogin = login(target);
  const served = target.gitUrl === undefined ? await serveToPods(settings, kubeconfig) : undefined;
  const gitUrl = served?.url ?? target.gitUrl ?? '';
  const registry = registryHost(target.registry);
  return {
    infrastructureType: 'kubernetes',
    providerName: `quickstart-${kubeconfig.context}`
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .slice(0, 60),
    provider: {
      provider_type: 'kubernetes',
      allow_privileged: method === 'buildx',
      config: {
        auth_method: 'kubeconfig',
        kubeconfig: kubeconfig.text,
        context: kubeconfig.context,
        ...(Object.keys(target.taskImages).length > 0 ? { tekton_task_images: target.taskImages } : {}),
        ...(target.insecureRegistry ? { insecure_registries: [registry] } : {}),
      },
    },
    gitUrl,
    registry: { repository: target.registry, insecure: target.insecureRegistry, login: registryLogin },
    egressAllow: [
      hostAndPort(kubeconfig.server),
      registry,
      ...(URL.canParse(gitUrl) && /^https?:/.test(gitUrl) ? [hostAndPort(gitUrl)] : []),
    ],
    close: () => served?.server.close() ?? Promise.resolve(),
  };
}

import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * Addresses of the cluster. The bridge address is the node's address, the pods' gateway and where
 * registry, git server and kubelet listen, so that nothing depends on the machine's own interfaces.
 */
export const addresses = {
  bridgeName: 'tkbr0',
  /** A bridge without an address of its own takes its ports', and every pod that comes or goes changes it. */
  bridgeHardwareAddress: '02:49:46:00:4d:01',
  node: '10.244.77.1',
  podRange: '10.244.77.0/24',
  serviceRange: '10.245.0.0/24',
  /** First address of `serviceRange`: the Service `kubernetes`, a name in the API server's certificate. */
  kubernetesService: '10.245.0.1',
  nodeName: 'node1',
} as const;

/** TCP ports. Tekton also takes 8080 (fixed in its probe server) on all interfaces. */
export const ports = {
  apiServer: 16443,
  etcdClient: 23790,
  etcdPeer: 23800,
  gitHttp: 8090,
  kubelet: 10250,
  kubeletHealth: 10248,
  registry: 5000,
  tektonWebhook: 8443,
} as const;

/** `host:port` of the registry as pods and the host name it. */
export const registryHost = `${addresses.node}:${ports.registry}`;

/** Where one cluster keeps everything. All paths are absolute. */
export interface Layout {
  /** Binaries, image tars and package layers, kept over clusters. */
  readonly cacheDir: string;
  /** Everything that one cluster writes; `down --purge` deletes it. */
  readonly dataDir: string;
  readonly containerdSocket: string;
  readonly kubeconfig: string;
  readonly clusterFile: string;
  readonly logDir: string;
  readonly pidDir: string;
  readonly pkiDir: string;
}

/**
 * The layout that the environment asks for: `XDG_CACHE_HOME` and `IF_CLUSTER_DIR`.
 * Throws when the data directory's path cannot be written into the configuration files and the
 * unix socket's address (108 bytes, unix(7)).
 */
export function layoutFromEnvironment(environment: NodeJS.ProcessEnv = process.env): Layout {
  const cacheHome = environment.XDG_CACHE_HOME || join(homedir(), '.cache');
  const cacheDir = join(cacheHome, 'image-factory', 'cluster');
  const dataDir = resolve(environment.IF_CLUSTER_DIR || join(cacheDir, 'data'));
  const containerdSocket = join(dataDir, 'containerd', 'containerd.sock');
  if (!isAbsolute(cacheDir) || !/^[A-Za-z0-9._/-]+$/.test(dataDir) || containerdSocket.length > 100) {
    throw new Error(
      `The data directory ${dataDir} must be a short path of letters, digits, dots, dashes and slashes: set IF_CLUSTER_DIR.`,
    );
  }
  return {
    cacheDir,
    dataDir,
    containerdSocket,
    kubeconfig: join(dataDir, 'kubeconfig'),
    clusterFile: join(dataDir, 'cluster.json'),
    logDir: join(dataDir, 'logs'),
    pidDir: join(dataDir, 'pids'),
    pkiDir: join(dataDir, 'pki'),
  };
}

import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * Addresses of a cluster. The bridge address is the node's address, the pods' gateway and where
 * registry, git server and kubelet listen, so that nothing depends on the machine's own interfaces.
 */
interface Addresses {
  readonly apiServer: string;
  readonly bridgeName: string;
  /** A bridge without an address of its own takes its ports', and every pod that comes or goes changes it. */
  readonly bridgeHardwareAddress: string;
  readonly node: string;
  readonly podRange: string;
  readonly serviceRange: string;
  /** First address of `serviceRange`: the Service `kubernetes`, a name in the API server's certificate. */
  readonly kubernetesService: string;
  readonly nodeName: string;
}

const firstAddresses: Addresses = {
  apiServer: '127.0.0.1',
  bridgeName: 'tkbr0',
  bridgeHardwareAddress: '02:49:46:00:4d:01',
  node: '10.244.77.1',
  podRange: '10.244.77.0/24',
  serviceRange: '10.245.0.0/24',
  kubernetesService: '10.245.0.1',
  nodeName: 'node1',
};

/** The wire between the machine and the network namespace of the second cluster. */
export const secondNetwork = {
  namespace: 'image-factory-2',
  hostLink: 'tkwire0',
  innerLink: 'tkwire1',
  hostAddress: '10.244.78.1',
  innerAddress: '10.244.78.2',
  podRange: '10.244.79.0/24',
} as const;

const secondAddresses: Addresses = {
  apiServer: secondNetwork.innerAddress,
  bridgeName: 'tkbr1',
  bridgeHardwareAddress: '02:49:46:00:4f:01',
  node: '10.244.79.1',
  podRange: secondNetwork.podRange,
  serviceRange: '10.245.1.0/24',
  kubernetesService: '10.245.1.1',
  nodeName: 'node2',
};

/** True in the commands that run inside the second cluster's network namespace; it has no registry and no git server of its own. */
export const isSecond = process.env.IF_CLUSTER_SECOND === 'true';

export const addresses = isSecond ? secondAddresses : firstAddresses;

/** Where pods find registry and git server: the first cluster's node, also from the second's. */
export const sharedAddress = firstAddresses.node;
export const sharedRange = firstAddresses.podRange;

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
export const registryHost = `${sharedAddress}:${ports.registry}`;

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
  const firstDir = resolve(environment.IF_CLUSTER_DIR || join(cacheDir, 'data'));
  const dataDir = isSecond ? `${firstDir}-2` : firstDir;
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

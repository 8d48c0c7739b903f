import { connect } from 'node:net';
import { addresses, isSecond, type Layout, ports } from './layout.ts';
import { isDaemonAlive } from './processes.ts';
import { ClusterError } from './progress.ts';

/** The addresses that each daemon listens on. */
const listeners = [
  { daemon: 'etcd', host: '127.0.0.1', port: ports.etcdClient },
  { daemon: 'kube-apiserver', host: addresses.apiServer, port: ports.apiServer },
  { daemon: 'kubelet', host: '127.0.0.1', port: ports.kubeletHealth },
  { daemon: 'tekton-webhook', host: '127.0.0.1', port: ports.tektonWebhook },
  ...(isSecond
    ? []
    : [
        { daemon: 'registry', host: addresses.node, port: ports.registry },
        { daemon: 'git-http', host: addresses.node, port: ports.gitHttp },
      ]),
] as const;

function isTaken(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 500 });
    const settle = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.on('connect', () => settle(true));
    socket.on('timeout', () => settle(false));
    socket.on('error', () => settle(false));
  });
}

/**
 * Throws when a port of a daemon that does not run is taken: by another program, or a cluster of
 * another data directory. The bridge must be there, else its address is asked of the outside network.
 */
export async function assertPortsFree(layout: Layout): Promise<void> {
  for (const { daemon, host, port } of listeners) {
    if (!isDaemonAlive(layout, daemon) && (await isTaken(host, port))) {
      throw new ClusterError(
        `Port ${port} of ${host}, which ${daemon} needs, is taken by another program.`,
        `See "ss -ltnp 'sport = :${port}'". A cluster of another IF_CLUSTER_DIR is stopped with that variable set and "down".`,
      );
    }
  }
}

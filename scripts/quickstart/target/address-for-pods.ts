import { once } from 'node:events';
import { BlockList, createServer, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ClusterConnection, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import { hostAndPort } from './prepared-target.ts';

const ANSWER_MS = 10_000;

interface NodeList {
  readonly items: readonly {
    readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
  }[];
}

/** Addresses of the cluster's nodes; empty when it does not say, which the readiness checks report better. */
async function nodeAddresses(kubeconfig: { readonly text: string; readonly server: string }): Promise<string[]> {
  const fileRules = { allowedDirs: [], anyPath: false };
  const access = await resolveAccess('kubeconfig', { kubeconfig: kubeconfig.text }, { fileRules });
  const connection = new ClusterConnection({
    providerId: 'quickstart',
    generation: 1,
    access,
    egress: new EgressPolicy({ allow: [hostAndPort(kubeconfig.server)] }),
    clock: systemClock,
    fileRules,
    requestTimeoutMs: ANSWER_MS,
  });
  try {
    const { body } = await connection.request<NodeList>({
      requestClass: 'probe',
      method: 'GET',
      path: '/api/v1/nodes',
    });
    const addresses = body.items.flatMap(({ status }) => status?.addresses ?? []);
    return addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address);
  } catch {
    return [];
  } finally {
    await connection.close();
  }
}

/** Also of an interface without carrier, which the list of interfaces leaves out: a bridge without a pod. */
async function isOwn(address: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(0, address);
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/**
 * The address of this machine that pods of a cluster on it can reach: a node's own (k3s, the test cluster), else the
 * one in the network of a node (the bridge of kind and minikube), else the first that is not loopback; undefined when
 * there is none.
 */
export async function addressForPods(kubeconfig: {
  readonly text: string;
  readonly server: string;
}): Promise<string | undefined> {
  const nodes = (await nodeAddresses(kubeconfig)).filter((address) => isIPv4(address));
  for (const node of nodes) if (await isOwn(node)) return node;
  const external = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, family, cidr }) => !internal && family === 'IPv4' && cidr !== null);
  const beside = external.find(({ address, cidr }) => {
    const network = new BlockList();
    network.addSubnet(address, Number(cidr?.split('/')[1]), 'ipv4');
    return nodes.some((node) => network.check(node, 'ipv4'));
  });
  return (beside ?? external[0])?.address;
}

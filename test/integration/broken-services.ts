import { REQUIRED_ACCESS } from '@image-factory/cluster-connectors';
import { ALWAYS, fault, type Row, status } from './broken-cluster.ts';
import type { BrokenWorld } from './broken-world.ts';

/* Clusters that answer, and whose API server, Tekton, nodes or permissions are not as builds need them. */

const VERSION = { path: '/version' } as const;
const TEKTON = { path: '/apis/tekton.dev/v1/pipelineruns' } as const;
const NODES = { path: '/api/v1/nodes' } as const;
const eachNode = (change: (node: { spec?: unknown; status?: unknown }) => void) => (world: BrokenWorld) =>
  world.server.store.update('nodes', undefined, 'node-0', change as never);

export const SERVER: readonly Row[] = [
  [
    'the version is forbidden',
    fault(VERSION, status(403, { reason: 'Forbidden' })),
    'unhealthy ClusterForbidden',
    /may not do this/,
    'version',
    /RBAC/,
  ],
  [
    'the version is throttled',
    fault(VERSION, status(429)),
    'unhealthy ClusterThrottled',
    /sheds load/,
    'version',
    /later/,
  ],
  ['the version fails', fault(VERSION, status(500)), 'unhealthy ClusterUnavailable', /failed/, 'version', /etcd/],
  ['the server is starting', fault(VERSION, status(503)), 'unhealthy ClusterUnavailable', /503/, 'version', /log/],
  [
    'etcd does not answer',
    fault(VERSION, status(500, { message: 'etcdserver: request timed out' })),
    'unhealthy ClusterUnavailable',
    /failed/,
    'version',
  ],
  ['the version hangs', fault(VERSION, { kind: 'hang' }), 'unhealthy ClusterUnreachable', /in time/, 'version'],
  [
    'the version’s connection breaks',
    fault(VERSION, { kind: 'drop' }),
    'unhealthy ClusterUnreachable',
    /broke the stream off/,
    'version',
  ],
  [
    'the version is no JSON',
    fault(VERSION, { kind: 'garbage' }),
    'unhealthy ClusterUnavailable',
    /not valid JSON/,
    'version',
  ],
  [
    'a login page stands before it',
    fault(VERSION, { kind: 'answer', body: 'log in', headers: { 'content-type': 'text/html' } }),
    'unhealthy ClusterUnavailable',
    /none of the Kubernetes API/,
    'version',
  ],
  [
    'a proxy redirects',
    fault(VERSION, { kind: 'answer', status: 302, body: '', headers: { location: 'https://login.example' } }),
    'unhealthy ClusterUnavailable',
    /none of the Kubernetes API/,
    'version',
  ],
  [
    'Kubernetes is too old',
    fault(VERSION, { kind: 'answer', body: { major: '1', minor: '27+', gitVersion: 'v1.27.4-eks' } }),
    'degraded KubernetesTooOld',
    /v1\.27\.4-eks; 1\.28 or newer/,
    'none',
  ],
];

export const TEKTONS: readonly Row[] = [
  [
    'Tekton is not there',
    (world) => (world.server.tekton = false),
    'degraded TektonNotInstalled',
    /not installed/,
    'none',
  ],
  [
    'Tekton is too old',
    (world) => {
      world.server.tekton = false;
      world.server.fault({ path: '/apis/tekton.dev' }, { kind: 'answer', body: { kind: 'APIGroup' } }, ALWAYS);
    },
    'degraded TektonTooOld',
    /too old/,
    'none',
  ],
  [
    'Tekton is switched off',
    (world) => (world.provider = { settings: { authMethod: 'token', tektonEnabled: false } }),
    'degraded TektonDisabled',
    /tekton_enabled is false/,
    'none',
  ],
  [
    'the Tekton list is forbidden',
    (world) => world.server.denials.push({ verb: 'list', resource: 'pipelineruns' }),
    'degraded ClusterForbidden',
    /RBAC/,
    'permissions',
    /RBAC/,
  ],
  ['the Tekton list is throttled', fault(TEKTON, status(429)), 'degraded ClusterThrottled', /sheds load/, 'none'],
  ['the Tekton list fails', fault(TEKTON, status(500)), 'degraded ClusterUnavailable', /failed/, 'none'],
  ['the Tekton list hangs', fault(TEKTON, { kind: 'hang' }), 'degraded ClusterUnreachable', /in time/, 'none'],
  [
    'Tekton’s webhook is down',
    (world) =>
      world.server.fault({ method: 'POST', path: /pipelineruns$/, dryRun: true }, { kind: 'webhookTimeout' }, ALWAYS),
    'degraded AdmissionTimeout',
    /tekton-pipelines-webhook/,
    'none',
  ],
];

export const NODE_ROWS: readonly Row[] = [
  [
    'there is no node',
    (world) => world.server.store.delete('nodes', undefined, 'node-0'),
    'unhealthy NoReadyNode',
    /0 of 0 nodes/,
    'none',
  ],
  [
    'no node is Ready',
    eachNode((node) => (node.status = { conditions: [{ type: 'Ready', status: 'Unknown' }] })),
    'unhealthy NoReadyNode',
    /0 of 1 nodes are Ready/,
    'none',
  ],
  [
    'all nodes are cordoned',
    eachNode((node) => (node.spec = { unschedulable: true })),
    'degraded AllNodesCordoned',
    /1 of 1 nodes are Ready, 0 of them/,
    'none',
  ],
  [
    'the disks of the nodes are full',
    eachNode(
      (node) =>
        (node.status = {
          conditions: [
            { type: 'Ready', status: 'True' },
            { type: 'DiskPressure', status: 'True' },
          ],
        }),
    ),
    'degraded DiskPressure',
    /1 of 1 nodes are under disk pressure/,
    'none',
  ],
  [
    'the nodes are forbidden',
    (world) => world.server.denials.push({ resource: 'nodes' }),
    'degraded ClusterForbidden',
    /RBAC/,
    'none',
  ],
  ['the list of nodes fails', fault(NODES, status(500)), 'degraded ClusterUnavailable', /failed/, 'none'],
  ['the list of nodes hangs', fault(NODES, { kind: 'hang' }), 'degraded ClusterUnreachable', /in time/, 'none'],
  [
    'finished runs are not removed',
    (world) => (world.provider = { sweepBehind: true, unswept: 2_500 }),
    'degraded SweepBehind',
    /2500 finished runs/,
    'none',
  ],
];

/** Each permission that builds need, taken away alone; the lists of runs is Tekton's row. */
export const PERMISSIONS: readonly Row[] = REQUIRED_ACCESS.flatMap(({ resource, verbs }) =>
  verbs
    .filter((verb) => !(resource === 'pipelineruns' && ['list', 'create'].includes(verb)))
    .map((verb): Row => [
      `${verb} ${resource} is not granted`,
      (world) => world.server.denials.push({ verb, resource }),
      'degraded PermissionsMissing',
      new RegExp(`${verb} ${resource}`),
      'permissions',
      /RBAC/,
    ]),
);

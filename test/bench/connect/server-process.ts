/** An API server that answers lists with one pod and holds watches open, over TLS, in a process of its own. */
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { FAKE_SERVER_CERTIFICATE, FAKE_SERVER_KEY } from '@image-factory/test-support';

const POD = {
  metadata: { name: 'pod', namespace: 'builds', uid: 'u', resourceVersion: '1', labels: { app: 'image-factory' } },
  spec: { containers: [{ name: 'step', image: 'registry.example/step:1', args: Array.from({ length: 20 }, String) }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
};
const LIST = JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [POD] });
const EMPTY = JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] });
const BOOKMARK = `${JSON.stringify({
  type: 'BOOKMARK',
  object: {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { resourceVersion: '1', annotations: { 'k8s.io/initial-events-end': 'true' } },
  },
})}\n`;

let accepted = 0;
const watches = new Set<ServerResponse>();
const server = createServer({ key: FAKE_SERVER_KEY, cert: FAKE_SERVER_CERTIFICATE }, (request, response) => {
  const url = request.url ?? '';
  request.resume();
  response.setHeader('content-type', 'application/json');
  if (!/[?&]watch=(?:true|1)/.test(url)) {
    response.end(url.includes('/namespaces/builds/') ? LIST : EMPTY);
    return;
  }
  watches.add(response);
  response.once('close', () => watches.delete(response));
  response.write(BOOKMARK);
});
server.keepAliveTimeout = 120_000;
server.on('secureConnection', () => {
  accepted += 1;
});
setInterval(() => watches.forEach((watch) => watch.write(BOOKMARK)), 30_000);
process.on('message', () => process.send?.({ accepted, watches: watches.size }));
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));

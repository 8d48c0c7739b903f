/**
 * The Service `kubernetes` without kube-proxy: `node service-relay.ts ADDRESS PORT HOST PORT` takes connections at the
 * Service's address and passes their bytes to the API server, so that pods reach it as in any other cluster.
 */
import { connect, createServer } from 'node:net';

const [address, port, targetHost, targetPort] = process.argv.slice(2);

createServer({ allowHalfOpen: true }, (incoming) => {
  const outgoing = connect({ host: targetHost!, port: Number(targetPort), allowHalfOpen: true });
  incoming.on('error', () => outgoing.destroy());
  outgoing.on('error', () => incoming.destroy());
  incoming.pipe(outgoing).pipe(incoming);
}).listen(Number(port), address);

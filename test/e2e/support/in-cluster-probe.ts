/** Runs in a pod: goes the way to the pod's own cluster as its ServiceAccount, and prints the steps as JSON. */
import { resolveAccess, testConnection } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';

const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = process.env;
const fileRules = { allowedDirs: [], anyPath: false };
const access = await resolveAccess('in-cluster', {}, { fileRules, inCluster: { host, port: Number(port) } });
const steps = await testConnection(access, new EgressPolicy({ allow: [host] }), { fileRules });
process.stdout.write(`${JSON.stringify({ server: access.server, steps })}\n`);

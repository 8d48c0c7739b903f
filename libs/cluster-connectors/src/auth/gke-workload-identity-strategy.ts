import { createPrivateKey } from 'node:crypto';
import { DomainError, type Issue } from '@image-factory/domain';
import { GOOGLE_UNIVERSE } from '../cloud/gcp/google-token.js';
import { GkeCluster } from '../cloud/gcp/gke-cluster.js';
import { cloudStrategy, grammarIssues, requiredText } from './cloud-access.js';
import { fieldText } from './connector-strategy.js';

const ACCOUNT = /^[a-z0-9-]{1,64}@[a-z0-9.:-]{1,190}\.gserviceaccount\.com$/;
const GRAMMARS = {
  project_id: [/^(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'must be the id of a Google Cloud project'],
  location: [/^[a-z]+(?:-[a-z]+)+[0-9]+(?:-[a-z])?$/, 'must be a region or zone, as europe-west1 or europe-west1-b'],
  cluster_name: [/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'must be the name of a GKE cluster'],
  service_account: [ACCOUNT, 'must be the email of a service account'],
  endpoint_kind: [/^(?:ip|dns)$/, 'must be ip or dns'],
} as const;

/**
 * A GKE cluster by a Google identity: a service account's key, or the process's own (workload identity, federation,
 * metadata server), then the service account to impersonate when one is named. By its IP or its DNS endpoint.
 */
export const gkeWorkloadIdentityStrategy = cloudStrategy({
  method: 'gke-workload-identity',
  validate(fields): readonly Issue[] {
    const key = fieldText(fields, 'service_account_key');
    const parsed = key === undefined ? undefined : parseKey(key);
    const problem = parsed === undefined || 'email' in parsed ? undefined : parsed.problem;
    return [
      ...grammarIssues(fields, GRAMMARS),
      ...(problem === undefined ? [] : [{ path: 'service_account_key', message: problem }]),
    ];
  },
  cloud(fields, { http }) {
    const text = fieldText(fields, 'service_account_key');
    const key = text === undefined ? undefined : parseKey(text);
    if (key !== undefined && 'problem' in key) {
      throw new DomainError({
        kind: 'InvalidInput',
        reason: 'ProviderConfigInvalid',
        message: `The provider config is wrong: service_account_key ${key.problem}.`,
        details: { outcome: 'notSent' },
      });
    }
    const projectId = requiredText(fields, 'project_id');
    const config = {
      projectId,
      location: requiredText(fields, 'location'),
      clusterName: requiredText(fields, 'cluster_name'),
      endpointKind: fieldText(fields, 'endpoint_kind') === 'dns' ? ('dns' as const) : ('ip' as const),
      identity: { projectId, key, serviceAccount: fieldText(fields, 'service_account') },
    };
    return new GkeCluster(config, http);
  },
});

/**
 * Email and key of a service account's JSON. Other types are refused: an `external_account` names files to read,
 * addresses to ask and programs to run, which is for the operator's own environment.
 */
function parseKey(text: string): { email: string; privateKey: string } | { problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: 'must be the JSON of a service account key' };
  }
  const key = (json ?? {}) as Readonly<Record<string, unknown>>;
  const { type, client_email: email, private_key: privateKey, universe_domain: universe = GOOGLE_UNIVERSE } = key;
  if (type !== 'service_account') {
    return {
      problem:
        'must be of type service_account; other credentials come from the environment (GOOGLE_APPLICATION_CREDENTIALS)',
    };
  }
  if (universe !== GOOGLE_UNIVERSE) {
    return { problem: `is of another universe than ${GOOGLE_UNIVERSE}, which is the only one that is spoken to` };
  }
  if (typeof email !== 'string' || !ACCOUNT.test(email)) return { problem: 'must have client_email' };
  if (typeof privateKey !== 'string') return { problem: 'must have private_key' };
  try {
    createPrivateKey(privateKey);
  } catch {
    return { problem: 'has a private_key that cannot be parsed' };
  }
  return { email, privateKey };
}

import type { Issue } from '@image-factory/domain';
import { EksCluster } from '../cloud/aws/eks-cluster.js';
import { partitionOf } from '../cloud/aws/aws-partitions.js';
import { cloudStrategy, grammarIssues, neededIssues, requiredText } from './cloud-access.js';
import { fieldText } from './connector-strategy.js';
import { endpointIssues } from './endpoint-issues.js';
import { normalServer } from './server-url.js';

const GRAMMARS = {
  cluster_name: [/^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/, 'must be the name of an EKS cluster'],
  region: [/^[a-z]{2,4}(?:-[a-z]+){1,3}-[0-9]{1,2}$/, 'must be an AWS region, as us-east-1'],
  role_arn: [
    /^arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,512}$/,
    'must be the ARN of an IAM role, as arn:aws:iam::123456789012:role/name',
  ],
  external_id: [/^[\w+=,.@:/-]{2,1224}$/, 'must be 2 to 1224 letters, digits or +=,.@:/-'],
  access_key_id: [/^[A-Z0-9]{16,128}$/, 'must be the id of an AWS access key'],
  secret_access_key: [/^[\x21-\x7e]{16,256}$/, 'must be the secret of an AWS access key'],
} as const;

/**
 * An EKS cluster by an IAM identity: the access key, or the default chain of the process (web identity, pod identity,
 * profile, instance), then the role when one is named. Tokens are signed here; no program is run.
 */
export const eksIamStrategy = cloudStrategy({
  method: 'eks-iam',
  validate(fields, context): readonly Issue[] {
    return [
      ...grammarIssues(fields, GRAMMARS),
      ...endpointIssues(fields, context),
      ...neededIssues(fields, [
        ['external_id', 'role_arn'],
        ['access_key_id', 'secret_access_key'],
        ['secret_access_key', 'access_key_id'],
        ['ca_cert', 'endpoint'],
      ]),
      ...partitionIssues(fieldText(fields, 'role_arn'), fieldText(fields, 'region')),
    ];
  },
  cloud(fields, { http, clock }) {
    const endpoint = fieldText(fields, 'endpoint');
    const accessKeyId = fieldText(fields, 'access_key_id');
    const config = {
      clusterName: requiredText(fields, 'cluster_name'),
      region: requiredText(fields, 'region'),
      roleArn: fieldText(fields, 'role_arn'),
      externalId: fieldText(fields, 'external_id'),
      keys:
        accessKeyId === undefined
          ? undefined
          : { accessKeyId, secretAccessKey: requiredText(fields, 'secret_access_key') },
      endpoint: endpoint === undefined ? undefined : normalServer(endpoint),
      ca: fieldText(fields, 'ca_cert'),
    };
    return new EksCluster(config, http, clock);
  },
});

/** No identity of one partition is known in another: the role would be asked for where it cannot be. */
function partitionIssues(roleArn: string | undefined, region: string | undefined): Issue[] {
  const [, partition] = /^arn:([a-z-]+):/.exec(roleArn ?? '') ?? [];
  if (partition === undefined || region === undefined || partition === partitionOf(region).name) return [];
  const message = `is in the partition ${partition}, but the region ${region} is in ${partitionOf(region).name}`;
  return [{ path: 'role_arn', message }];
}

import type { Grammar } from '@image-factory/domain';

/** Builds a grammar from a pattern and the sentence that says what it wants. */
function pattern(expression: RegExp, message: string): Grammar {
  return (text) => (expression.test(text) ? undefined : message);
}

/** A region or zone of any cloud: also what stands in an API's host name, so nothing but letters, digits and dashes. */
export const cloudRegion = pattern(/^[a-z][a-z0-9-]{1,40}[a-z0-9]$/, 'must be a region of the cloud, as in us-east-1');

/** A cluster's name as any of the clouds takes it. */
export const cloudClusterName = pattern(
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/,
  'must be the name of a cluster in its cloud: letters, digits, - and _; give cluster_name when it differs from name',
);

/** An AWS role, in any partition. */
export const awsRoleArn = pattern(
  /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/,
  'must be the ARN of a role, as in arn:aws:iam::123456789012:role/image-factory',
);

/** What a role's trust policy asks for beside the account. */
export const awsExternalId = pattern(
  /^[\w+=,.@:/-]{2,1224}$/,
  'must be 2 to 1224 letters, digits or one of + = , . @ : / -',
);

/** A Google Cloud project by id or, with a domain, by its older form. */
export const gcpProject = pattern(
  /^(?:[a-z][a-z0-9.-]{0,60}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/,
  'must be the id of a Google Cloud project',
);

/** A Google service account by its address. */
export const gcpServiceAccount = pattern(
  /^[a-z0-9][a-z0-9._-]{0,62}@[a-z0-9.-]{1,100}\.gserviceaccount\.com$/,
  'must be the address of a service account, as in builder@project.iam.gserviceaccount.com',
);

/** Azure names subscriptions, tenants and clients by UUID. */
export const azureId = pattern(
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  'must be a UUID, as in 00000000-0000-0000-0000-000000000000',
);

/** An Azure resource group. */
export const azureResourceGroup = pattern(
  /^[\w().-]{0,89}[\w()-]$/,
  'must be the name of a resource group: letters, digits and ( ) - _ .',
);

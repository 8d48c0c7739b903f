import type { DomainError } from '@image-factory/domain';
import { cloudError, type CloudReason, wrappedDomainError } from '../cloud-error.js';

/** What was asked of AWS when it failed, and what is needed for it. */
export interface AwsAttempt {
  /** `EKS cluster prod in us-east-1` */
  readonly subject: string;
  readonly doing: 'credentials' | 'role' | 'describe' | 'account' | 'list';
  readonly roleArn: string | undefined;
}

const EXPIRED = /^(?:ExpiredToken|ExpiredTokenException|RequestExpired|TokenRefreshRequired)$/;
const THROTTLED = /^(?:Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|RequestThrottled|PriorRequestNotComplete)/;
const DENIED =
  /^(?:AccessDenied|Unauthorized|NotAuthorized|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|InvalidIdentityToken|IDPRejectedClaim|OptInRequired|MissingAuthenticationToken|IncompleteSignature|InvalidAccessKeyId)/;

const SAYS: Readonly<Record<AwsAttempt['doing'], (attempt: AwsAttempt) => string>> = {
  credentials: () => 'getting the credentials of this process',
  role: ({ roleArn }) => `assuming the role ${roleArn ?? ''}`,
  describe: () => 'describing it',
  account: () => 'asking STS for the account',
  list: () => 'listing its clusters',
};

const CURES: Readonly<Record<AwsAttempt['doing'], string>> = {
  credentials: 'check the web identity, profile or instance role of this process',
  role: 'let the trust policy of the role name the identity of this process, with the same external_id',
  describe: 'grant the identity eks:DescribeCluster on the cluster, or give endpoint and ca_cert',
  account: 'enable the region in the account, or leave it out',
  list: 'grant the identity eks:ListClusters, and enable the region in the account, or leave it out',
};

/** A failure of the AWS SDK in our words. Its own message is read to classify it and never passed on. */
export function awsError(error: unknown, attempt: AwsAttempt): DomainError {
  const known = wrappedDomainError(error);
  if (known !== undefined) return known;
  const shape = error as {
    readonly name?: string;
    readonly message?: string;
    readonly code?: string;
    readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  };
  const name = typeof shape.name === 'string' ? shape.name : 'Error';
  const status = shape.$metadata?.httpStatusCode;
  const reason = reasonOf(name, String(shape.message ?? ''), status);
  const facts = {
    code: name === 'Error' || name === 'CredentialsProviderError' ? shape.code : name,
    status,
    requestId: shape.$metadata?.requestId,
  };
  return cloudError(reason, `${attempt.subject}: ${sentence(reason, attempt)}`, facts);
}

function reasonOf(name: string, message: string, status: number | undefined): CloudReason {
  if (EXPIRED.test(name)) return 'CloudCredentialExpired';
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    return /expired/i.test(message) ? 'CloudCredentialExpired' : 'CloudCredentialMissing';
  }
  if (THROTTLED.test(name) || status === 429) return 'CloudThrottled';
  if (name === 'ResourceNotFoundException' || status === 404) return 'CloudClusterNotFound';
  if (DENIED.test(name) || status === 401 || status === 403) return 'CloudAccessDenied';
  return 'CloudUnavailable';
}

function sentence(reason: CloudReason, attempt: AwsAttempt): string {
  const doing = SAYS[attempt.doing](attempt);
  switch (reason) {
    case 'CloudCredentialMissing':
      return 'this process has no AWS identity; give it a role (web identity, pod identity, instance) or access_key_id and secret_access_key.';
    case 'CloudCredentialExpired':
      return `${doing} failed: the AWS session has expired; renew it (aws sso login, or new session keys), or use a role that renews itself.`;
    case 'CloudAccessDenied':
      return `${doing} is denied; ${CURES[attempt.doing]}.`;
    case 'CloudThrottled':
      return `${doing} is throttled by AWS; it is tried again by itself.`;
    case 'CloudClusterNotFound':
      return 'there is no such cluster in that region and account; check cluster_name, region and role_arn.';
    default:
      return `${doing} failed: AWS cannot be reached or answers with an error; it is tried again by itself.`;
  }
}

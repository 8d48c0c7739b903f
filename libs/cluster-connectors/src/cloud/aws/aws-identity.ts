import type { CloudHttp } from '../cloud-http.js';
import { awsError, type AwsAttempt } from './aws-error.js';
import { awsHandler } from './aws-handler.js';
import type { AwsKeys } from './eks-token.js';

/** Who asks AWS. */
export interface AwsIdentityConfig {
  readonly region: string;
  readonly roleArn?: string | undefined;
  readonly externalId?: string | undefined;
  /** Instead of the default chain. */
  readonly keys?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

const ROLE_SECONDS = 3_600;

/**
 * Keys that sign: static ones or those of the default chain of this process, then of a role if one is given. Each call
 * asks anew: whoever calls keeps what it gets.
 * @param subject what is asked for with them, for messages
 * @throws DomainError a CloudReason
 */
export async function awsCredentials(subject: string, config: AwsIdentityConfig, http: CloudHttp): Promise<AwsKeys> {
  const { region, roleArn, externalId } = config;
  const clientConfig = awsClientConfig(region, http);
  const attempt = (doing: AwsAttempt['doing']): AwsAttempt => ({ subject, doing, roleArn });
  const { fromNodeProviderChain, fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
  const own = config.keys ?? (await ask(fromNodeProviderChain({ clientConfig }), attempt('credentials')));
  if (roleArn === undefined) return own;
  const params = {
    RoleArn: roleArn,
    RoleSessionName: 'image-factory',
    DurationSeconds: ROLE_SECONDS,
    ...(externalId === undefined ? {} : { ExternalId: externalId }),
  };
  return ask(fromTemporaryCredentials({ masterCredentials: own, params, clientConfig }), attempt('role'));
}

async function ask(provider: () => Promise<AwsKeys>, attempt: AwsAttempt): Promise<AwsKeys> {
  try {
    return await provider();
  } catch (error) {
    throw awsError(error, attempt);
  }
}

/** Settings of every client of the SDK. Two tries at most: whoever asks backs off by itself. */
export function awsClientConfig(
  region: string,
  http: CloudHttp,
): { region: string; maxAttempts: number; requestHandler: ReturnType<typeof awsHandler> } {
  return { region, maxAttempts: 2, requestHandler: awsHandler(http) };
}

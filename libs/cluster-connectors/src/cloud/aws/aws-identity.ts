import type { Clock } from '@image-factory/domain';
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

/** A role's session is renewed this long before its end: longer than a token lives, so that none is cut short. */
const ROLE_MARGIN_MS = 16 * 60_000;
const ROLE_SECONDS = 3_600;

/** Static keys or the default chain of this process, then a role if one is given. */
export class AwsIdentity {
  /** What is asked for with it, for messages. */
  readonly #subject: string;
  readonly #config: AwsIdentityConfig;
  readonly #http: CloudHttp;
  readonly #clock: Clock;
  #chain: (() => Promise<AwsKeys>) | undefined;
  #role: AwsKeys | undefined;

  constructor(subject: string, config: AwsIdentityConfig, http: CloudHttp, clock: Clock) {
    this.#subject = subject;
    this.#config = config;
    this.#http = http;
    this.#clock = clock;
  }

  /** Keys that sign; a role's session is kept until {@link ROLE_MARGIN_MS} before its end. @throws DomainError */
  async credentials(): Promise<AwsKeys> {
    const { roleArn } = this.#config;
    if (roleArn === undefined) return this.#own();
    const leftMs = (this.#role?.expiration?.getTime() ?? 0) - this.#clock.now().getTime();
    if (this.#role === undefined || leftMs < ROLE_MARGIN_MS) this.#role = await this.#assume(roleArn);
    return this.#role;
  }

  /** What was signed is refused: the sessions that are kept may be revoked, and the next credentials are new ones. */
  forget(): void {
    this.#chain = undefined;
    this.#role = undefined;
  }

  async #own(): Promise<AwsKeys> {
    if (this.#config.keys !== undefined) return this.#config.keys;
    const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
    this.#chain ??= fromNodeProviderChain({ clientConfig: awsClientConfig(this.#config.region, this.#http) });
    try {
      return await this.#chain();
    } catch (error) {
      throw awsError(error, this.#attempt('credentials'));
    }
  }

  async #assume(roleArn: string): Promise<AwsKeys> {
    const own = await this.#own();
    const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
    const { externalId, region } = this.#config;
    const assume = fromTemporaryCredentials({
      masterCredentials: own,
      params: {
        RoleArn: roleArn,
        RoleSessionName: 'image-factory',
        DurationSeconds: ROLE_SECONDS,
        ...(externalId === undefined ? {} : { ExternalId: externalId }),
      },
      clientConfig: awsClientConfig(region, this.#http),
    });
    try {
      return await assume();
    } catch (error) {
      throw awsError(error, this.#attempt('role'));
    }
  }

  #attempt(doing: AwsAttempt['doing']): AwsAttempt {
    return { subject: this.#subject, doing, roleArn: this.#config.roleArn };
  }
}

/** Settings of every client of the SDK. Two tries at most: whoever asks backs off by itself. */
export function awsClientConfig(
  region: string,
  http: CloudHttp,
): { region: string; maxAttempts: number; requestHandler: ReturnType<typeof awsHandler> } {
  return { region, maxAttempts: 2, requestHandler: awsHandler(http) };
}

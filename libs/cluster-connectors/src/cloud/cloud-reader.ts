import type { Clock } from '@image-factory/domain';
import { TokenBroker } from '../broker/token-broker.js';
import { awsCredentials } from './aws/aws-identity.js';
import { EksRegion } from './aws/eks-region.js';
import { askArm } from './azure/arm-api.js';
import { AZURE_CLOUDS, type AzureCloud } from './azure/azure-clouds.js';
import { azureToken } from './azure/azure-token.js';
import type { CloudAttempt } from './cloud-error.js';
import type { CloudHttp } from './cloud-http.js';
import { askGke } from './gcp/google-api.js';
import { googleToken } from './gcp/google-token.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * The clouds' APIs, read as this process itself: the identity that its environment gives it, never one of a provider's.
 * One token serves all reading until it is renewed. Every failure is a DomainError with a CloudReason, or a refusal of the
 * egress rules.
 */
export class CloudReader {
  readonly #http: CloudHttp;
  readonly #clock: Clock;
  readonly #brokers = new Map<string, TokenBroker>();

  constructor(http: CloudHttp, clock: Clock) {
    this.#http = http;
    this.#clock = clock;
  }

  /** The clusters of an AWS region, and the account that they belong to: both by the same keys. */
  async eks(region: string, signal: AbortSignal): Promise<{ readonly account: string; readonly eks: EksRegion }> {
    const keys = await awsCredentials(`EKS in ${region}`, { region }, this.#http);
    const eks = new EksRegion(region, keys, this.#http);
    return { account: await eks.account(this.#clock.now(), signal), eks };
  }

  /** An answer of GKE's API about a project. */
  async gke(project: string, path: string, attempt: CloudAttempt, signal: AbortSignal): Promise<Json> {
    const identity = { projectId: project, key: undefined, serviceAccount: undefined };
    const broker = this.#broker(`gcp ${project}`, `Google for ${project}`, (stop) =>
      googleToken(attempt.subject, identity, this.#http, stop),
    );
    return askGke(`projects/${project}/${path}`, await broker.read(), attempt, this.#http, signal);
  }

  /** An answer of Azure Resource Manager, and who asked: what is not in it may be hidden from that identity only. */
  async arm(
    cloud: AzureCloud,
    path: string,
    attempt: CloudAttempt,
    signal: AbortSignal,
  ): Promise<{ readonly body: Json; readonly askedBy: string | undefined }> {
    const identity = { cloud, clientId: undefined, tenantId: undefined, clientSecret: undefined };
    const scope = `${AZURE_CLOUDS[cloud].arm}/.default`;
    const broker = this.#broker(`azure ${cloud}`, cloud, (stop) =>
      azureToken(attempt.subject, identity, scope, this.#http, stop),
    );
    const token = await broker.read();
    const body = await askArm({ cloud, method: 'GET', path }, token, attempt, this.#http, signal);
    return { body, askedBy: holderOf(token) };
  }

  #broker(key: string, name: string, mint: ConstructorParameters<typeof TokenBroker>[0]['mint']): TokenBroker {
    const known = this.#brokers.get(key) ?? new TokenBroker({ name, mint, clock: this.#clock });
    this.#brokers.set(key, known);
    return known;
  }
}

/** Tenant and object of an Entra token. It is read to tell identities apart, and nothing is granted for it. */
function holderOf(token: string): string | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Json;
    const { tid, oid } = claims;
    return typeof tid === 'string' && typeof oid === 'string' ? `${tid}/${oid}` : undefined;
  } catch {
    return undefined;
  }
}

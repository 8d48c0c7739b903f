import type { Clock } from '@image-factory/domain';
import { TokenBroker } from '../broker/token-broker.js';
import { awsCredentials } from './aws/aws-identity.js';
import { EksRegion } from './aws/eks-region.js';
import { askArm } from './azure/arm-api.js';
import { AZURE_CLOUDS, type AzureCloud } from './azure/azure-clouds.js';
import { azureToken } from './azure/azure-token.js';
import { type CloudAttempt, isRefusal } from './cloud-error.js';
import type { CloudHttp } from './cloud-http.js';
import { askGke } from './gcp/google-api.js';
import { googleToken } from './gcp/google-token.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * The clouds' APIs, read as this process itself: the identity that its environment gives it, never one of a provider's.
 * One token serves all reading until it is renewed; one that is refused is replaced, and asked with once more: its rights may
 * have been given since it was made. Every failure is a DomainError with a CloudReason, or a refusal of the
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
    const name = `GKE in project ${project}`;
    const broker = this.#broker(`gcp ${project}`, name, (stop) => googleToken(name, identity, this.#http, stop));
    return askWith(broker, (token) => askGke(`projects/${project}/${path}`, token, attempt, this.#http, signal));
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
    const name = `AKS in ${cloud}`;
    const broker = this.#broker(`azure ${cloud}`, name, (stop) => azureToken(name, identity, scope, this.#http, stop));
    return askWith(broker, async (token) => {
      const body = await askArm({ cloud, method: 'GET', path }, token, attempt, this.#http, signal);
      return { body, askedBy: holderOf(token) };
    });
  }

  #broker(key: string, name: string, mint: ConstructorParameters<typeof TokenBroker>[0]['mint']): TokenBroker {
    const known = this.#brokers.get(key) ?? new TokenBroker({ name, mint, clock: this.#clock });
    this.#brokers.set(key, known);
    return known;
  }
}

/** Asks with the token that is held, and once more when it is refused and there is another. */
async function askWith<T>(broker: TokenBroker, ask: (token: string) => Promise<T>): Promise<T> {
  const token = await broker.read();
  try {
    const answer = await ask(token);
    broker.accepted();
    return answer;
  } catch (error) {
    if (!isRefusal(error) || !(await broker.invalidate(token))) throw error;
    return ask(await broker.read());
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

import type { Cluster, EKSClient } from '@aws-sdk/client-eks';
import type { CloudHttp } from '../cloud-http.js';
import { awsError, type AwsAttempt } from './aws-error.js';
import { awsClientConfig } from './aws-identity.js';
import { askStsWhoWeAre } from './caller-identity.js';
import type { AwsKeys } from './eks-token.js';

/** A cluster as EKS describes it. */
export type EksDescription = Cluster;

const PAGE = 100;

/** The EKS clusters of one region, as the holder of one set of keys sees them. */
export class EksRegion {
  #client: EKSClient | undefined;

  constructor(
    private readonly region: string,
    private readonly keys: AwsKeys,
    private readonly http: CloudHttp,
  ) {}

  /** The account whose clusters these are: the keys' own. @throws DomainError a CloudReason */
  async account(now: Date, signal: AbortSignal): Promise<string> {
    try {
      return await askStsWhoWeAre(this.region, this.keys, this.http, now, signal);
    } catch (error) {
      throw awsError(error, this.#attempt(`EKS in ${this.region}`, 'account'));
    }
  }

  /** All their names. @throws DomainError a CloudReason */
  async names(signal: AbortSignal): Promise<string[]> {
    const { paginateListClusters } = await import('@aws-sdk/client-eks');
    try {
      const pages = paginateListClusters({ client: await this.#open(), pageSize: PAGE }, {}, { abortSignal: signal });
      const names: string[] = [];
      for await (const page of pages) names.push(...(page.clusters ?? []));
      return names;
    } catch (error) {
      throw awsError(error, this.#attempt(`EKS in ${this.region}`, 'list'));
    }
  }

  /** @throws DomainError a CloudReason */
  async describe(name: string, signal: AbortSignal): Promise<EksDescription> {
    const { DescribeClusterCommand } = await import('@aws-sdk/client-eks');
    try {
      const client = await this.#open();
      const { cluster } = await client.send(new DescribeClusterCommand({ name }), { abortSignal: signal });
      return cluster ?? {};
    } catch (error) {
      throw awsError(error, this.#attempt(`EKS cluster ${name} in ${this.region}`, 'describe'));
    }
  }

  async #open(): Promise<EKSClient> {
    const { EKSClient } = await import('@aws-sdk/client-eks');
    this.#client ??= new EKSClient({ ...awsClientConfig(this.region, this.http), credentials: this.keys });
    return this.#client;
  }

  #attempt(subject: string, doing: AwsAttempt['doing']): AwsAttempt {
    return { subject, doing, roleArn: undefined };
  }
}

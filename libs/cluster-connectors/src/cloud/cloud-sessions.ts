import { createHash } from 'node:crypto';
import { type Clock, Secret } from '@image-factory/domain';
import type { EgressPolicy } from '@image-factory/egress';
import { type EndingValue, RenewedValue } from '../broker/renewed-value.js';
import { TokenBroker } from '../broker/token-broker.js';
import type { CloudCluster, DescribedCluster } from './cloud-cluster.js';
import { isRefusal } from './cloud-error.js';
import { CloudHttp } from './cloud-http.js';
import { CloudReader } from './cloud-reader.js';

export interface CloudSessionsOptions {
  readonly egress: EgressPolicy;
  readonly clock: Clock;
  /** Origin of a cloud's API → origin where it is reached. */
  readonly redirects?: Readonly<Record<string, string>>;
  /** 0 up to 1, for jitter. Default `Math.random`. */
  readonly random?: () => number;
}

/** Which identity on which cluster: what a session is kept by. */
export interface CloudSubject {
  readonly clusterId: string;
  readonly credentialVersion: number;
}

/**
 * One identity on one cluster: what its cloud is asked with, what the cloud says about the cluster, and the tokens for the
 * cluster. A token that is refused takes the credential with it that it was made with, which may be revoked.
 */
export interface CloudSession {
  readonly credential: Pick<RenewedValue<unknown>, 'read'>;
  readonly broker: TokenBroker;
  readonly description: RenewedValue<DescribedCluster>;
  /** The cluster has answered, and knew who asked: what the cloud was asked with and what it said are right. */
  readonly reached: () => void;
}

const DESCRIPTION_LIFE_MS = 10 * 60_000;
const MOST_SESSIONS = 2_000;

/**
 * The cloud identities of one process, one session for each cluster and version of its credential: whoever connects to
 * the cluster shares its tokens, its renewals and its back-off. A session is data without sockets or timers; the one of
 * an older version lives on only in the connections that still drain.
 */
export class CloudSessions {
  readonly http: CloudHttp;
  readonly clock: Clock;
  /** What the clouds have, as this process sees it. */
  readonly reader: CloudReader;
  readonly #random: (() => number) | undefined;
  /** By cluster, longest unused first. */
  readonly #sessions = new Map<string, { readonly version: string; readonly session: CloudSession }>();

  constructor(options: CloudSessionsOptions) {
    this.http = new CloudHttp(options.egress, options.redirects);
    this.clock = options.clock;
    this.reader = new CloudReader(this.http, options.clock);
    this.#random = options.random;
  }

  /** The session of a cluster by these config fields; without a subject it belongs to the fields alone. */
  session(
    subject: CloudSubject | undefined,
    fields: Readonly<Record<string, string | Secret | undefined>>,
    cluster: () => CloudCluster,
  ): CloudSession {
    const digest = digestOf(fields);
    const key = subject?.clusterId ?? digest;
    const version = `${subject?.credentialVersion ?? 0} ${digest}`;
    const known = this.#sessions.get(key);
    const session = known?.version === version ? known.session : this.#make(cluster());
    this.#sessions.delete(key);
    this.#sessions.set(key, { version, session });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MOST_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
    return session;
  }

  #make<Credential>(cluster: CloudCluster<Credential>): CloudSession {
    const { clock } = this;
    const common = { clock, ...(this.#random === undefined ? {} : { random: this.#random }) };
    const credential = new RenewedValue<Credential>({
      ...common,
      name: `the identity for ${cluster.name}`,
      load: (signal) => cluster.authenticate(signal),
    });
    let signedWith: Credential | undefined;
    const mint = async (signal: AbortSignal, refused: boolean): Promise<EndingValue<string>> => {
      // Once in a while only: a cluster that refuses everything must not wear its cloud's identity service out.
      if (refused && signedWith !== undefined) await credential.invalidate(signedWith);
      return cluster.mint(async () => (signedWith = await credential.read()), signal);
    };
    const describe = async (signal: AbortSignal): Promise<DescribedCluster> => {
      let asked: Credential | undefined;
      try {
        return await cluster.describe(async () => (asked = await credential.read()), signal);
      } catch (error) {
        if (isRefusal(error) && asked !== undefined) await credential.invalidate(asked).catch(() => undefined);
        throw error;
      }
    };
    const description = new RenewedValue({
      ...common,
      name: `the description of ${cluster.name}`,
      load: async (signal) => ({
        value: await describe(signal),
        expiresAt: new Date(clock.now().getTime() + DESCRIPTION_LIFE_MS),
      }),
    });
    const reached = (): void => {
      credential.accepted();
      description.accepted();
    };
    return { credential, broker: new TokenBroker({ ...common, name: cluster.name, mint }), description, reached };
  }
}

/** Secrets go into the digest and nowhere else. */
function digestOf(fields: Readonly<Record<string, string | Secret | undefined>>): string {
  const texts = Object.entries(fields)
    .map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value])
    .sort(([a], [b]) => String(a).localeCompare(String(b)));
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex');
}

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudSessions } from '@image-factory/cluster-connectors';
import type { DispatcherEnv } from '@image-factory/dispatcher';
import type { DiscoveryClouds } from '@image-factory/cluster-registry';
import { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import { vi } from 'vitest';

/** What a stub answers to one request. */
export interface StubAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

/** One request, as a handler sees it. */
export interface StubRequest {
  readonly method: string;
  /** Of the API that was meant. */
  readonly host: string;
  readonly url: URL;
  readonly authorization: string;
  /** Of the signature of AWS: the region that was asked. */
  readonly region: string | undefined;
  readonly body: string;
}

export const STUB_CA = '-----BEGIN CERTIFICATE-----\nc3R1Yg==\n-----END CERTIFICATE-----\n';
export const STUB_CA_BASE64 = Buffer.from(STUB_CA).toString('base64');
export const STUB_ACCOUNT = '123456789012';

/** The identity that this process has in AWS, as far as the stub goes. */
const STUB_AWS = { AWS_ACCESS_KEY_ID: 'AKIDSTUB', AWS_SECRET_ACCESS_KEY: 'stub-secret' };

const STUB_TENANT = '55555555-6666-7777-8888-999999999999';

/** Gives this process an identity in each cloud, and takes it away again: what the clouds' own variables name. */
export async function withIdentities(google: Readonly<Record<string, string>> = {}): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'if-identities-'));
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const email = 'builder@farm-1.iam.gserviceaccount.com';
  const key = {
    type: 'service_account',
    project_id: 'farm-1',
    private_key: privateKey,
    client_email: email,
    ...google,
  };
  await writeFile(join(directory, 'google.json'), JSON.stringify(key));
  await writeFile(join(directory, 'assertion'), 'assertion');
  const variables = {
    ...STUB_AWS,
    GOOGLE_APPLICATION_CREDENTIALS: join(directory, 'google.json'),
    AZURE_TENANT_ID: STUB_TENANT,
    AZURE_CLIENT_ID: '00000000-1111-2222-3333-444444444444',
    AZURE_FEDERATED_TOKEN_FILE: join(directory, 'assertion'),
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  return async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true, force: true });
  };
}

const REGIONS = ['eu-west-1', 'eu-north-1', 'us-east-1', 'us-west-2', 'ap-south-1'];
const ORIGINS = [
  ...REGIONS.flatMap((region) => [`https://eks.${region}.amazonaws.com`, `https://sts.${region}.amazonaws.com`]),
  'https://eks.cn-north-1.amazonaws.com.cn',
  'https://sts.cn-north-1.amazonaws.com.cn',
  'https://eks.us-gov-west-1.amazonaws.com',
  'https://sts.us-gov-west-1.amazonaws.com',
  'https://container.googleapis.com',
  'https://oauth2.googleapis.com',
  'https://login.microsoftonline.com',
  'https://management.azure.com',
  'https://login.microsoftonline.us',
  'https://management.usgovcloudapi.net',
  'https://login.partner.microsoftonline.cn',
  'https://management.chinacloudapi.cn',
];

/**
 * The clouds' APIs on one port of this host, each with its origin before its path, in the forms that their references
 * document: everything of the product but the address is as it is on the live clouds.
 */
export class CloudStub {
  readonly requests: StubRequest[] = [];
  /** Waits that a client made between tries, in ms. */
  readonly waits: number[] = [];
  /** The account of the keys of {@link STUB_AWS}, as STS says it; undefined: STS is not there. */
  account: string | undefined = STUB_ACCOUNT;
  /** What Google gives as a token. */
  googleToken = 'google-token';
  /** Object id of the identity of this process in Entra. */
  azureObject = 'object-1';

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(answer: (request: StubRequest) => StubAnswer | Promise<StubAnswer>): Promise<CloudStub> {
    const holder: { stub?: CloudStub } = {};
    const server = createServer((request, response) => {
      void respond(request, response, answer, holder.stub);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    holder.stub = new CloudStub(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return holder.stub;
  }

  /** Origin of each API → this stub: `IF_CLOUD_ENDPOINTS`. */
  get redirects(): Readonly<Record<string, string>> {
    return Object.fromEntries(ORIGINS.map((origin) => [origin, `${this.url}/${new URL(origin).host}`]));
  }

  /** The environment of a dispatcher that finds its clouds here. */
  get env(): Pick<DispatcherEnv, 'cloudEndpoints' | 'egressAllow'> {
    return { cloudEndpoints: this.redirects, egressAllow: ['127.0.0.1'] };
  }

  /** Sessions that find their clouds here; `allow`: what the egress rules allow. */
  sessions(allow: readonly string[] = ['127.0.0.1']): CloudSessions {
    return new CloudSessions({ egress: new EgressPolicy({ allow }), clock: systemClock, redirects: this.redirects });
  }

  /** What discovery lists with. It does not wait between tries. */
  clouds(allow?: readonly string[]): DiscoveryClouds {
    const sleep = (ms: number): Promise<void> => {
      this.waits.push(ms);
      return Promise.resolve();
    };
    const { reader, clock } = this.sessions(allow);
    return { reader, clock: { now: () => clock.now(), monotonicMs: () => clock.monotonicMs(), sleep } };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (request: StubRequest) => StubAnswer | Promise<StubAnswer>,
  stub: CloudStub | undefined,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const authorization = request.headers.authorization ?? '';
  const region = /Credential=[^/]+\/\d{8}\/([^/]+)\/(?:eks|sts)\/aws4_request/.exec(authorization)?.[1];
  const [, host = '', path = ''] = /^\/([^/]+)(\/.*)$/.exec(request.url ?? '') ?? [];
  const url = new URL(path, 'http://stub');
  const seen = {
    method: request.method ?? '',
    host,
    url,
    authorization,
    region,
    body: Buffer.concat(chunks).toString(),
  };
  const own = identityAnswer(seen, stub);
  if (own === undefined) stub?.requests.push(seen);
  const { status = 200, headers = {}, body } = own ?? (await answer(seen));
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** What is asked to learn and prove who this process is; undefined for everything else. */
function identityAnswer({ host, url }: StubRequest, stub: CloudStub | undefined): StubAnswer | undefined {
  if (url.searchParams.get('Action') === 'GetCallerIdentity') return callerIdentity(stub?.account);
  if (host === 'oauth2.googleapis.com') {
    return { body: { access_token: stub?.googleToken, expires_in: 3_599, token_type: 'Bearer' } };
  }
  if (!host.startsWith('login.')) return undefined;
  const authority = `https://${host}/${STUB_TENANT}`;
  if (url.pathname.endsWith('/openid-configuration')) {
    const endpoints = { authorization_endpoint: `${authority}/a`, token_endpoint: `${authority}/oauth2/v2.0/token` };
    return { body: { issuer: `${authority}/v2.0`, jwks_uri: `${authority}/keys`, ...endpoints } };
  }
  if (url.pathname.endsWith('/discovery/instance')) {
    const configuration = `${authority}/v2.0/.well-known/openid-configuration`;
    const metadata = [{ preferred_network: host, preferred_cache: host, aliases: [host] }];
    return { body: { tenant_discovery_endpoint: configuration, metadata } };
  }
  return { body: { access_token: azureTokenOf(host, stub?.azureObject), expires_in: 3_599, token_type: 'Bearer' } };
}

/** An Entra token in its form; nobody checks its signature. */
function azureTokenOf(host: string, oid: string | undefined): string {
  const claims = { tid: STUB_TENANT, oid, iss: host };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
}

/** As STS answers in JSON. */
function callerIdentity(account: string | undefined): StubAnswer {
  if (account === undefined) return { status: 403, body: { Error: { Code: 'InvalidClientTokenId' } } };
  const result = { Account: account, Arn: `arn:aws:iam::${account}:user/builder`, UserId: 'AIDASTUB' };
  return { body: { GetCallerIdentityResponse: { GetCallerIdentityResult: result } } };
}

/** A cluster as EKS describes it. */
export function eksCluster(region: string, name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    arn: `arn:aws:eks:${region}:${STUB_ACCOUNT}:cluster/${name}`,
    createdAt: 1_700_000_000,
    version: '1.34',
    endpoint: `https://${name}.${region}.eks.example`,
    status: 'ACTIVE',
    certificateAuthority: { data: STUB_CA_BASE64 },
    resourcesVpcConfig: { endpointPublicAccess: true, endpointPrivateAccess: true },
    tags: {},
    ...more,
  };
}

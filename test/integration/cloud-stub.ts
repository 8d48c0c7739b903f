import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CloudAccess } from '@image-factory/cluster-registry';

/** What a stub answers to one request. */
export interface StubAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

/** One request, as a handler sees it. */
export interface StubRequest {
  readonly method: string;
  readonly url: URL;
  readonly authorization: string;
  /** Of the signature of AWS: the region that was asked. */
  readonly region: string | undefined;
}

export const STUB_CA = '-----BEGIN CERTIFICATE-----\nc3R1Yg==\n-----END CERTIFICATE-----\n';
export const STUB_CA_BASE64 = Buffer.from(STUB_CA).toString('base64');

/**
 * The three clouds' APIs on one port of this host: EKS below `/clusters`, GKE below `/v1/projects`, the Azure resource
 * manager below `/subscriptions`, in the forms that their references document.
 */
export class CloudStub {
  readonly requests: StubRequest[] = [];
  /** Waits that a client made between tries, in ms. */
  readonly waits: number[] = [];

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

  /** How discovery and descriptions reach this stub. */
  access(): CloudAccess {
    return {
      eks: {
        endpoint: this.url,
        credentials: { accessKeyId: 'AKIDSTUB', secretAccessKey: 'stub-secret' },
        maxAttempts: 3,
        retryMode: 'standard',
      },
      gcp: { origin: this.url, token: () => Promise.resolve('google-token') },
      azure: { origin: this.url, token: () => Promise.resolve('azure-token') },
      fetch: globalThis.fetch,
      sleep: (ms) => {
        this.waits.push(ms);
        return Promise.resolve();
      },
    };
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
  for await (const _chunk of request) {
    // read to its end
  }
  const authorization = request.headers.authorization ?? '';
  const region = /Credential=[^/]+\/\d{8}\/([^/]+)\/eks\/aws4_request/.exec(authorization)?.[1];
  const seen = { method: request.method ?? '', url: new URL(request.url ?? '/', 'http://stub'), authorization, region };
  stub?.requests.push(seen);
  const { status = 200, headers = {}, body } = await answer(seen);
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A cluster as EKS describes it. */
export function eksCluster(region: string, name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    arn: `arn:aws:eks:${region}:123456789012:cluster/${name}`,
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

import { mkdtemp, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterConnection, type ClusterAccess, resolveAccess } from '@image-factory/cluster-connectors';
import type { DomainError } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { FakeClock, FakeKubeApiServer, type FakeKubeApiServerOptions } from '@image-factory/test-support';
import { expect } from 'vitest';

export const listPods = { requestClass: 'status', method: 'GET', path: '/api/v1/namespaces/builds/pods' } as const;
export const createSecret = {
  requestClass: 'create',
  method: 'POST',
  path: '/api/v1/namespaces/builds/secrets',
  body: { metadata: { name: 's' } },
} as const;

export async function failure(work: Promise<unknown>): Promise<DomainError> {
  return work.then(
    () => expect.unreachable('it did not fail'),
    (error: unknown) => error as DomainError,
  );
}

/** An API server, and connections to it that are closed with it. */
export class ConnectorWorld {
  readonly clock = new FakeClock();
  readonly egress = new EgressPolicy({ allow: ['127.0.0.1'] });
  readonly open: ClusterConnection[] = [];

  private constructor(
    readonly server: FakeKubeApiServer,
    readonly directory: string,
  ) {}

  static async start(options: FakeKubeApiServerOptions = {}): Promise<ConnectorWorld> {
    const server = await FakeKubeApiServer.start({ namespaces: ['builds'], ...options });
    return new ConnectorWorld(server, await mkdtemp(join(tmpdir(), 'connector-')));
  }

  connect(
    access: ClusterAccess,
    more: Partial<ConstructorParameters<typeof ClusterConnection>[0]> = {},
  ): ClusterConnection {
    const connection = new ClusterConnection({
      providerId: 'p',
      generation: 1,
      access,
      egress: this.egress,
      clock: this.clock,
      fileRules: { allowedDirs: [this.directory], anyPath: false },
      ...more,
    });
    this.open.push(connection);
    return connection;
  }

  async byToken(token = 'fake-token'): Promise<ClusterConnection> {
    const context = { fileRules: { allowedDirs: [], anyPath: true } };
    return this.connect(await resolveAccess('token', this.server.providerConfig(token), context));
  }

  async close(): Promise<void> {
    await Promise.all(this.open.splice(0).map((connection) => connection.close()));
    await this.server.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** What comes next of a body, which stays open; `the end` at its end. */
export async function nextChunk(body: Readable): Promise<string> {
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) return String(chunk);
  return 'the end';
}

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  type ConnectionStep,
  type ConnectorContext,
  openClusterConnection,
  resolveAccess,
  testConnection,
} from '@image-factory/cluster-connectors';
import { ConnectionPool, HealthMonitor } from '@image-factory/cluster-registry';
import { explainingCondition, isDomainError, type ProbeRecord, type Provider } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger } from '@image-factory/telemetry';
import { FakeClock, FakeKubeApiServer, InMemoryProviderRepository } from '@image-factory/test-support';
import { BROKEN_SERVER_KEY } from './broken-certificates.ts';

/** A listener whose thread never takes a connection, in 1/backlog of what it would take to fill it. */
const BLACK_HOLE = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setTimeout(() => Atomics.wait(new Int32Array(workerData), 0, 0), 10);
  });`;

export const HANG_MS = 1_000;

/** One cluster that is broken in one way, probed and tested. */
export class BrokenWorld {
  readonly egress = new EgressPolicy({
    allow: ['127.0.0.1'],
    resolve: (host) => this.resolve(host),
    resolveTimeoutMs: HANG_MS,
  });
  readonly clock = new FakeClock();
  readonly providers = new InMemoryProviderRepository(this.clock);
  config: Record<string, string>;
  provider: Partial<Provider> = {};
  resolve = async (_host: string): Promise<{ address: string; family: number }[]> => [];
  readonly #closers: (() => unknown)[] = [];

  private constructor(
    readonly server: FakeKubeApiServer,
    readonly directory: string,
  ) {
    this.config = server.providerConfig();
  }

  static async start(): Promise<BrokenWorld> {
    return new BrokenWorld(await FakeKubeApiServer.start(), await mkdtemp(join(tmpdir(), 'broken-')));
  }

  /** The endpoint is this port of ours instead. */
  async serve(server: Server): Promise<void> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#closers.push(() => sockets.forEach((socket) => socket.destroy()));
    this.#closers.push(() => server.close());
    this.config['endpoint'] = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  serveTls(cert: string): Promise<void> {
    return this.serve(createHttpsServer({ key: BROKEN_SERVER_KEY, cert }));
  }

  servePlainHttp(): Promise<void> {
    return this.serve(createHttpServer((_request, response) => response.end('hello')));
  }

  hangUp(): Promise<void> {
    return this.serve(createServer((socket) => socket.destroy()));
  }

  /** No packet is answered: a listener with a full queue, whose process never takes from it. */
  async blackHole(): Promise<void> {
    const gate = new SharedArrayBuffer(4);
    const worker = new Worker(BLACK_HOLE, { eval: true, workerData: gate });
    const port = await new Promise<number>((resolve) => worker.once('message', resolve));
    const fillers: Socket[] = [];
    // Some more than one may wait half open before the queue is really full.
    for (let refused = 0; refused < 3;) refused += (await this.#fill(port, fillers)) ? 0 : 1;
    this.#closers.push(() => fillers.forEach((socket) => socket.destroy()));
    this.#closers.push(() => {
      Atomics.store(new Int32Array(gate), 0, 1);
      Atomics.notify(new Int32Array(gate), 0);
      return worker.terminate();
    });
    this.config['endpoint'] = `https://127.0.0.1:${port}`;
  }

  /** What one health probe leaves, and the Condition that explains it. */
  async probe(): Promise<{ record: ProbeRecord; reason: string; message: string }> {
    this.providers.put('a', this.config, this.provider);
    const { providers, clock } = this;
    const logger = createSilentLogger();
    const pool = new ConnectionPool({
      providers,
      connect: (provider, credential) =>
        openClusterConnection(provider, credential, { egress: this.egress, context: this.#context(), clock }),
      clock,
      logger,
    });
    const monitor = new HealthMonitor({
      providers,
      connections: pool,
      proberId: 'd',
      timeoutMs: HANG_MS,
      clock,
      logger,
    });
    await monitor.runOnce();
    await monitor.settled();
    await pool.close();
    const record = providers.records.at(-1);
    if (record === undefined) throw new Error('nothing was recorded');
    const explains = explainingCondition(record.conditions);
    return { record, reason: explains?.reason ?? '', message: explains?.message ?? '' };
  }

  /** The step at which a connection test ends; its name is `config` when the config itself gives no way. */
  async failedStep(): Promise<Pick<ConnectionStep, 'reason' | 'message' | 'fix' | 'details'> & { name: string }> {
    try {
      const context = this.#context();
      const access = await resolveAccess(this.config['auth_method'], this.config, context);
      const options = { timeoutMs: HANG_MS, fileRules: context.fileRules };
      const steps = await testConnection(access, this.egress, options);
      return steps.find((step) => step.status === 'failed') ?? { name: 'none' };
    } catch (error) {
      if (!isDomainError(error)) throw error;
      return { name: 'config', reason: error.reason, message: error.message };
    }
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
    await this.server.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  #context(): ConnectorContext {
    return { fileRules: { allowedDirs: [this.directory], anyPath: false }, allowHttp: true };
  }

  /** True when one more connection found room in the queue. */
  #fill(port: number, fillers: Socket[]): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      fillers.push(socket);
      socket.on('error', () => undefined);
      socket.setTimeout(200, () => resolve(false));
      socket.once('connect', () => resolve(true));
    });
  }
}

import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../e2e/global-setup.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const READY_MS = 60_000;
export const ADMIN_KEY = 'bench-bootstrap-admin-key-0123456789abcdef';

export interface ProcessOptions {
  readonly app: 'api' | 'dispatcher';
  readonly databaseUrl: string;
  readonly encryptionKeys: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** One process of the product, as it runs in production, with its data in a directory of its own. */
export class ProductProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #dataDir: string;

  private constructor(child: ChildProcess, url: string, dataDir: string) {
    this.#child = child;
    this.url = url;
    this.#dataDir = dataDir;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  static async start(options: ProcessOptions): Promise<ProductProcess> {
    const dataDir = await mkdtemp(join(tmpdir(), 'image-factory-bench-data-'));
    const port = await freePort();
    const log = createWriteStream(join(dataDir, 'process.log'));
    await new Promise((resolve) => log.once('open', resolve));
    const child = spawn(process.execPath, [join(ROOT, `apps/${options.app}/dist/main.js`)], {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        IF_DATABASE_URL: options.databaseUrl,
        IF_DATA_DIR: dataDir,
        IF_ENCRYPTION_KEYS: options.encryptionKeys,
        IF_BUILD_TEKTON_ENABLED: 'true',
        IF_EGRESS_ALLOW: '127.0.0.1',
        IF_LOGGER_LEVEL: 'warn',
        IF_HEALTH_TIMEOUT_MS: '1500',
        IF_RUN_RETENTION_SECONDS: '0',
        ...(options.app === 'api'
          ? {
              IF_SERVER_PORT: String(port),
              IF_API_METRICS_PORT: String(await freePort()),
              IF_BOOTSTRAP_ADMIN_KEY: ADMIN_KEY,
              IF_RATE_LIMIT_PER_MINUTE: '1000000',
            }
          : { IF_DISPATCHER_HTTP_PORT: String(port) }),
        ...options.environment,
      },
    });
    // A benchmark that is ended from outside leaves none of its processes behind.
    process.once('exit', () => child.kill('SIGKILL'));
    const started = new ProductProcess(child, `http://127.0.0.1:${port}`, dataDir);
    await started.#ready(options.app);
    return started;
  }

  /** What it has logged so far, line by line. */
  async logged(): Promise<Record<string, unknown>[]> {
    const text = await readFile(join(this.#dataDir, 'process.log'), 'utf8');
    // The last line may be under way.
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill(signal);
      await ended;
    }
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  async #ready(app: string): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (;;) {
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
      if (answer?.ok === true) return;
      if (performance.now() > deadline || this.#child.exitCode !== null) {
        const text = await readFile(join(this.#dataDir, 'process.log'), 'utf8');
        await this.stop('SIGKILL');
        throw new Error(`the ${app} did not start:\n${text.split('\n').slice(-20).join('\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

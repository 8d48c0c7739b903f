import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiEnv, type ApiOverrides, createApi, type RunningApi } from '@image-factory/api';
import { Secret, type Role } from '@image-factory/domain';
import { Logger } from '@image-factory/telemetry';
import { createTestDatabase, type TestDatabase } from '@image-factory/test-support';
import pg from 'pg';
import { expect } from 'vitest';

export const ADMIN_KEY = 'bootstrap-admin-key-of-the-integration-tests-0001';

/** An answer of the API, its JSON parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | number | undefined>;
  readonly text: string;
  /** What `JSON.parse` gives: tests read what they know to be there. */
  readonly body: ReturnType<typeof JSON.parse>;
}

export interface CallOptions {
  readonly key?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string;
}

/** Keeps every line, so that a test can look for what must not be there. */
export class MemoryLogger extends Logger {
  constructor(readonly lines: string[] = []) {
    super();
  }
  private add(message: string, fields?: object): void {
    this.lines.push(`${message} ${JSON.stringify(fields, plainErrors) ?? ''}`);
  }
  debug(message: string, fields?: object): void {
    this.add(message, fields);
  }
  info(message: string, fields?: object): void {
    this.add(message, fields);
  }
  warn(message: string, fields?: object): void {
    this.add(message, fields);
  }
  error(message: string, fields?: object): void {
    this.add(message, fields);
  }
  child(): Logger {
    return this;
  }
}

function plainErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? { message: value.message, stack: value.stack, cause: value.cause } : value;
}

/** An API over a database of its own. */
export class ApiHarness {
  private constructor(
    readonly api: RunningApi,
    readonly database: TestDatabase,
    readonly sql: pg.Pool,
    readonly log: MemoryLogger,
    readonly directory: string,
  ) {}

  static async start(env: Partial<ApiEnv> = {}, overrides: ApiOverrides = {}): Promise<ApiHarness> {
    const database = await createTestDatabase();
    const directory = await mkdtemp(join(tmpdir(), 'if-api-test-'));
    const log = new MemoryLogger();
    const api = await createApi(
      { ...testEnv(database.url, directory), ...env },
      { logger: log, resolve: async () => [{ address: '93.184.215.14', family: 4 }], ...overrides },
    );
    await api.ready;
    const sql = new pg.Pool({ connectionString: database.url, max: 3 });
    sql.on('error', () => undefined);
    return new ApiHarness(api, database, sql, log, directory);
  }

  async stop(): Promise<void> {
    await this.api.close();
    await this.sql.end();
    await this.database.drop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** One request, without a socket. The admin's key unless another is given. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const key = 'key' in options ? options.key : ADMIN_KEY;
    const hasBody = options.body !== undefined || options.raw !== undefined;
    const answer = await this.api.app.inject({
      method: method as 'GET',
      url: path,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(options.tenantId === undefined ? {} : { 'x-tenant-id': options.tenantId }),
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
        ...options.headers,
      },
      ...(hasBody ? { payload: options.raw ?? JSON.stringify(options.body) } : {}),
    });
    return { status: answer.statusCode, headers: answer.headers, text: answer.payload, body: parse(answer.payload) };
  }

  async createTenant(fields: Record<string, unknown> = {}): Promise<string> {
    const name = `tenant ${Math.random().toString(36).slice(2)}`;
    const answer = await this.call('POST', '/api/v1/admin/tenants', { body: { name, ...fields } });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body.id;
  }

  async createKey(role: Role, tenantId?: string): Promise<string> {
    const body = { name: `key of ${role}`, role, ...(tenantId === undefined ? {} : { tenant_id: tenantId }) };
    const answer = await this.call('POST', '/api/v1/admin/api-keys', { body });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body.key;
  }

  async createProject(tenantId: string, fields: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.call('POST', '/api/v1/projects', {
      tenantId,
      body: {
        name: `project ${Math.random().toString(36).slice(2)}`,
        git_repository_url: 'https://git.example/team/app.git',
        registry_repo: 'registry.example/team/app',
        ...fields,
      },
    });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body.id;
  }

  async createLocalProvider(...tenantIds: string[]): Promise<string> {
    const answer = await this.call('POST', '/api/v1/admin/infrastructure/providers', {
      body: { name: `host ${Math.random().toString(36).slice(2)}`, provider_type: 'local' },
    });
    if (answer.status !== 201) throw new Error(answer.text);
    for (const tenant_id of tenantIds) {
      await this.call('POST', `/api/v1/admin/infrastructure/providers/${answer.body.id}/permissions`, {
        body: { tenant_id },
      });
    }
    return answer.body.id;
  }

  async submit(tenantId: string, projectId: string, fields: Record<string, unknown> = {}): Promise<Answer> {
    return this.call('POST', '/api/v1/builds', {
      tenantId,
      body: { project_id: projectId, build_method: 'kaniko', ...fields },
    });
  }
}

export function testEnv(databaseUrl: string, dataDir: string): ApiEnv {
  return {
    databaseUrl,
    databasePoolSize: 8,
    serverHost: '127.0.0.1',
    serverPort: 0,
    metricsPort: 0,
    loggerLevel: 'error',
    loggerFormat: 'json',
    dataDir,
    bootstrapAdminKey: new Secret(ADMIN_KEY),
    encryptionKeys: undefined,
    tektonEnabled: true,
    clocks: {
      queueMinutes: 1440,
      placementSeconds: 300,
      startMinutes: 15,
      runMinutes: 1440,
      sealSeconds: 120,
      lossMinutes: 30,
    },
    tektonKubeconfigPath: undefined,
    credentialDirs: [],
    egressAllow: [],
    insecureRegistries: [],
    dispatcherEmbedded: false,
    rateLimitPerMinute: 1_000_000,
    otlpEndpoint: undefined,
    inCluster: undefined,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A problem document that says what it must and nothing of how the code is made. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer).toMatchObject({ status, body: { status, code, type: `urn:image-factory:problem:${code}` } });
  expect(answer.body.title).toBeTruthy();
  expect(answer.body.detail).toBeTruthy();
  expect(answer.body.instance).toMatch(/^\//);
  expect(answer.body.trace_id).toMatch(/^[0-9a-f]{32}$/);
  expect(answer.text).not.toMatch(/node_modules|\.ts:|\.js:|SELECT|INSERT/);
}

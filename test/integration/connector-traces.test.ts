import { ConnectObserver, openClusterConnection } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger, currentTraceId, startTelemetry, withSpan } from '@image-factory/telemetry';
import { FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CloudStub } from './cloud-support.ts';

interface SeenSpan {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

let server: FakeKubeApiServer;
let collector: CloudStub;
beforeEach(async () => {
  server = await FakeKubeApiServer.start();
  collector = await CloudStub.start();
  collector.answer = () => ({ body: {} });
});
afterEach(async () => {
  await server.close();
  await collector.close();
});

/** What the collector got, as OTLP's JSON has it. */
function spans(): SeenSpan[] {
  return collector.seen('/v1/traces').flatMap(({ body }) => {
    const { resourceSpans } = JSON.parse(body) as {
      resourceSpans: { scopeSpans: { spans: SeenSpan[] }[] }[];
    };
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  });
}

function attributesOf({ attributes }: SeenSpan): object {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue] as const));
}

const version = { requestClass: 'probe', method: 'GET', path: '/version' } as const;

function connect(config: Readonly<Record<string, string>>) {
  const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
  const provider = { id: 'p1', name: 'prod', source: 'api' as const, settings: { authMethod: 'token' } };
  const observer = new ConnectObserver({ provider, method: 'token', logger: createSilentLogger() });
  const context = { fileRules: { allowedDirs: [], anyPath: false } };
  const credential = { providerId: 'p1', generation: 1, version: 1, fields: config };
  return openClusterConnection(provider, credential, { egress, context, observer });
}

describe('connecting to a cluster', () => {
  it('is a span of the trace of whoever connects, once for each socket, with the reason when it fails', async () => {
    const telemetry = await startTelemetry({ service: 'test', version: '0.0.0', otlpEndpoint: collector.url });
    const trace = await withSpan('place build', {}, async () => {
      const connection = await connect(server.providerConfig());
      await connection.request(version);
      await connection.close();
      const lost = await connect({ ...server.providerConfig(), endpoint: 'https://127.0.0.1:1' });
      await lost.request(version).catch(() => undefined);
      await lost.close();
      return currentTraceId();
    });
    await telemetry.shutdown();
    const connects = spans().filter(({ name }) => name === 'connect cluster');
    expect(connects.map(({ traceId }) => traceId)).toEqual([trace, trace]);
    const own = { 'image_factory.provider': 'p1', 'image_factory.auth_method': 'token' };
    expect(connects.map(attributesOf)).toEqual([
      own,
      { ...own, 'image_factory.failure': 'refused', 'error.type': 'Error' },
    ]);
  });
});

import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';

export interface TelemetryOptions {
  /** Name of the process, as in `image-factory-dispatcher`. */
  readonly service: string;
  readonly version: string;
  /** Serve `/metrics` here; without it the process serves `Telemetry.metricsText()` itself. */
  readonly metricsPort?: number;
  /** Address for `metricsPort`; loopback when absent. */
  readonly metricsHost?: string;
  /** Base URL of an OTLP/HTTP collector; without it spans keep their ids and are not exported. */
  readonly otlpEndpoint?: string;
}

/** Metrics and traces of a running process. */
export interface Telemetry {
  /** All metrics in Prometheus' text format, version 0.0.4. */
  metricsText(): Promise<string>;
  /** Flushes what is buffered and stops; never rejects, because a dead collector must not keep a process. */
  shutdown(): Promise<void>;
}

/** Spans get ids, so logs and PipelineRuns of one build share a trace, and go nowhere. */
const DISCARD_SPANS = {
  onStart: () => undefined,
  onEnd: () => undefined,
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

async function tracing(otlpEndpoint: string | undefined): Promise<Partial<NodeSDKConfiguration>> {
  if (otlpEndpoint === undefined) return { spanProcessors: [DISCARD_SPANS] };
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  return { traceExporter: new OTLPTraceExporter({ url: `${otlpEndpoint.replace(/\/+$/, '')}/v1/traces` }) };
}

/**
 * Registers meter and tracer providers for the process: once, before the first span or metric. The SDK is loaded here
 * and not with this package, because loading it costs 0.3 s and 40 MB that tests and scripts need not pay.
 * @throws Error when `metricsPort` cannot be listened on
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const [{ NodeSDK }, { PrometheusExporter, PrometheusSerializer }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-prometheus'),
  ]);
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    host: options.metricsHost ?? '127.0.0.1',
    withoutScopeInfo: true,
    ...(options.metricsPort === undefined ? {} : { port: options.metricsPort }),
  });
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const sdk = new NodeSDK({
    serviceName: options.service,
    autoDetectResources: false,
    metricReaders: [exporter],
    logRecordProcessors: [],
    instrumentations: [],
    ...(await tracing(options.otlpEndpoint)),
  });
  sdk.start();
  if (options.metricsPort !== undefined) await exporter.startServer();
  return {
    metricsText: async () => {
      const { resourceMetrics } = await exporter.collect();
      return serializer.serialize(resourceMetrics);
    },
    shutdown: async () => {
      await sdk.shutdown().catch(() => undefined);
    },
  };
}

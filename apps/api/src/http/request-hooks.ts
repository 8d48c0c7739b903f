import { randomBytes } from 'node:crypto';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Metrics } from '@image-factory/telemetry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AccessGuard } from '../access/access.guard.js';
import { ruleOf } from '../access/route-table.js';

export interface RequestHookOptions {
  readonly guard: AccessGuard;
  readonly metrics: Metrics;
  readonly rateLimitPerMinute: number;
  /** Keys and addresses whose requests are counted at once; of more, those that were heard last. */
  readonly rateLimitCallers: number;
}

/**
 * What happens to every request before its body is read: a span, who asks, how often they may ask, whether they may.
 * Registered on Fastify, because Nest's guards run when the body is parsed already.
 */
export async function registerRequestHooks(server: FastifyInstance, options: RequestHookOptions): Promise<void> {
  const { guard, metrics } = options;
  server.decorateRequest('traceId', '');
  server.decorateRequest('caller', undefined);
  server.decorateRequest('callerError', undefined);
  server.decorateRequest('tenantId', undefined);
  server.decorateRequest('endSpan', undefined);
  await server.register(helmet, {
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
    hsts: false,
  });
  server.addHook('onRequest', beginSpan);
  server.addHook('onRequest', (request: FastifyRequest) => guard.authenticate(request));
  await server.register(rateLimit, {
    global: true,
    max: options.rateLimitPerMinute,
    timeWindow: 60_000,
    cache: options.rateLimitCallers,
    enableDraftSpec: true,
    keyGenerator: (request: FastifyRequest) => request.caller?.keyId ?? `address:${request.ip}`,
    allowList: (request: FastifyRequest) => isPublic(request),
    errorResponseBuilder: () => Object.assign(new Error('rate limited'), { statusCode: 429 }),
  });
  server.addHook('preParsing', async (request: FastifyRequest) => guard.authorize(request));
  server.addHook('onResponse', async (request: FastifyRequest, reply: FastifyReply) => {
    request.endSpan?.(reply.statusCode);
    const route = request.routeOptions.url ?? 'none';
    metrics.count('httpRequests', 1, { method: request.method, route, status: reply.statusCode });
    metrics.recordSeconds('httpDuration', reply.elapsedTime / 1000, { method: request.method, route });
  });
}

function isPublic(request: FastifyRequest): boolean {
  const path = request.routeOptions.url;
  return path === undefined || ruleOf(request.method, path)?.permission === 'public';
}

/** One span per request; without tracing the trace id is random, so that errors can still be found in the log. */
function beginSpan(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  const route = request.routeOptions.url ?? 'none';
  const attributes = { 'http.request.method': request.method, 'http.route': route };
  const span = trace
    .getTracer('image-factory')
    .startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes });
  const spanContext = span.spanContext();
  request.traceId = trace.isSpanContextValid(spanContext) ? spanContext.traceId : randomBytes(16).toString('hex');
  request.endSpan = (status) => {
    span.setAttribute('http.response.status_code', status);
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
  context.with(trace.setSpan(context.active(), span), done);
}

import { context, propagation, type Attributes, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { isDomainError } from '@image-factory/domain';

const TRACER_NAME = 'image-factory';
/** W3C Trace Context, version 00: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** `traceparent` of the active span; undefined outside of a trace. */
export function currentTraceparent(): string | undefined {
  const spanContext = trace.getActiveSpan()?.spanContext();
  if (spanContext === undefined || !trace.isSpanContextValid(spanContext)) return undefined;
  const flags = spanContext.traceFlags.toString(16).padStart(2, '0');
  return `00-${spanContext.traceId}-${spanContext.spanId}-${flags}`;
}

/** Trace id (32 hex digits) of the active span; undefined outside of a trace. */
export function currentTraceId(): string | undefined {
  const spanContext = trace.getActiveSpan()?.spanContext();
  return spanContext !== undefined && trace.isSpanContextValid(spanContext) ? spanContext.traceId : undefined;
}

function markFailed(span: Span, error: unknown): void {
  const reason = isDomainError(error) ? error.reason : error instanceof Error ? error.name : 'Unknown';
  span.setAttribute('error.type', reason);
  span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
}

/**
 * Runs `work` inside a span and ends it whatever happens; a thrown error marks the span by its reason, never by its
 * text. With `parentTraceparent` the span continues that trace, whichever process began it.
 */
export async function withSpan<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
  parentTraceparent?: string,
): Promise<T> {
  const parent =
    parentTraceparent !== undefined && TRACEPARENT.test(parentTraceparent)
      ? propagation.extract(context.active(), { traceparent: parentTraceparent })
      : context.active();
  const span = trace.getTracer(TRACER_NAME).startSpan(name, { attributes }, parent);
  return context.with(trace.setSpan(parent, span), async () => {
    try {
      return await work(span);
    } catch (error) {
      markFailed(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { DomainError } from '@image-factory/domain';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../access/caller.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** 32 hex digits: in the log, in errors, and of the OpenTelemetry trace when there is one. */
    traceId: string;
    caller: Caller | undefined;
    /** Why there is no caller. */
    callerError: DomainError | undefined;
    /** The tenant that the request is about; set on tenant routes. */
    tenantId: string | undefined;
    endSpan: ((status: number) => void) | undefined;
  }
}

/** Who asks what, as use cases see it. */
export interface RequestScope {
  readonly caller: Caller;
  readonly traceId: string;
  /** `METHOD /path` with its parameters' values. */
  readonly route: string;
  readonly body: unknown;
  readonly idempotencyKey: string | undefined;
  readonly ifMatch: string | undefined;
}

/** The scope of a request on a tenant route. */
export interface TenantScope extends RequestScope {
  readonly tenantId: string;
}

/** Path of a request without its query. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

function scopeOf(request: FastifyRequest): RequestScope {
  if (request.caller === undefined) throw new Error(`route ${request.url} is used without a caller`);
  return {
    caller: request.caller,
    traceId: request.traceId,
    route: `${request.method} ${pathOf(request)}`,
    body: request.body,
    idempotencyKey: headerOf(request, 'idempotency-key'),
    ifMatch: headerOf(request, 'if-match'),
  };
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

/** Injects the {@link RequestScope} of an authenticated route. */
export const Scope = createParamDecorator((_data: unknown, context: ExecutionContext): RequestScope =>
  scopeOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** Injects the {@link TenantScope} of a tenant route. */
export const InTenant = createParamDecorator((_data: unknown, context: ExecutionContext): TenantScope => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  if (request.tenantId === undefined) throw new Error(`route ${request.url} is used without a tenant`);
  return { ...scopeOf(request), tenantId: request.tenantId };
});

import { Inject, Injectable } from '@nestjs/common';
import { DomainError, isAllowed } from '@image-factory/domain';
import { PostgresApiKeys, PostgresTenants } from '@image-factory/persistence';
import type { FastifyRequest } from 'fastify';
import { isUuid } from '../http/validation/fields.js';
import { toDomainError } from '../http/problem/to-domain-error.js';
import { bearerToken, hashOfToken } from './api-key-token.js';
import type { Caller } from './caller.js';
import { type RouteRule, ruleOf } from './route-table.js';

/**
 * Decides who asks and whether they may, from the route table alone, before a body is read.
 *
 * `authenticate` runs first and never throws: the rate limit comes between it and `authorize`, and it counts by key.
 */
@Injectable()
export class AccessGuard {
  constructor(
    @Inject(PostgresApiKeys) private readonly keys: PostgresApiKeys,
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
  ) {}

  async authenticate(request: FastifyRequest): Promise<void> {
    const rule = routeRule(request);
    if (rule === undefined || rule.permission === 'public') return;
    try {
      request.caller = await this.findCaller(request.headers.authorization);
    } catch (error) {
      request.callerError = toDomainError(error);
    }
  }

  /** @throws DomainError Unauthenticated; NotAllowed Forbidden; InvalidInput TenantRequired; NotFound */
  async authorize(request: FastifyRequest): Promise<void> {
    if (request.routeOptions.url === undefined) return;
    const rule = routeRule(request);
    if (rule === undefined) throw forbidden('this route has no rule; nobody may use it');
    if (rule.permission === 'public') return;
    if (request.callerError !== undefined) throw request.callerError;
    const { caller } = request;
    if (caller === undefined) throw unauthenticated();
    refuseRole(rule, caller);
    if (rule.scope === 'tenant') request.tenantId = await this.tenantOf(caller, request.headers['x-tenant-id']);
  }

  private async findCaller(authorization: string | undefined): Promise<Caller | undefined> {
    const token = bearerToken(authorization);
    if (token === undefined) return undefined;
    const key = await this.keys.findUsable(hashOfToken(token));
    if (key === undefined) return undefined;
    return { keyId: key.id, keyName: key.name, role: key.role, tenantId: key.tenantId, actor: `user:${key.name}` };
  }

  /** A tenant's key sees its own tenant only; for the platform's roles the tenant must exist. */
  private async tenantOf(caller: Caller, header: string | string[] | undefined): Promise<string> {
    if (!isUuid(header)) {
      throw new DomainError({
        kind: 'InvalidInput',
        reason: 'TenantRequired',
        message: 'this route is about a tenant: send its id as X-Tenant-ID: <uuid>',
      });
    }
    const tenantId = header.toLowerCase();
    const visible =
      caller.tenantId === undefined ? (await this.tenants.find(tenantId)) !== undefined : caller.tenantId === tenantId;
    if (visible) return tenantId;
    throw new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `there is no tenant ${tenantId}` });
  }
}

function routeRule(request: FastifyRequest): RouteRule | undefined {
  const path = request.routeOptions.url;
  return path === undefined ? undefined : ruleOf(request.method, path);
}

function refuseRole(rule: RouteRule, caller: Caller): void {
  if (rule.permission === 'authenticated' || rule.permission === 'public') return;
  if (rule.scope === 'platform' && caller.tenantId !== undefined) {
    throw forbidden('this route is for the platform; the key belongs to a tenant');
  }
  if (!isAllowed(caller.role, rule.permission)) {
    throw forbidden(`the role ${caller.role} lacks the permission ${rule.permission}`);
  }
}

function unauthenticated(): DomainError {
  return new DomainError({
    kind: 'Unauthenticated',
    reason: 'Unauthenticated',
    message: 'send a valid API key as Authorization: Bearer <key>',
  });
}

/** The caller is known and may not. */
export function forbidden(message: string): DomainError {
  return new DomainError({ kind: 'NotAllowed', reason: 'Forbidden', message });
}

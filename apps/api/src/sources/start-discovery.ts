import { Inject, Injectable } from '@nestjs/common';
import { type DiscoveryInput, type DiscoveryRun, PostgresDiscoveryRuns } from '@image-factory/persistence';
import { AuditedWrites } from '../http/write/audited-writes.js';
import type { RequestScope } from '../http/request-scope.js';
import type { StartDiscoveryRequest } from './discovery.request.js';

/** Asks for a run of discovery; a dispatcher carries it out. */
@Injectable()
export class StartDiscovery {
  constructor(
    @Inject(PostgresDiscoveryRuns) private readonly runs: PostgresDiscoveryRuns,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  async execute(scope: RequestScope, request: StartDiscoveryRequest): Promise<DiscoveryRun> {
    const input = toInput(request);
    return this.audited.run(scope, async (tx) => {
      const result = await this.runs.create(tx, scope.caller.actor, input);
      const note = { action: 'discovery.start', objectType: 'discovery', objectId: result.id, after: input };
      return { result, note };
    });
  }
}

function toInput({ aws, gcp, azure }: StartDiscoveryRequest): DiscoveryInput {
  return {
    ...(aws === undefined ? {} : { aws: { regions: aws.regions } }),
    ...(gcp === undefined
      ? {}
      : { gcp: { projects: gcp.projects, ...(gcp.locations === undefined ? {} : { locations: gcp.locations }) } }),
    ...(azure === undefined ? {} : { azure: { subscriptions: azure.subscriptions } }),
  };
}

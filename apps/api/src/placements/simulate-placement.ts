import { Inject, Injectable } from '@nestjs/common';
import { boundedDecision, BUILD_METHOD_TABLE, chooseProvider, DomainError } from '@image-factory/domain';
import { toDecisionResponse } from '../builds/history/placement.response.js';
import { infrastructureIssues, requirementIssues } from '../builds/submit/infrastructure-issues.js';
import { resourcesOf } from '../builds/submit/requirements-issues.js';
import { type SubmissionFacts, SubmissionFactsReader } from '../builds/submit/submission-facts.js';
import { tenantLimitIssues } from '../builds/submit/tenant-limit-issues.js';
import { API_SETTINGS, type ApiSettings } from '../config/api-settings.js';
import { type PlacedBuild, placementRequestOf } from './placement-request.js';
import type { SimulatePlacementRequest } from './simulate-placement.request.js';
import type { SimulatedPlacementResponse } from './simulated-placement.response.js';

/** The decision about a build that is only described: the same facts and the same rules as a dispatcher's. */
@Injectable()
export class SimulatePlacement {
  constructor(
    @Inject(SubmissionFactsReader) private readonly factsReader: SubmissionFactsReader,
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
  ) {}

  /** @throws DomainError NotFound when there is no such tenant, or no such project in it */
  async execute(request: SimulatePlacementRequest): Promise<SimulatedPlacementResponse> {
    const facts = await this.factsReader.read(request.tenant_id.toLowerCase(), request.project_id);
    if (request.project_id !== undefined && facts.project === undefined) throw noProject(request.project_id);
    const build = this.describe(request, facts);
    const placement = placementRequestOf(build);
    const { infrastructureType, requestedProviderId: providerId } = build;
    const issues = [
      ...tenantLimitIssues(request, facts.tenant, this.settings.clocks),
      ...infrastructureIssues({ infrastructureType, providerId }, facts, this.settings.tektonEnabled),
      ...requirementIssues(placement, facts),
    ];
    const decision = boundedDecision(chooseProvider(placement, facts));
    return {
      ...toDecisionResponse(decision, 'platform'),
      errors: issues.map(({ path, message }) => ({ path, message })),
    };
  }

  private describe(request: SimulatePlacementRequest, { tenant, project }: SubmissionFacts): PlacedBuild {
    const { makesImage } = BUILD_METHOD_TABLE[request.build_method];
    const repository = request.build_config?.metadata?.registry_repo || project?.registryRepo;
    return {
      tenantId: tenant.id,
      projectId: project?.id,
      buildMethod: request.build_method,
      infrastructureType: request.infrastructure_type ?? (this.settings.tektonEnabled ? 'kubernetes' : 'local'),
      requestedProviderId: request.infrastructure_provider_id?.toLowerCase(),
      resources: resourcesOf(request.requirements, tenant, project),
      imageRepository: makesImage ? repository : undefined,
      request: { requirements: request.requirements },
    };
  }
}

function noProject(id: string): DomainError {
  return new DomainError({ kind: 'NotFound', reason: 'NotFound', message: `the tenant has no project ${id}` });
}

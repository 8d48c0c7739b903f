import { type PlacementRequest, registryOf, requirementsOf } from '@image-factory/domain';
import type { NewBuild } from '@image-factory/persistence';

/** What a placement reads of a build that is checked and not stored. */
export type PlacedBuild = Pick<
  NewBuild,
  | 'tenantId'
  | 'buildMethod'
  | 'infrastructureType'
  | 'requestedProviderId'
  | 'resources'
  | 'imageRepository'
  | 'request'
> & { readonly projectId: string | undefined };

/** What placement has to know about a build, by the same words as when a dispatcher has claimed it. */
export function placementRequestOf(build: PlacedBuild): PlacementRequest {
  const { tenantId, projectId, buildMethod, infrastructureType, requestedProviderId, imageRepository } = build;
  return {
    tenantId,
    buildMethod,
    infrastructureType,
    requirements: requirementsOf(build.request['requirements']),
    resources: build.resources,
    ...(projectId === undefined ? {} : { projectId }),
    ...(requestedProviderId === undefined ? {} : { providerId: requestedProviderId }),
    ...(imageRepository === undefined ? {} : { registry: registryOf(imageRepository) }),
  };
}

import type { FakeKubeApiServer } from '@image-factory/test-support';

/** Exit of a container whose pod was evicted, as recorded in the case `pod-evicted-api`. */
export const EVICTED_EXIT = 255;

interface PodStatus {
  readonly phase?: string;
  readonly conditions?: readonly { readonly type: string }[];
  readonly containerStatuses?: readonly { readonly state?: { readonly terminated?: { readonly exitCode: number } } }[];
}

/** Puts the condition of an eviction on pods whose container has ended by it, if `evicts` says so of their build. */
export function markEvicted(server: FakeKubeApiServer, evicts: (buildId: string) => boolean): void {
  server.store.onEvent(({ resource, type, object }) => {
    if (resource.resource !== 'pods' || type === 'DELETED') return;
    const status = object['status'] as PodStatus | undefined;
    const ended = status?.containerStatuses?.some(({ state }) => state?.terminated?.exitCode === EVICTED_EXIT) === true;
    if (!ended || status.conditions?.some((one) => one.type === 'DisruptionTarget') === true) return;
    if (!evicts(object.metadata.labels?.['image-factory.io/build'] ?? '')) return;
    server.store.update('pods', object.metadata.namespace, object.metadata.name, (pod) => {
      const disruption = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
      };
      pod['status'] = { ...status, conditions: [...(status.conditions ?? []), disruption] };
    });
  });
}

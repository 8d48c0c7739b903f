import { type Condition, healthVerdict, type ProbeRecord, type Provider, setCondition } from '@image-factory/domain';
import type { ClusterProbe } from './probe-cluster.js';

/** Types of the Conditions that probes set. */
export const PROBE_CONDITIONS = ['Reachable', 'TektonAvailable', 'Schedulable', 'RequestsAccepted'] as const;

/** What a probe means for its provider: verdict, Conditions, facts. Pure. */
export function probeRecord(provider: Provider, probe: ClusterProbe, now: Date): ProbeRecord {
  const next = [reachable(probe), tektonAvailable(provider, probe), schedulable(probe), requestsAccepted(probe)];
  const conditions = next.reduce<readonly Condition[]>(
    (list, one) => setCondition(list, { ...one, lastTransitionTime: now }),
    provider.health.conditions,
  );
  return {
    providerId: provider.id,
    verdict: healthVerdict(probe),
    tektonAnswers: probe.tektonListed === true,
    conditions,
    lost: !probe.versionReachable,
    clusterUid: probe.clusterUid,
    facts: {
      kubernetes_version: probe.kubernetesVersion,
      latency_ms: probe.latencyMs,
      nodes: probe.nodes,
      ready_nodes: probe.readyNodes,
      schedulable_nodes: probe.schedulableNodes,
    },
  };
}

/** A local provider runs on the dispatcher's own host: it is healthy while somebody probes it. */
export function localRecord(provider: Provider, now: Date): ProbeRecord {
  const ready: Condition = {
    type: 'Reachable',
    status: 'True',
    reason: 'LocalHost',
    message: 'Builds run on the dispatcher’s host.',
    lastTransitionTime: now,
  };
  return {
    providerId: provider.id,
    verdict: 'healthy',
    tektonAnswers: true,
    conditions: setCondition(provider.health.conditions, ready),
    lost: false,
    clusterUid: undefined,
    facts: {},
  };
}

type Draft = Omit<Condition, 'lastTransitionTime'>;

function reachable(probe: ClusterProbe): Draft {
  const failure = probe.failures.version;
  if (failure !== undefined) return { type: 'Reachable', status: 'False', ...failure };
  return {
    type: 'Reachable',
    status: 'True',
    reason: 'VersionAnswered',
    message: `Kubernetes ${probe.kubernetesVersion ?? ''} answered.`,
  };
}

function tektonAvailable(provider: Provider, probe: ClusterProbe): Draft {
  const type = 'TektonAvailable';
  if (!probe.versionReachable)
    return { type, status: 'Unknown', reason: 'NotReached', message: 'The API server cannot be reached.' };
  if (provider.settings.tektonEnabled === false) {
    return {
      type,
      status: 'False',
      reason: 'TektonDisabled',
      message: 'tekton_enabled is false in this provider’s config.',
    };
  }
  const failure = probe.failures.tekton;
  if (failure !== undefined) return { type, status: 'False', ...failure };
  return { type, status: 'True', reason: 'PipelineRunsListed', message: 'tekton.dev/v1 PipelineRuns can be listed.' };
}

function schedulable(probe: ClusterProbe): Draft {
  const type = 'Schedulable';
  if (!probe.versionReachable)
    return { type, status: 'Unknown', reason: 'NotReached', message: 'The API server cannot be reached.' };
  const failure = probe.failures.nodes;
  if (failure !== undefined) return { type, status: 'Unknown', ...failure };
  const counts = `${probe.readyNodes ?? 0} of ${probe.nodes ?? 0} nodes are Ready, ${probe.schedulableNodes ?? 0} of them take new pods.`;
  if ((probe.readyNodes ?? 0) === 0) return { type, status: 'False', reason: 'NoReadyNode', message: counts };
  if ((probe.schedulableNodes ?? 0) === 0)
    return { type, status: 'False', reason: 'AllNodesCordoned', message: counts };
  return { type, status: 'True', reason: 'NodesReady', message: counts };
}

/** The breaker and the rate of the dispatcher that probed, as they were for its other requests before the probe. */
function requestsAccepted({ pressure }: ClusterProbe): Draft {
  const type = 'RequestsAccepted';
  if (pressure === undefined)
    return { type, status: 'Unknown', reason: 'NotConnected', message: 'There is no connection to the cluster.' };
  const { breaker } = pressure;
  if (breaker === 'open') {
    const message = 'Requests failed in a row or hang: nothing but probes is sent until one is answered.';
    return { type, status: 'False', reason: 'BreakerOpen', message };
  }
  if (breaker === 'half_open')
    return { type, status: 'Unknown', reason: 'BreakerHalfOpen', message: 'The next request is a trial.' };
  const rate = `At most ${Math.round(pressure.ratePerSecond)} requests a second are sent`;
  return pressure.ratePerSecond < pressure.ceilingPerSecond / 4
    ? { type, status: 'True', reason: 'SlowedDown', message: `${rate}: it was slow or refused some for load.` }
    : { type, status: 'True', reason: 'BreakerClosed', message: `${rate}.` };
}

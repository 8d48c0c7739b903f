import {
  clusterHealth,
  type Condition,
  type DueProbe,
  explainingCondition,
  type ProbeRecord,
  type Provider,
  setCondition,
  steadyHealth,
} from '@image-factory/domain';
import { detailConditions } from './detail-conditions.js';
import type { ClusterProbe } from './probe-cluster.js';
import { type DraftCondition, PROBE_JUDGES } from './probe-conditions.js';

/** Who probed, what was known, and how soon to look again when the probe contradicts it. */
export interface ProbeTurn {
  readonly proberId: string;
  readonly due: DueProbe;
  /** With whose config and credential was probed. */
  readonly generation: number;
  /** A credential that nobody replaces is warned of so long before its end. */
  readonly warnBeforeMs: number;
  readonly confirmAfterMs: number;
  readonly now: Date;
}

/** What a probe means for its provider: verdict, Conditions, facts. Pure. */
export function probeRecord(provider: Provider, probe: ClusterProbe, turn: ProbeTurn): ProbeRecord {
  const { now, warnBeforeMs } = turn;
  const judged = PROBE_JUDGES.map((judge) => judge({ provider, probe, now, warnBeforeMs }));
  const detailed = probe.detail === undefined ? [] : detailConditions(probe.detail);
  const conditions = [...judged, ...detailed].map((draft) => timed(provider, draft, now));
  // Those of the slow questions count until they are asked again.
  const known = conditions.reduce<readonly Condition[]>(setCondition, provider.health.conditions);
  const seen = clusterHealth(probe, known);
  const tektonAnswers = probe.tektonListed === true;
  const shown = steadyHealth(turn.due.shown, { verdict: seen, tektonAnswers });
  return {
    providerId: provider.id,
    proberId: turn.proberId,
    generation: turn.generation,
    seen,
    because: seen === 'healthy' ? undefined : explainingCondition(known),
    shown,
    conditions,
    lost: !probe.versionReachable,
    detailed: probe.detail !== undefined,
    clusterUid: probe.clusterUid,
    credentialExpiresAt: probe.credentialExpiry?.expiresAt,
    latencyMs: probe.latencyMs,
    facts: {
      kubernetes_version: probe.kubernetesVersion,
      latency_ms: probe.latencyMs,
      nodes: probe.nodes,
      ready_nodes: probe.readyNodes,
      schedulable_nodes: probe.schedulableNodes,
    },
    againInMs: shown.streak === 0 ? undefined : turn.confirmAfterMs,
  };
}

/** A local provider runs on the dispatcher's own host: it is healthy while somebody probes it. */
export function localRecord(provider: Provider, turn: ProbeTurn): ProbeRecord {
  const reason = 'LocalHost';
  const ready = { type: 'Reachable', status: 'True', reason, message: 'Builds run on the dispatcher’s host.' } as const;
  return {
    providerId: provider.id,
    proberId: turn.proberId,
    generation: turn.generation,
    seen: 'healthy',
    because: undefined,
    shown: { verdict: 'healthy', tektonAnswers: true, streak: 0 },
    conditions: [timed(provider, ready, turn.now)],
    lost: false,
    detailed: true,
    clusterUid: undefined,
    credentialExpiresAt: undefined,
    latencyMs: {},
    facts: {},
    againInMs: undefined,
  };
}

/** With the time since when it is so. */
function timed(provider: Provider, draft: DraftCondition, now: Date): Condition {
  const before = provider.health.conditions.find((one) => one.type === draft.type);
  const same = before?.status === draft.status;
  return { ...draft, lastTransitionTime: same ? before.lastTransitionTime : now };
}

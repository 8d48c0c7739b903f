import type { Condition, Provider } from '@image-factory/domain';
import { LEAST_MINOR } from './kubernetes-version.js';
import type { ClusterProbe } from './probe-cluster.js';

/** A Condition before its time. */
export type DraftCondition = Omit<Condition, 'lastTransitionTime'>;

/** What a probe is judged by. */
export interface Judged {
  readonly provider: Provider;
  readonly probe: ClusterProbe;
  readonly now: Date;
  /** A credential that nobody replaces is warned of so long before its end. */
  readonly warnBeforeMs: number;
}

/** Slower than this, the API server holds builds up. */
export const SLOW_MS = 2_000;

const NOT_REACHED = { status: 'Unknown', reason: 'NotReached', message: 'The API server cannot be reached.' } as const;

/** The Conditions of each probe, in the order in which they are shown. */
export const PROBE_JUDGES: readonly ((judged: Judged) => DraftCondition)[] = [
  reachable,
  tektonAvailable,
  schedulable,
  requestsAccepted,
  apiResponsive,
  versionSupported,
  credentialValid,
  finishedRunsSwept,
];

function reachable({ probe, now }: Judged): DraftCondition {
  const type = 'Reachable';
  const failure = probe.failures.version;
  if (failure !== undefined) {
    const ended = failure.reason === 'ClusterUnauthorized' ? endedCredential(probe, now) : undefined;
    return { type, status: 'False', reason: failure.reason, message: ended ?? failure.message };
  }
  const message = `Kubernetes ${probe.kubernetesVersion ?? 'of unknown version'} answered.`;
  return { type, status: 'True', reason: 'VersionAnswered', message };
}

function tektonAvailable({ provider, probe }: Judged): DraftCondition {
  const type = 'TektonAvailable';
  if (!probe.versionReachable) return { type, ...NOT_REACHED };
  if (provider.settings.tektonEnabled === false) {
    const message = 'tekton_enabled is false in this provider’s config.';
    return { type, status: 'False', reason: 'TektonDisabled', message };
  }
  const failure = probe.failures.tekton;
  if (failure !== undefined) return { type, status: 'False', ...failure };
  return { type, status: 'True', reason: 'PipelineRunsListed', message: 'tekton.dev/v1 PipelineRuns can be listed.' };
}

function schedulable({ probe }: Judged): DraftCondition {
  const type = 'Schedulable';
  if (!probe.versionReachable) return { type, ...NOT_REACHED };
  const failure = probe.failures.nodes;
  if (failure !== undefined) return { type, status: 'Unknown', ...failure };
  const counts = `${probe.readyNodes ?? 0} of ${probe.nodes ?? 0} nodes are Ready, ${probe.schedulableNodes ?? 0} of them take new pods.`;
  if ((probe.readyNodes ?? 0) === 0) return { type, status: 'False', reason: 'NoReadyNode', message: counts };
  if ((probe.schedulableNodes ?? 0) === 0)
    return { type, status: 'False', reason: 'AllNodesCordoned', message: counts };
  return { type, status: 'True', reason: 'NodesReady', message: counts };
}

/** The breaker and the rate of the dispatcher that probed, as they were for its other requests before the probe. */
function requestsAccepted({ probe: { pressure } }: Judged): DraftCondition {
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

function apiResponsive({ probe }: Judged): DraftCondition {
  const type = 'ApiResponsive';
  const { version } = probe.latencyMs;
  if (version === undefined) return { type, ...NOT_REACHED };
  const message = `The version was answered in ${version} ms; up to ${SLOW_MS} ms is good.`;
  return version > SLOW_MS
    ? { type, status: 'False', reason: 'ApiSlow', message }
    : { type, status: 'True', reason: 'ApiFast', message };
}

function versionSupported({ probe }: Judged): DraftCondition {
  const type = 'VersionSupported';
  if (!probe.versionReachable) return { type, ...NOT_REACHED };
  const message = `Kubernetes ${probe.kubernetesVersion ?? 'of unknown version'}; 1.${LEAST_MINOR} or newer is supported.`;
  return probe.versionTooOld
    ? { type, status: 'False', reason: 'KubernetesTooOld', message }
    : { type, status: 'True', reason: 'KubernetesSupported', message };
}

function credentialValid({ probe, now, warnBeforeMs }: Judged): DraftCondition {
  const type = 'CredentialValid';
  const refused = Object.values(probe.failures).find((failure) => failure.reason === 'ClusterUnauthorized');
  const expiry = probe.credentialExpiry;
  const leftMs = expiry === undefined ? undefined : expiry.expiresAt.getTime() - now.getTime();
  const until = expiry?.expiresAt.toISOString() ?? '';
  const ended = endedCredential(probe, now);
  if (ended !== undefined) return { type, status: 'False', reason: 'CredentialExpired', message: ended };
  if (refused !== undefined) {
    const message = 'The API server does not accept the credential; rotate it.';
    return { type, status: 'False', reason: 'CredentialRefused', message };
  }
  if (!probe.versionReachable) return { type, ...NOT_REACHED };
  if (leftMs === undefined || expiry === undefined)
    return { type, status: 'True', reason: 'CredentialAccepted', message: 'The credential does not say when it ends.' };
  if (expiry.replaced) {
    const message = `The credential ends at ${until} and is read anew when its file is replaced.`;
    return { type, status: 'True', reason: 'CredentialReplaced', message };
  }
  return leftMs < warnBeforeMs
    ? { type, status: 'True', reason: 'CredentialExpiresSoon', message: `The credential ends at ${until}; rotate it.` }
    : { type, status: 'True', reason: 'CredentialAccepted', message: `The credential ends at ${until}.` };
}

function endedCredential({ credentialExpiry }: ClusterProbe, now: Date): string | undefined {
  if (credentialExpiry === undefined || credentialExpiry.expiresAt > now) return undefined;
  return `The credential ended at ${credentialExpiry.expiresAt.toISOString()}; rotate it.`;
}

function finishedRunsSwept({ provider }: Judged): DraftCondition {
  const type = 'FinishedRunsSwept';
  if (provider.sweepBehind) {
    const message = `${provider.unswept} finished runs wait to be removed: nothing new is placed until they are fewer.`;
    return { type, status: 'False', reason: 'SweepBehind', message };
  }
  return { type, status: 'True', reason: 'SweepKeepsUp', message: 'Finished runs are removed as they end.' };
}

/** The oldest minor version of Kubernetes 1 that Tekton Pipelines with the v1 API runs on. */
export const LEAST_MINOR = 28;

/** What `/version` answers. */
export interface KubernetesVersion {
  readonly major?: string;
  readonly minor?: string;
  readonly gitVersion?: string;
}

/** True for a version that is known to be too old; clouds write minors as `27+`. */
export function isTooOld({ major, minor }: KubernetesVersion): boolean {
  const number = Number.parseInt(minor ?? '', 10);
  return major === '1' && Number.isFinite(number) && number < LEAST_MINOR;
}

import type { CreateOutcome, Reason } from '@image-factory/domain';
import type { EgressPolicy, EgressVerdict } from '@image-factory/egress';
import type { PinnedHost } from '../command/clone-commands.js';
import type { LocalRun } from '../document/local-run.js';

export type Refusal = Exclude<CreateOutcome, { kind: 'created' | 'adopted' } | { kind: 'notAllowed' }>;

/**
 * Asks the egress policy for the git host and the registries that the run names, and returns the git host with the
 * addresses that were judged. What a build itself reaches from this host is not judged here.
 */
export async function checkDestinations(
  run: LocalRun,
  egress: EgressPolicy,
): Promise<{ readonly pinned: PinnedHost | undefined } | Refusal> {
  const git = await egress.check(run.spec.clone.url, 'git');
  if (!git.allowed) return refusal(git, 'GitUnavailable');
  const { build } = run.spec;
  if (build.method !== 'packer') {
    const registries = [
      [build.image, 'RegistryUnavailable'],
      [build.cacheRepository, 'BaseImageUnavailable'],
    ] as const;
    for (const [reference, unavailable] of registries) {
      if (reference === undefined) continue;
      const { host, port } = registryOf(reference, build.insecureRegistry);
      const verdict = await egress.checkHost(host, port, 'registry');
      if (!verdict.allowed) return refusal(verdict, unavailable);
    }
  }
  return { pinned: { host: git.host, port: git.port, addresses: git.addresses } };
}

function registryOf(reference: string, insecure: boolean): { host: string; port: number } {
  const authority = reference.slice(0, reference.indexOf('/'));
  const match = /^(.*?)(?::([0-9]+))?$/.exec(authority);
  const port = match?.[2] === undefined ? (insecure ? 80 : 443) : Number(match[2]);
  return { host: (match?.[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

/** `unavailable` is why the build waits for a name that does not resolve now: nobody has forbidden it. */
function refusal(verdict: Extract<EgressVerdict, { allowed: false }>, unavailable: Reason): Refusal {
  if (verdict.reason === 'ResolutionFailed') {
    return { kind: 'retryLater', reason: unavailable, message: verdict.message, retryAfterMs: 10_000 };
  }
  return { kind: 'refused', reason: 'EgressForbidden', message: verdict.message, fault: 'user' };
}

import { DomainError, isOwnedBySource, type ProviderSource, type ProviderState } from '@image-factory/domain';
import type { ProviderDetail } from '@image-factory/persistence';

/**
 * Fields that a provider's source says; an administrator's word on them would be undone by the next look at it. Which
 * fields of the config are the source's: `isOwnedBySource`.
 */
const DECLARED_FIELDS: Readonly<Record<ProviderSource, readonly string[]>> = {
  api: [],
  environment: ['name'],
  discovery: [],
  file: ['name', 'capabilities', 'labels', 'region'],
};

const WHERE: Readonly<Record<ProviderSource, string>> = {
  api: '',
  environment: 'IF_BUILD_TEKTON_KUBECONFIG of the dispatchers',
  discovery: 'its cloud',
  file: 'the configuration file (IF_CONFIG_FILE)',
};

type Config = Readonly<Record<string, unknown>>;

/**
 * A change of what comes from a file, the environment or a cloud is made there. Sending what the source says is none.
 * @throws DomainError Conflict ProviderReadOnly, naming the fields and the place
 */
export function refuseReadOnly(
  provider: ProviderDetail,
  fields: readonly string[],
  config: { readonly sent: Config; readonly now: Config } | undefined,
): void {
  const declares = provider.sourceRef?.['declares'];
  const own = [...DECLARED_FIELDS[provider.source], ...(Array.isArray(declares) ? (declares as string[]) : [])];
  const refused = [...fields.filter((field) => own.includes(field)), ...ownConfigFields(provider.source, config)];
  if (refused.length === 0) return;
  throw readOnly(`${refused.join(', ')} of provider ${provider.name} (${provider.id})`, provider, 'change it there');
}

/** Fields of the config that are the source's and that would become others. */
function ownConfigFields(
  source: ProviderSource,
  config: { readonly sent: Config; readonly now: Config } | undefined,
): string[] {
  return Object.entries(config?.sent ?? {})
    .filter(([field, value]) => value !== undefined && isOwnedBySource(source, field))
    .filter(([field, value]) => (value ?? undefined) !== config?.now[field])
    .map(([field]) => `config.${field}`);
}

/**
 * A provider that its file still names would be made again.
 * @throws DomainError Conflict ProviderReadOnly
 */
export function refuseDelete(provider: ProviderDetail): void {
  if (provider.source !== 'file' || provider.retiredAt !== undefined) return;
  throw readOnly(`Provider ${provider.name} (${provider.id})`, provider, 'remove it there; it is retired then');
}

/**
 * A provider that its file no longer names takes no new builds, whatever is asked.
 * @throws DomainError Conflict ProviderReadOnly
 */
export function refuseReturn(provider: ProviderDetail, state: ProviderState): void {
  if (provider.retiredAt === undefined || state === 'draining' || state === 'disabled') return;
  const since = provider.retiredAt.toISOString();
  throw new DomainError({
    kind: 'Conflict',
    reason: 'ProviderReadOnly',
    message: `Provider ${provider.name} (${provider.id}) was removed from ${WHERE[provider.source]} at ${since}; add it there again.`,
  });
}

function readOnly(what: string, provider: ProviderDetail, advice: string): DomainError {
  const line = provider.sourceRef?.['line'];
  const at = typeof line === 'number' ? `, line ${line}` : '';
  return new DomainError({
    kind: 'Conflict',
    reason: 'ProviderReadOnly',
    message: `${what} comes from ${WHERE[provider.source]}${at}; ${advice}.`,
  });
}

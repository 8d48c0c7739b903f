import { AUTH_METHOD_TABLE, DomainError, type Issue } from '@image-factory/domain';
import type { CloudCluster, DescribedCluster } from '../cloud/cloud-cluster.js';
import type { CloudSession, CloudSessions } from '../cloud/cloud-sessions.js';
import type { ClusterAccess } from '../connection/cluster-access.js';
import {
  type ConfigFields,
  type ConnectorContext,
  type ConnectorStrategy,
  fieldText,
  routeAccess,
} from './connector-strategy.js';

/** The strategy of a cloud's method: which cluster a config is about. */
export interface CloudStrategy extends ConnectorStrategy {
  /** @throws DomainError InvalidInput ProviderConfigInvalid */
  readonly cloud: (fields: ConfigFields, cloud: CloudSessions) => CloudCluster;
}

/** The strategy of one cloud's method, by what is its own. */
export function cloudStrategy(own: Pick<CloudStrategy, 'method' | 'cloud' | 'validate'>): CloudStrategy {
  return { ...own, access: async (fields, context) => accessBySession(fields, cloudSession(own, fields, context)) };
}

/**
 * The session of a config: its identity, description and tokens, shared by all that ask for the same.
 * @throws DomainError InvalidInput ProviderConfigInvalid; Internal when this process has no cloud sessions
 */
export function cloudSession(
  { method, cloud: clusterOf }: Pick<CloudStrategy, 'method' | 'cloud'>,
  fields: ConfigFields,
  { cloud, subject }: ConnectorContext,
): CloudSession {
  if (cloud === undefined) {
    throw new DomainError({
      kind: 'Internal',
      reason: 'Internal',
      message: 'This process connects to no clusters of clouds.',
      details: { outcome: 'notSent' },
    });
  }
  // The method's own fields say who we are and which cluster it is; a change of the others keeps the session.
  const { oneOf, optional } = AUTH_METHOD_TABLE[method];
  const identity = Object.fromEntries([...oneOf.flat(), ...optional].map((name) => [name, fieldText(fields, name)]));
  return cloud.session(subject, identity, () => clusterOf(fields, cloud));
}

/**
 * Access to a cluster that its cloud describes, with a token of its session at each request.
 * @throws DomainError a CloudReason
 */
async function accessBySession(
  fields: ConfigFields,
  { broker, description, reached }: CloudSession,
): Promise<ClusterAccess> {
  const described = await description.read();
  let latest = described;
  const hasMoved = async (): Promise<boolean> => {
    // A description that is a minute old is asked for again, an older one of a cluster that stays away less and less often.
    if (!(await description.invalidate(latest))) return false;
    latest = await description.read();
    return placeOf(latest) !== placeOf(described);
  };
  return {
    server: described.server,
    ca: described.ca === undefined ? undefined : { kind: 'value', value: described.ca },
    ...routeAccess(fields),
    identity: described.identity ?? { kind: 'broker', broker },
    hasMoved,
    reached,
    ...(described.privateEndpoint === undefined ? {} : { privateEndpoint: described.privateEndpoint }),
  };
}

/** Where a cluster is and, when its cloud says that too, who enters it: equal while one connection does for both. */
function placeOf({ server, ca, identity }: DescribedCluster): string {
  return JSON.stringify([server, ca?.reveal(), ...textsOf(identity)]);
}

function textsOf(identity: DescribedCluster['identity']): string[] {
  if (identity === undefined || identity.kind === 'broker') return [];
  const texts = identity.kind === 'token' ? [identity.token] : [identity.certificate, identity.key];
  return texts.map((text) => (text.kind === 'value' ? text.value.reveal() : text.path));
}

/** A field of a fixed grammar: what is wrong with it, when it is given. */
export function grammarIssues(
  fields: ConfigFields,
  grammars: Readonly<Record<string, readonly [RegExp, string]>>,
): Issue[] {
  return Object.entries(grammars).flatMap(([name, [pattern, message]]) => {
    const text = fieldText(fields, name);
    return text === undefined || pattern.test(text) ? [] : [{ path: name, message }];
  });
}

/** Fields that make no sense without another. */
export function neededIssues(fields: ConfigFields, pairs: readonly (readonly [string, string])[]): Issue[] {
  return pairs.flatMap(([name, needed]) =>
    fieldText(fields, name) !== undefined && fieldText(fields, needed) === undefined
      ? [{ path: needed, message: `is required with ${name}` }]
      : [],
  );
}

/** A required text; the table has checked that it is there. */
export function requiredText(fields: ConfigFields, name: string): string {
  const text = fieldText(fields, name);
  if (text !== undefined) return text;
  throw new DomainError({
    kind: 'InvalidInput',
    reason: 'ProviderConfigInvalid',
    message: `The provider config has no ${name}.`,
    details: { outcome: 'notSent' },
  });
}

import { DomainError, isDomainError, LABELS, MANAGED_BY, tenantNamespaceCandidates } from '@image-factory/domain';
import type { MayWrite } from '@image-factory/domain';
import type { ClusterConnection, RequestClass } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import { KUBE_PATHS } from '../attempt/kube-paths.js';
import type { ObjectMeta } from '../follow/kube-objects.js';

/** Labels of the contract on a tenant's namespace. */
const TENANT_LABEL = 'tenant-id';
const APP_LABEL = 'app';
const APP = 'image-factory';

export interface NamespaceObject {
  readonly metadata: ObjectMeta;
  readonly spec?: { readonly finalizers?: readonly string[] };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

export interface NamespaceChoice {
  readonly name: string;
  readonly uid: string;
}

export interface ChooseRequest {
  readonly connection: ClusterConnection;
  readonly tenantId: string;
  readonly installationId: string;
  readonly signal: AbortSignal;
  readonly mayWrite: MayWrite;
  readonly logger: Logger;
}

type Candidate = { readonly kind: 'chosen'; readonly uid: string } | { readonly kind: 'passed'; readonly why: string };

/**
 * The tenant's namespaces on this cluster that may be used, in the contract's order: an existing one that is the
 * tenant's, else one that is made. One of another tenant or installation, of nobody known, or Terminating is passed over.
 */
export async function* chooseNamespace(request: ChooseRequest): AsyncGenerator<NamespaceChoice> {
  const passed: string[] = [];
  for (const name of tenantNamespaceCandidates(request.tenantId)) {
    const candidate = await tryCandidate(request, name);
    if (candidate.kind === 'chosen') {
      yield { name, uid: candidate.uid };
    } else {
      passed.push(`${name}: ${candidate.why}`);
      request.logger.warn('A namespace cannot be used for the tenant: the next name is tried.', {
        namespace: name,
        why: candidate.why,
      });
    }
  }
  throw new DomainError({
    kind: 'Conflict',
    reason: 'NamespaceCollision',
    message: `No namespace name of tenant ${request.tenantId} is free on the cluster. Delete what blocks one of them (${passed.join(' / ')}).`,
    fault: 'cluster',
  });
}

async function tryCandidate(request: ChooseRequest, name: string): Promise<Candidate> {
  const found = await findNamespace(request.connection, name, 'create', request.signal);
  if (found !== undefined) return judge(found, request);
  try {
    const { body } = await request.connection.request<NamespaceObject>({
      requestClass: 'create',
      method: 'POST',
      path: KUBE_PATHS.namespaces,
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: namespaceLabels(request) } },
      mayWrite: request.mayWrite,
      signal: request.signal,
    });
    return { kind: 'chosen', uid: body.metadata.uid ?? '' };
  } catch (error) {
    if (!isDomainError(error) || error.reason !== 'ObjectAlreadyExists') throw error;
    const made = await findNamespace(request.connection, name, 'create', request.signal);
    return made === undefined ? { kind: 'passed', why: 'it vanished while it was made' } : judge(made, request);
  }
}

function namespaceLabels({ tenantId, installationId }: ChooseRequest): Record<string, string> {
  return {
    [TENANT_LABEL]: tenantId,
    [APP_LABEL]: APP,
    [LABELS.managedBy]: MANAGED_BY,
    [LABELS.installation]: installationId,
  };
}

function judge(namespace: NamespaceObject, request: ChooseRequest): Candidate {
  const { labels = {}, uid = '' } = namespace.metadata;
  if (isTerminating(namespace)) return { kind: 'passed', why: `it is Terminating${blockedBy(namespace)}` };
  if (labels[TENANT_LABEL] !== request.tenantId) {
    return {
      kind: 'passed',
      why: labels[TENANT_LABEL] === undefined ? 'it has no tenant-id label' : 'it is of another tenant',
    };
  }
  const installation = labels[LABELS.installation];
  if (installation !== undefined && installation !== request.installationId)
    return { kind: 'passed', why: 'it is of another installation' };
  return { kind: 'chosen', uid };
}

/** Reads a namespace; undefined when there is none. */
export async function findNamespace(
  connection: ClusterConnection,
  name: string,
  requestClass: RequestClass,
  signal: AbortSignal,
): Promise<NamespaceObject | undefined> {
  try {
    return (
      await connection.request<NamespaceObject>({
        requestClass,
        method: 'GET',
        path: KUBE_PATHS.namespace(name),
        signal,
      })
    ).body;
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ObjectNotFound') return undefined;
    throw error;
  }
}

export function isTerminating(namespace: NamespaceObject): boolean {
  return namespace.status?.phase === 'Terminating' || namespace.metadata.deletionTimestamp !== undefined;
}

/** What the API server says keeps it: finalizers or resources that remain. */
function blockedBy(namespace: NamespaceObject): string {
  const reasons = (namespace.status?.conditions ?? []).filter(
    ({ status, type }) => status === 'True' && /Remaining|Failure/.test(type),
  );
  return reasons.length === 0 ? '' : `: ${reasons.map(({ message }) => message ?? '').join('; ')}`;
}

import type { MayWrite } from '@image-factory/domain';
import { ANNOTATIONS, DomainError, isDomainError, LABELS, MANAGED_BY } from '@image-factory/domain';
import { PATCH_TYPES } from '@image-factory/cluster-connectors';
import type { ClusterConnection, RequestClass } from '@image-factory/cluster-connectors';
import { KUBE_PATHS } from '../attempt/kube-paths.js';
import { findNamespace } from './choose-namespace.js';

/**
 * The record object of rule 1: one key per installation and provider row, its value the nonce that the database rolled
 * last. Two provider rows of one installation may name one cluster; a copy of the database has both their ids.
 */
export const INSTALLATION_NAMESPACE = 'image-factory-system';
export const INSTALLATION_RECORD = 'image-factory-installation';

/** The nonce of a provider as the database has it. It is rolled there first, then on the cluster. */
export interface InstallationNonce {
  readonly current: string;
  readonly previous: string | undefined;
}

export interface InstallationRequest {
  readonly connection: ClusterConnection;
  /** Of what waits for the check: a cancel does not wait behind creates. */
  readonly requestClass: RequestClass;
  readonly mayWrite: MayWrite;
  readonly installationId: string;
  readonly providerId: string;
  readonly nonce: InstallationNonce;
  /** Reads the nonce again: another process may have rolled it between our two looks. */
  readonly nonceNow: () => Promise<InstallationNonce | undefined>;
  readonly signal: AbortSignal;
}

/** `current`: the cluster had the current nonce. `written`: it was missing or behind, and was written. */
export type InstallationCheck = 'current' | 'written';

/** Key of a provider row's nonce in the record. */
export function installationKey(of: { readonly installationId: string; readonly providerId: string }): string {
  return `${of.installationId}.${of.providerId}`;
}

interface ConfigMapObject {
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * Proves that the cluster knows this database (rule 1): a nonce there that is neither the current nor the previous one
 * is another copy's, or this database was rolled back. Writes the current one where it is missing or behind.
 * @throws DomainError NotAllowed ForeignInstallation: nothing may be written to that cluster until an operator decides
 */
export async function checkInstallation(request: InstallationRequest): Promise<InstallationCheck> {
  const { nonce } = request;
  const record = await findRecord(request);
  const found = record?.data?.[installationKey(request)];
  if (found === nonce.current) return 'current';
  if (found !== undefined && found !== nonce.previous) {
    const now = await request.nonceNow();
    if (now !== undefined && now.current !== nonce.current) return checkInstallation({ ...request, nonce: now });
    throw new DomainError({
      kind: 'NotAllowed',
      reason: 'ForeignInstallation',
      message:
        `The ConfigMap ${INSTALLATION_NAMESPACE}/${INSTALLATION_RECORD} on the cluster was written by another copy of this database, or this database was restored. ` +
        `Nothing is written there. Stop the other copy, compare the runs, then delete the key ${installationKey(request)} of that ConfigMap.`,
      fault: 'cluster',
    });
  }
  if (record === undefined) await createRecord(request);
  else await writeNonce(request);
  return 'written';
}

async function findRecord({
  connection,
  requestClass,
  signal,
}: InstallationRequest): Promise<ConfigMapObject | undefined> {
  try {
    const path = KUBE_PATHS.configMap(INSTALLATION_NAMESPACE, INSTALLATION_RECORD);
    return (await connection.request<ConfigMapObject>({ requestClass, method: 'GET', path, signal })).body;
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ObjectNotFound') return undefined;
    throw error;
  }
}

async function createRecord(request: InstallationRequest): Promise<void> {
  const { connection, requestClass, mayWrite, signal } = request;
  const labels = { [LABELS.managedBy]: MANAGED_BY };
  if ((await findNamespace(connection, INSTALLATION_NAMESPACE, requestClass, signal)) === undefined) {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: INSTALLATION_NAMESPACE, labels } };
    await unlessExists(() =>
      connection.request({ requestClass, method: 'POST', path: KUBE_PATHS.namespaces, body, mayWrite, signal }),
    );
  }
  const body = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: INSTALLATION_RECORD,
      labels,
      annotations: { [ANNOTATIONS.installationNonce]: 'data: one key per installation and provider' },
    },
    data: { [installationKey(request)]: request.nonce.current },
  };
  const path = `${KUBE_PATHS.namespace(INSTALLATION_NAMESPACE)}/configmaps`;
  const made = await unlessExists(() =>
    connection.request({ requestClass, method: 'POST', path, body, mayWrite, signal }),
  );
  if (!made) await checkInstallation(request);
}

async function writeNonce(request: InstallationRequest): Promise<void> {
  const { connection, requestClass, nonce, mayWrite, signal } = request;
  await connection.request({
    requestClass,
    method: 'PATCH',
    path: KUBE_PATHS.configMap(INSTALLATION_NAMESPACE, INSTALLATION_RECORD),
    contentType: PATCH_TYPES.merge,
    body: { data: { [installationKey(request)]: nonce.current } },
    mayWrite,
    signal,
  });
}

/** False when somebody else made it at the same time. */
async function unlessExists(create: () => Promise<unknown>): Promise<boolean> {
  try {
    await create();
    return true;
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ObjectAlreadyExists') return false;
    throw error;
  }
}

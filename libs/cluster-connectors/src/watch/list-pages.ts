import { isDomainError } from '@image-factory/domain';
import type { ClusterConnection } from '../connection/cluster-connection.js';
import { TABLE_ACCEPT } from '../connection/kube-request.js';
import type { KubernetesObject, WatchedObject } from './kubernetes-object.js';
import { isTable, type TableReader } from './table-form.js';

export interface ListRequest {
  readonly connection: ClusterConnection;
  readonly path: string;
  readonly labelSelector: string;
  /** Given in Table form, undefined in object form. */
  readonly table: TableReader | undefined;
  readonly pageSize: number;
  readonly signal: AbortSignal;
  /** The list begins, or begins again: what was given before does not count. */
  readonly onBegin: () => void;
  /** One page; whole objects are not kept beyond it. */
  readonly onPage: (items: readonly WatchedObject[]) => void;
}

interface WireList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubernetesObject[] | null;
}

const MAX_RESTARTS = 3;

/**
 * A whole consistent list (no resource version is asked for, so nothing is older than the request), page by page. A
 * continue token that expires on the way (410) starts the list again. Returns the list's resource version.
 * @throws DomainError as the connection; ColumnsMissing from the table reader
 */
export async function listPages(request: ListRequest): Promise<string> {
  for (let restart = 0; ; restart += 1) {
    request.onBegin();
    try {
      return await listOnce(request);
    } catch (error) {
      const expired = isDomainError(error) && error.reason === 'ResourceExpired';
      if (!expired || restart >= MAX_RESTARTS) throw error;
    }
  }
}

async function listOnce(request: ListRequest): Promise<string> {
  let token: string | undefined;
  do {
    const response = await request.connection.request<unknown>({
      requestClass: 'status',
      method: 'GET',
      path: request.path,
      query: {
        labelSelector: request.labelSelector === '' ? undefined : request.labelSelector,
        limit: request.pageSize,
        continue: token,
        includeObject: request.table === undefined ? undefined : 'Metadata',
      },
      signal: request.signal,
      ...(request.table === undefined ? {} : { accept: TABLE_ACCEPT }),
    });
    const body = response.body;
    const list = body as WireList;
    if (request.table !== undefined && isTable(body)) {
      request.table.reset();
      request.onPage(request.table.read(body));
    } else {
      request.onPage((list.items ?? []).map((object) => ({ object, row: undefined })));
    }
    token = list.metadata?.continue;
    if (token === undefined || token === '') return list.metadata?.resourceVersion ?? '';
  } while (!request.signal.aborted);
  throw request.signal.reason;
}

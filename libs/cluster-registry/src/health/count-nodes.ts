import { type ClusterConnection, TABLE_ACCEPT } from '@image-factory/cluster-connectors';

export interface NodeCount {
  readonly nodes: number;
  readonly ready: number;
  readonly schedulable: number;
}

interface NodeTable {
  readonly kind: string;
  readonly metadata?: { readonly continue?: string };
  readonly columnDefinitions?: readonly { readonly name: string }[];
  readonly rows?: readonly { readonly cells: readonly unknown[] }[];
  readonly items?: readonly {
    readonly spec?: { readonly unschedulable?: boolean };
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

/** Counts nodes in Table form (whole Node objects carry all image names); whole objects where Tables are not served. */
export async function countNodes(connection: ClusterConnection, timeoutMs: number): Promise<NodeCount> {
  const texts: string[] = [];
  let token: string | undefined;
  do {
    const { body } = await connection.request<NodeTable>({
      requestClass: 'probe',
      method: 'GET',
      path: '/api/v1/nodes',
      query: { limit: 500, continue: token, includeObject: 'None' },
      accept: TABLE_ACCEPT,
      timeoutMs,
    });
    const column = body.columnDefinitions?.findIndex((one) => one.name === 'Status') ?? -1;
    for (const row of body.rows ?? []) texts.push(String(row.cells[column] ?? ''));
    for (const node of body.items ?? []) {
      const ready = node.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
      texts.push(`${ready ? 'Ready' : 'NotReady'}${node.spec?.unschedulable === true ? ',SchedulingDisabled' : ''}`);
    }
    token = body.metadata?.continue;
  } while (token !== undefined && token !== '');
  const ready = texts.filter((text) => text.split(',').includes('Ready'));
  const schedulable = ready.filter((text) => !text.split(',').includes('SchedulingDisabled'));
  return { nodes: texts.length, ready: ready.length, schedulable: schedulable.length };
}

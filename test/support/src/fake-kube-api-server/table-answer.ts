import type { FakeObject } from './fake-object.js';

interface Column {
  readonly name: string;
  readonly cell: (object: FakeObject) => unknown;
}

interface FakeConditions {
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly phase?: string;
}

const name: Column = { name: 'Name', cell: (object) => object.metadata.name };
const age: Column = { name: 'Age', cell: (object) => ageOf(object.metadata.creationTimestamp) };

const RUN_COLUMNS: readonly Column[] = [
  name,
  { name: 'Succeeded', cell: (object) => condition(object, 'Succeeded')?.status ?? null },
  { name: 'Reason', cell: (object) => condition(object, 'Succeeded')?.reason ?? null },
  { name: 'StartTime', cell: (object) => ageOf(status(object).startTime) },
  { name: 'CompletionTime', cell: (object) => ageOf(status(object).completionTime) },
];

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  pipelineruns: RUN_COLUMNS,
  taskruns: RUN_COLUMNS,
  nodes: [
    name,
    {
      name: 'Status',
      cell: (object) => (condition(object, 'Ready')?.status === 'True' ? 'Ready' : 'NotReady') + cordon(object),
    },
    age,
  ],
  pods: [name, { name: 'Status', cell: (object) => status(object).phase ?? '' }, age],
};

/** A `Table` of these objects, as the printers of a real server make it. Times are ages. */
export function tableOf(
  resource: string,
  objects: readonly FakeObject[],
  metadata: Readonly<Record<string, unknown>>,
  options: { readonly definitions: boolean; readonly include: string | undefined; readonly withoutColumns: boolean },
): Record<string, unknown> {
  const columns = options.withoutColumns ? [name, age] : (COLUMNS[resource] ?? [name, age]);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: options.definitions
      ? columns.map((column) => ({ name: column.name, type: 'string', format: '', description: '', priority: 0 }))
      : null,
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object)),
      ...(options.include === 'None' ? {} : { object: options.include === 'Object' ? object : partial(object) }),
    })),
  };
}

function partial(object: FakeObject): Record<string, unknown> {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

function status(object: FakeObject): FakeConditions {
  return (object['status'] as FakeConditions | undefined) ?? {};
}

function condition(object: FakeObject, type: string): { status: string; reason?: string } | undefined {
  return status(object).conditions?.find((one) => one.type === type);
}

function cordon(object: FakeObject): string {
  return (object['spec'] as { unschedulable?: boolean } | undefined)?.unschedulable === true
    ? ',SchedulingDisabled'
    : '';
}

function ageOf(time: string | undefined): string | null {
  return time === undefined ? null : `${Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000))}s`;
}

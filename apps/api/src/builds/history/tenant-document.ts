import { NAMESPACE_PREFIX, tenantText } from '@image-factory/domain';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The stored document of an attempt as its tenant may read it: without the nodes that the run keeps away from, without
 * the host of a local run, and without what the cluster says about a failure, of which the execution's message tells
 * what is the tenant's own.
 */
export function tenantDocument(document: unknown): unknown {
  if (!isFields(document)) return document;
  const { spec, status, message, reason } = document;
  return {
    ...document,
    ...(typeof message === 'string' ? { message: tenantText(textOf(reason), message) } : {}),
    ...(isFields(spec) ? { spec: withoutNodes(spec) } : {}),
    ...(isFields(status) ? { status: tenantStatus(status) } : {}),
  };
}

/** The namespace of a local run is the name of its host. */
export function tenantNamespace(namespace: string | undefined): string | undefined {
  return namespace?.startsWith(NAMESPACE_PREFIX) === true ? namespace : undefined;
}

function withoutNodes(spec: Fields): Fields {
  const { taskRunTemplate } = spec;
  if (!isFields(taskRunTemplate) || !isFields(taskRunTemplate['podTemplate'])) return spec;
  const { affinity: _affinity, ...podTemplate } = taskRunTemplate['podTemplate'];
  return { ...spec, taskRunTemplate: { ...taskRunTemplate, podTemplate } };
}

function tenantStatus(status: Fields): Fields {
  const { host: _host, ...rest } = status;
  const { conditions, message, reason } = rest;
  return {
    ...rest,
    ...(typeof message === 'string' ? { message: tenantText(textOf(reason), message) } : {}),
    ...(Array.isArray(conditions) ? { conditions: conditions.map(tenantCondition) } : {}),
  };
}

function tenantCondition(condition: unknown): unknown {
  if (!isFields(condition) || condition['status'] === 'True') return condition;
  const { message: _message, ...rest } = condition;
  return rest;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

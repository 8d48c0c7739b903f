import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { ANNOTATIONS, DomainError, LABELS, MANAGED_BY, TASK_NAMES } from '@image-factory/domain';
import type { TaskName } from '@image-factory/domain';

/** Where this repository keeps the Tasks; an image may keep them elsewhere and say so. */
export const DEFAULT_TASKS_DIRECTORY = fileURLToPath(new URL('../../../../deploy/tekton/tasks/', import.meta.url));

/** A Task as it is applied, without its namespace. */
export interface TaskManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly steps: readonly { readonly image: string; readonly [field: string]: unknown }[];
    readonly [field: string]: unknown;
  };
}

/**
 * Reads the five Tasks.
 * @throws DomainError Internal TaskMissing naming the file that is missing or is no Task of that name
 */
export async function readTasks(
  directory: string = DEFAULT_TASKS_DIRECTORY,
): Promise<ReadonlyMap<TaskName, TaskManifest>> {
  return new Map(await Promise.all(TASK_NAMES.map(async (name) => [name, await readTask(directory, name)] as const)));
}

async function readTask(directory: string, name: TaskName): Promise<TaskManifest> {
  const file = join(directory, `${name}.yaml`);
  try {
    const task = parse(await readFile(file, 'utf8')) as TaskManifest;
    if (task.kind === 'Task' && task.metadata.name === name && task.spec.steps.length > 0) return task;
    throw new Error('not a Task of that name');
  } catch (cause) {
    throw new DomainError({
      kind: 'Internal',
      reason: 'TaskMissing',
      message: `The Task ${name} cannot be read from ${file}: install the file again`,
      cause,
    });
  }
}

/** The Tasks with the provider's images in their steps, our labels, and a hash of what they are. */
export function tasksFor(
  tasks: ReadonlyMap<TaskName, TaskManifest>,
  images: Readonly<Record<string, string>> = {},
): readonly TaskManifest[] {
  return [...tasks.entries()].map(([name, task]) => {
    const image = images[name];
    const steps = image === undefined ? task.spec.steps : task.spec.steps.map((step) => ({ ...step, image }));
    const spec = { ...task.spec, steps };
    return {
      ...task,
      metadata: {
        ...task.metadata,
        labels: { ...task.metadata.labels, [LABELS.managedBy]: MANAGED_BY },
        annotations: { ...task.metadata.annotations, [ANNOTATIONS.contentHash]: contentHash(spec) },
      },
      spec,
    };
  });
}

export function contentHash(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

import { parseArgs } from 'node:util';
import { Failure } from '../start/failure.ts';

const METHODS = ['docker', 'buildx', 'kaniko', 'packer'] as const;
const KUBECONFIG_ONLY = [
  'context',
  'registry',
  'registry-user',
  'registry-password-file',
  'git-url',
  'task-image',
] as const;
const TASKS = ['git-clone', 'docker-build', 'buildx', 'kaniko', 'packer'];
export type Method = (typeof METHODS)[number];

/** Where the example is built. */
export type Target =
  | { readonly kind: 'local' }
  | { readonly kind: 'test-cluster' }
  | {
      readonly kind: 'kubeconfig';
      readonly file: string;
      readonly context: string | undefined;
      readonly registry: string;
      readonly insecureRegistry: boolean;
      readonly registryUser: string | undefined;
      readonly registryPasswordFile: string | undefined;
      readonly gitUrl: string | undefined;
      /** Images of Tasks in place of the public ones, by the Task's name. */
      readonly taskImages: Readonly<Record<string, string>>;
    };

export interface Options {
  readonly target: Target;
  readonly method: Method;
  /** End after the build. */
  readonly once: boolean;
}

export const USAGE = `npm run quickstart [-- OPTIONS]

Builds an example: on this machine, or on a cluster.

  --once                        end after the build, with exit code 0 when it completed and 1 when not
  --method METHOD               docker (default on this machine), buildx, kaniko (default on a cluster) or packer

  --kubeconfig FILE             build on this cluster; needs Tekton there
  --context NAME                a context of FILE other than its current one
  --registry REPOSITORY         where the image goes, as in registry.example/team/hello
  --registry-user NAME          with --registry-password-file: how to sign in there
  --registry-password-file FILE a file that holds the password
  --insecure-registry           the registry speaks plain HTTP
  --git-url URL                 the repository to build; needed when the cluster is not on this machine
  --task-image TASK=IMAGE       for a cluster that cannot pull public images; once for each Task (git-clone and the
                                method's: docker-build, buildx, kaniko or packer)

  --cluster test                build on the test cluster (npm run cluster -- up)
`;

function wrong(message: string): Failure {
  return new Failure(message, USAGE);
}

function parse(args: readonly string[]): ReturnType<typeof parseQuickstart>['values'] {
  try {
    return parseQuickstart(args).values;
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}

function parseQuickstart(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: false,
    options: {
      once: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      method: { type: 'string' },
      kubeconfig: { type: 'string' },
      context: { type: 'string' },
      registry: { type: 'string' },
      'registry-user': { type: 'string' },
      'registry-password-file': { type: 'string' },
      'insecure-registry': { type: 'boolean', default: false },
      'git-url': { type: 'string' },
      'task-image': { type: 'string', multiple: true },
      cluster: { type: 'string' },
    },
  });
}

function targetOf(values: ReturnType<typeof parse>): Target {
  if (values.cluster !== undefined) {
    if (values.cluster !== 'test') throw wrong(`--cluster ${values.cluster}: only "test" is known.`);
    if (values.kubeconfig !== undefined) throw wrong('Give --cluster or --kubeconfig, not both.');
    return { kind: 'test-cluster' };
  }
  if (values.kubeconfig === undefined) {
    const lost = KUBECONFIG_ONLY.find((name) => values[name] !== undefined);
    if (lost !== undefined) throw wrong(`--${lost} needs --kubeconfig.`);
    return { kind: 'local' };
  }
  if (values.registry === undefined) throw wrong('--kubeconfig needs --registry: the cluster pushes the image there.');
  if ((values['registry-user'] === undefined) !== (values['registry-password-file'] === undefined)) {
    throw wrong('--registry-user and --registry-password-file go together.');
  }
  return {
    kind: 'kubeconfig',
    file: values.kubeconfig,
    context: values.context,
    registry: values.registry,
    insecureRegistry: values['insecure-registry'],
    registryUser: values['registry-user'],
    registryPasswordFile: values['registry-password-file'],
    gitUrl: values['git-url'],
    taskImages: Object.fromEntries((values['task-image'] ?? []).map(taskImage)),
  };
}

function taskImage(text: string): [string, string] {
  const [, task = '', image = ''] = /^([^=]*)=(.+)$/.exec(text) ?? [];
  if (!TASKS.includes(task)) throw wrong(`--task-image ${text}: TASK=IMAGE, with one of ${TASKS.join(', ')}.`);
  return [task, image];
}

/** Reads the command line; undefined when help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const target = targetOf(values);
  const method = values.method ?? (target.kind === 'local' ? 'docker' : 'kaniko');
  const known = METHODS.find((name) => name === method);
  if (known === undefined) throw wrong(`--method ${method}: one of ${METHODS.join(', ')}.`);
  return { target, method: known, once: values.once };
}

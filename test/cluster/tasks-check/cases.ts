import type { ClusterFile, TaskName } from '../parts/cluster-file.ts';

/** The reasons that the Tasks may write as the last line of a step's log. */
export type TaskReason =
  | 'GitAuthenticationFailed'
  | 'GitRepositoryNotFound'
  | 'GitRevisionNotFound'
  | 'GitUnavailable'
  | 'RegistryUnauthorized'
  | 'RegistryUnavailable'
  | 'DockerfileNotFound';

/** What a finished run left: its results, and the image that the registry has. */
export interface Outcome {
  readonly results: Readonly<Record<string, string>>;
  /** Manifest that the registry answers with for IMAGE_DIGEST; undefined without an image. */
  readonly manifest: ImageManifest | undefined;
  /** Configuration of the image; undefined without an image and for an index of several platforms. */
  readonly config: ImageConfig | undefined;
}

/** Of a manifest or an index (OCI image-spec), what the cases look at. */
export interface ImageManifest {
  readonly config?: { readonly digest: string };
  readonly manifests?: readonly { readonly platform: { readonly architecture: string } }[];
}

/** Of an image's configuration, what the cases look at. */
export interface ImageConfig {
  readonly config?: {
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly Cmd?: readonly string[] | null;
  };
}

/** One PipelineRun `clone` → `build` and what is expected of it. */
export interface Case {
  readonly name: string;
  readonly task: Exclude<TaskName, 'git-clone'>;
  readonly clone?: Readonly<Record<string, string>>;
  readonly build?: Readonly<Record<string, string | readonly string[]>>;
  /** The Secret bound to the clone's workspace `credentials`. */
  readonly credentials?: 'git-good' | 'git-bad';
  /** The Secret bound to the build's workspace `dockerconfig`; the registry's good one by default. */
  readonly dockerconfig?: 'docker-bad';
  readonly expect:
    | { readonly verify: (outcome: Outcome) => string | undefined }
    | { readonly failed: 'clone' | 'build'; readonly reason?: TaskReason };
}

/** A value that a shell, a template or a comma-splitting option parser would change. */
const awkwardValue = `a b,c;d'e"f $HOME $$HOME \`id\` $(id) $(IMAGE) \\ #x=y*`;

/** The value as a param: kubelet, which replaces $(NAME) in arguments, turns $$ back into $. */
const escaped = (value: string) => value.replaceAll('$', '$$$$');

const imageMethods = ['kaniko', 'docker-build', 'buildx'] as const;

const labelIs = (wanted: string) => (outcome: Outcome) => {
  const label = outcome.config?.config?.Labels?.version;
  return label === wanted ? undefined : `label is ${JSON.stringify(label)}`;
};

const commandIs = (last: string | undefined) => (outcome: Outcome) => {
  const command = outcome.config?.config?.Cmd;
  return command?.at(-1) === last ? undefined : `command is ${JSON.stringify(command)}`;
};

interface PackerManifest {
  readonly artifacts?: readonly { readonly files?: readonly { readonly name: string; readonly bytes: number }[] }[];
}

const artifactIs = (bytes: number) => (outcome: Outcome) => {
  const manifest = JSON.parse(outcome.results.MANIFEST ?? '{}') as PackerManifest;
  const file = manifest.artifacts?.[0]?.files?.[0];
  return file?.name === 'output/artifact.txt' && file.bytes === bytes
    ? undefined
    : `manifest is ${outcome.results.MANIFEST}`;
};

function imageCases(task: (typeof imageMethods)[number], host: string): readonly Case[] {
  const unreachable = `${host.split(':')[0]}:5999/out/${task}:1`;
  return [
    {
      name: 'build-args',
      task,
      build: { BUILD_ARGS: [`VERSION=${escaped(awkwardValue)}`, 'UNUSED=1'] },
      expect: { verify: labelIs(awkwardValue) },
    },
    { name: 'stage', task, build: { TARGET: 'debug' }, expect: { verify: commandIs('/bin/sh') } },
    {
      name: 'nested-context',
      task,
      build: { CONTEXT: 'nested/context', DOCKERFILE: 'nested/context/Containerfile' },
      expect: { verify: commandIs(undefined) },
    },
    { name: 'cache-filled', task, build: { CACHE_REPO: `${host}/cache/${task}` }, expect: { verify: labelIs('none') } },
    { name: 'run-fails', task, build: { DOCKERFILE: 'failing/Dockerfile' }, expect: { failed: 'build' } },
    {
      name: 'no-dockerfile',
      task,
      build: { DOCKERFILE: 'Missing' },
      expect: { failed: 'build', reason: 'DockerfileNotFound' },
    },
    { name: 'outside', task, build: { CONTEXT: '../..' }, expect: { failed: 'build' } },
    {
      name: 'bad-password',
      task,
      dockerconfig: 'docker-bad',
      build: { DOCKERFILE: 'nested/context/Containerfile', CONTEXT: 'nested/context' },
      expect: { failed: 'build', reason: 'RegistryUnauthorized' },
    },
    {
      name: 'no-registry',
      task,
      build: { IMAGE: unreachable, DOCKERFILE: 'nested/context/Containerfile', CONTEXT: 'nested/context' },
      expect: { failed: 'build', reason: 'RegistryUnavailable' },
    },
  ];
}

function cloneCases(git: ClusterFile['git'], commit: string): readonly Case[] {
  const task = 'kaniko';
  const nested = { CONTEXT: 'nested/context', DOCKERFILE: 'nested/context/Containerfile' };
  const hasCommit = (outcome: Outcome) =>
    outcome.results.commit === commit ? undefined : `commit is ${outcome.results.commit}`;
  const missing = `${git.httpUrlBase}/missing.git`;
  const silent = git.httpUrlBase.replace(/^(\w+:\/\/[^/:]+).*$/, '$1:5999/example.git');
  const cases: readonly Case[] = [
    { name: 'commit-id', task, clone: { revision: commit }, build: nested, expect: { verify: hasCommit } },
    {
      name: 'full-history',
      task,
      clone: { revision: 'refs/heads/main', depth: '0', submodules: 'true' },
      build: nested,
      expect: { verify: hasCommit },
    },
    {
      name: 'no-repository',
      task,
      clone: { url: missing },
      expect: { failed: 'clone', reason: 'GitRepositoryNotFound' },
    },
    { name: 'no-git-host', task, clone: { url: silent }, expect: { failed: 'clone', reason: 'GitUnavailable' } },
    {
      name: 'no-revision',
      task,
      clone: { revision: 'nowhere' },
      expect: { failed: 'clone', reason: 'GitRevisionNotFound' },
    },
    {
      name: 'no-commit',
      task,
      clone: { revision: '1'.repeat(40) },
      expect: { failed: 'clone', reason: 'GitRevisionNotFound' },
    },
    {
      name: 'option-as-revision',
      task,
      clone: { revision: '--upload-pack=touch /workspace/output/x' },
      expect: { failed: 'clone' },
    },
    { name: 'local-path', task, clone: { url: '/workspace' }, expect: { failed: 'clone' } },
    { name: 'helper-program', task, clone: { url: 'ext::sh -c id' }, expect: { failed: 'clone' } },
  ];
  if (git.privateHttpUrlBase === '') return cases;
  const secret = { url: `${git.privateHttpUrlBase}/example.git` };
  return [
    ...cases,
    { name: 'private', task, clone: secret, credentials: 'git-good', build: nested, expect: { verify: hasCommit } },
    {
      name: 'private-bad',
      task,
      clone: secret,
      credentials: 'git-bad',
      expect: { failed: 'clone', reason: 'GitAuthenticationFailed' },
    },
    { name: 'private-none', task, clone: secret, expect: { failed: 'clone', reason: 'GitAuthenticationFailed' } },
  ];
}

function otherCases(host: string): readonly Case[] {
  const isIndex = (outcome: Outcome) => {
    const platforms = outcome.manifest?.manifests
      ?.map((one) => one.platform.architecture)
      .sort()
      .join();
    return platforms === 'amd64,arm64' ? undefined : `platforms are ${platforms}`;
  };
  const nested = { CONTEXT: 'nested/context', DOCKERFILE: 'nested/context/Containerfile' };
  return [
    {
      name: 'platforms',
      task: 'buildx',
      build: { ...nested, PLATFORMS: 'linux/amd64,linux/arm64' },
      expect: { verify: isIndex },
    },
    {
      name: 'option-in-name',
      task: 'buildx',
      build: { ...nested, IMAGE: `${host}/out/x,push=false:1` },
      expect: { failed: 'build' },
    },
    {
      name: 'json',
      task: 'packer',
      build: { CONTEXT: 'packer', TEMPLATE: 'template.json', VARIABLES: [`name=${escaped('a b,$c')}`] },
      expect: { verify: artifactIs(26) },
    },
    {
      name: 'hcl',
      task: 'packer',
      build: { CONTEXT: 'packer', TEMPLATE: 'template.pkr.hcl' },
      expect: { verify: artifactIs(26) },
    },
    { name: 'no-template', task: 'packer', build: { TEMPLATE: 'missing.json' }, expect: { failed: 'build' } },
    {
      name: 'bad-variable',
      task: 'packer',
      build: { CONTEXT: 'packer', TEMPLATE: 'template.json', VARIABLES: ['nothing'] },
      expect: { failed: 'build' },
    },
  ];
}

/** Every case; `commit` is the head of `main` in the example repository. */
export function allCases(cluster: ClusterFile, commit: string): readonly Case[] {
  const { host } = cluster.registry;
  return [
    ...imageMethods.flatMap((task) => imageCases(task, host)),
    ...cloneCases(cluster.git, commit),
    ...otherCases(host),
  ];
}

import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, run } from '../machine/command.ts';
import type { Layout } from '../machine/layout.ts';
import { ClusterError, longStep, say, step } from '../machine/progress.ts';

/** Kubernetes' version: of the wrapper module, and stamped into its binaries. */
const kubernetesVersion = 'v1.36.3';

/** An unstamped version is no semantic version, and Tekton's start-up check refuses it. */
const kubernetesStamp = [`gitVersion=${kubernetesVersion}`, 'gitMajor=1', 'gitMinor=36', 'gitTreeState=clean'].map(
  (assignment) => `-X k8s.io/component-base/version.${assignment}`,
);

/** One wrapper module under `go/`, and the binaries that are built from it in this order. */
interface Component {
  readonly name: string;
  /** Binary name → Go package. */
  readonly binaries: Readonly<Record<string, string>>;
  readonly linkerFlags?: readonly string[];
  /** Directory of this module that is copied beside the binaries, because it is read at run time. */
  readonly assets?: { readonly module: string; readonly directory: string };
}

const tektonModule = 'github.com/tektoncd/pipeline';

/** In build order: the largest first, so that a failure of the network or the disk shows early. */
const components = [
  {
    name: 'kubernetes',
    binaries: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
      kubectl: 'k8s.io/kubernetes/cmd/kubectl',
      kubelet: 'k8s.io/kubernetes/cmd/kubelet',
    },
    linkerFlags: kubernetesStamp,
  },
  { name: 'etcd', binaries: { etcd: 'go.etcd.io/etcd/server/v3' } },
  {
    name: 'tekton',
    binaries: {
      controller: `${tektonModule}/cmd/controller`,
      entrypoint: `${tektonModule}/cmd/entrypoint`,
      nop: `${tektonModule}/cmd/nop`,
      sidecarlogresults: `${tektonModule}/cmd/sidecarlogresults`,
      webhook: `${tektonModule}/cmd/webhook`,
      workingdirinit: `${tektonModule}/cmd/workingdirinit`,
    },
    assets: { module: tektonModule, directory: 'config' },
  },
  { name: 'kaniko', binaries: { executor: 'github.com/chainguard-dev/kaniko/cmd/executor' } },
  {
    name: 'buildkit',
    binaries: {
      buildctl: 'github.com/moby/buildkit/cmd/buildctl',
      buildkitd: 'github.com/moby/buildkit/cmd/buildkitd',
    },
  },
  { name: 'crane', binaries: { crane: 'github.com/google/go-containerregistry/cmd/crane' } },
] as const satisfies readonly Component[];

export type ComponentName = (typeof components)[number]['name'];

/** Component → the cache directory that holds its binaries (and its assets, by their directory name). */
export type BinaryDirs = Readonly<Record<ComponentName, string>>;

/** Free space that a cold build of everything needs: 9.6 GB of Go caches and 1.1 GB of binaries, rounded up. */
const coldBuildBytes = 14e9;

const moduleDir = (component: Component) => fileURLToPath(new URL(`../go/${component.name}`, import.meta.url));

/** The cache directory of a component: named by everything that its binaries are a function of. */
function cachedDir(layout: Layout, component: Component): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(moduleDir(component), file)));
  hash.update(JSON.stringify(component));
  return join(layout.cacheDir, 'binaries', `${component.name}-${hash.digest('hex').slice(0, 12)}`);
}

async function buildComponent(layout: Layout, component: Component, go: string): Promise<void> {
  const target = cachedDir(layout, component);
  const unfinished = `${target}.unfinished`;
  const logFile = join(layout.logDir, `build-${component.name}.log`);
  const options = {
    cwd: moduleDir(component),
    logFile,
    env: {
      CGO_ENABLED: '0',
      GOCACHE: join(layout.cacheDir, 'go', 'build'),
      GOMODCACHE: join(layout.cacheDir, 'go', 'mod'),
      GOFLAGS: '-mod=readonly -modcacherw -buildvcs=false',
    },
  };
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  mkdirSync(layout.logDir, { recursive: true });
  const linkerFlags = ['-s', '-w', ...(component.linkerFlags ?? [])].join(' ');
  try {
    for (const [binary, goPackage] of Object.entries(component.binaries)) {
      await run(
        go,
        ['build', '-trimpath', '-ldflags', linkerFlags, '-o', join(unfinished, binary), goPackage],
        options,
      );
    }
    if (component.assets) {
      const source = (await run(go, ['list', '-m', '-f', '{{.Dir}}', component.assets.module], options)).trim();
      cpSync(join(source, component.assets.directory), join(unfinished, component.assets.directory), {
        recursive: true,
      });
    }
  } catch (error) {
    throw new ClusterError(
      `Building ${component.name} failed: ${(error as Error).message}`,
      'Check that the Go module proxy answers, then run "up" again: finished packages are kept.',
      logFile,
    );
  }
  renameSync(unfinished, target);
}

function requireGo(): string {
  const go = findProgram('go');
  if (!go) {
    throw new ClusterError(
      'Go is not installed.',
      'Install Go 1.26.4 or newer so that "go" is on the PATH or in /usr/local/go/bin.',
    );
  }
  return go;
}

/**
 * Builds the components that the cache lacks and returns where every component's binaries are.
 * Uses Go caches of its own and deletes them when nothing is left to build.
 */
export async function ensureBinaries(layout: Layout): Promise<BinaryDirs> {
  const missing = components.filter((component) => !existsSync(cachedDir(layout, component)));
  if (missing.length > 0) {
    const go = requireGo();
    mkdirSync(layout.cacheDir, { recursive: true });
    const { bavail, bsize } = statfsSync(layout.cacheDir);
    if (bavail * bsize < coldBuildBytes && missing.length === components.length) {
      throw new ClusterError(
        `Building needs ${coldBuildBytes / 1e9} GB, ${layout.cacheDir} has ${((bavail * bsize) / 1e9).toFixed(1)} GB free.`,
        'Free space or set XDG_CACHE_HOME to a larger disk.',
      );
    }
    say(
      `${missing.length} of ${components.length} components are to be built; all of them take 10 to 20 minutes on two cores`,
    );
    for (const component of missing) {
      await longStep(`built ${component.name}`, 'go build', () => buildComponent(layout, component, go));
    }
  }
  const goCaches = join(layout.cacheDir, 'go');
  if (existsSync(goCaches)) {
    await step('Go caches of the build deleted', async () => rmSync(goCaches, { recursive: true, force: true }));
  }
  return Object.fromEntries(
    components.map((component) => [component.name, cachedDir(layout, component)]),
  ) as BinaryDirs;
}

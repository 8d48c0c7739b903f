import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BinaryDirs } from '../artifacts/binaries.ts';
import { type Image, referenceOf } from '../artifacts/images.ts';
import { type Layout, registryHost } from '../machine/layout.ts';
import { adminToken, apiServerUrl, caData } from './certificates.ts';
import { gitUrlBase, gitUser, privateGitUrlBase, repositoriesDir } from './git-server.ts';
import { baseImage, dockerConfigDir, registryUsers } from './registry.ts';

/** The Tasks of deploy/tekton/tasks, by name. */
export const taskNames = ['git-clone', 'docker-build', 'buildx', 'kaniko', 'packer'] as const;

export type TaskName = (typeof taskNames)[number];

/** Content of `<data>/cluster.json`: all that a test needs to use the cluster. */
export interface ClusterFile {
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly apiServerUrl: string;
  /** Certificate authority, PEM in base64. */
  readonly caData: string;
  /** Bearer token of an administrator. */
  readonly adminToken: string;
  readonly logDir: string;
  readonly kubectl: string;
  readonly registry: {
    readonly host: string;
    readonly insecure: boolean;
    readonly username: string;
    readonly password: string;
    /** A second user with the same rights. */
    readonly other: { readonly username: string; readonly password: string };
    /** `config.json` in docker's format for the first user. */
    readonly dockerConfigFile: string;
    readonly baseImage: string;
  };
  readonly git: {
    /** `<base>/<name>.git`, readable by everybody. */
    readonly httpUrlBase: string;
    /** The same repositories behind a password. */
    readonly privateHttpUrlBase: string;
    readonly username: string;
    readonly password: string;
    /** Directory of the bare repositories. */
    readonly dir: string;
    readonly exampleUrl: string;
    /** Command line to which a name and a directory are appended: commits the directory to `<name>.git`. */
    readonly repositoryCommand: readonly string[];
  };
  /** Image by Task name, as a provider's `tekton_task_images`. */
  readonly taskImages: Readonly<Record<TaskName, string>>;
  readonly images: {
    readonly gitClone: string;
    readonly dockerBuild: string;
    readonly buildx: string;
    readonly kaniko: string;
    readonly packer: string;
    /** An image with a shell, for pods of tests. */
    readonly busybox: string;
  };
}

/** The file's content for the cluster of this layout. */
export function describeCluster(layout: Layout, binaries: BinaryDirs, images: readonly Image[]): ClusterFile {
  const [user, other] = registryUsers;
  const taskImages = Object.fromEntries(taskNames.map((name) => [name, referenceOf(images, name)])) as Record<
    TaskName,
    string
  >;
  return {
    kubeconfig: layout.kubeconfig,
    apiServerUrl,
    caData: caData(layout),
    adminToken: adminToken(layout),
    logDir: layout.logDir,
    kubectl: join(binaries.kubernetes, 'kubectl'),
    registry: {
      host: registryHost,
      insecure: true,
      username: user.username,
      password: user.password,
      other: { username: other.username, password: other.password },
      dockerConfigFile: join(dockerConfigDir(layout), 'config.json'),
      baseImage,
    },
    git: {
      httpUrlBase: gitUrlBase,
      privateHttpUrlBase: privateGitUrlBase,
      ...gitUser,
      dir: repositoriesDir(layout),
      exampleUrl: `${gitUrlBase}/example.git`,
      repositoryCommand: [process.execPath, fileURLToPath(new URL('../cluster.ts', import.meta.url)), 'repository'],
    },
    taskImages,
    images: {
      gitClone: taskImages['git-clone'],
      dockerBuild: taskImages['docker-build'],
      buildx: taskImages.buildx,
      kaniko: taskImages.kaniko,
      packer: taskImages.packer,
      busybox: referenceOf(images, 'busybox'),
    },
  };
}

/** Writes `cluster.json`; readable by its owner only, for it holds the administrator's token. */
export function writeClusterFile(layout: Layout, cluster: ClusterFile): void {
  writeFileSync(layout.clusterFile, `${JSON.stringify(cluster, undefined, 2)}\n`, { mode: 0o600 });
}

/** Reads `cluster.json`, which is there after the first complete `up`. */
export function readClusterFile(layout: Layout): ClusterFile {
  return JSON.parse(readFileSync(layout.clusterFile, 'utf8')) as ClusterFile;
}

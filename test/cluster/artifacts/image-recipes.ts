import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BinaryDirs } from './binaries.ts';
import type { ImageRuntime } from './image-archive.ts';

/** The images of the cluster, without an outside registry: what goes into each. */
export interface ImageRecipe {
  /** Debian packages (with their dependencies) of the lowest layer. */
  readonly packages?: readonly string[];
  /** Path in the image → file on this machine. */
  readonly files?: Readonly<Record<string, string>>;
  /** Directories that get the static busybox and a link per applet; none: an image without a shell. */
  readonly busyboxIn?: readonly string[];
  /** Path in the image → mode. */
  readonly directories?: Readonly<Record<string, number>>;
  readonly texts?: Readonly<Record<string, string>>;
  readonly runtime?: ImageRuntime;
}

export const imageNames = [
  'pause',
  'busybox',
  'tekton-entrypoint',
  'tekton-nop',
  'tekton-sidecarlogresults',
  'tekton-workingdirinit',
  'git-clone',
  'docker-build',
  'buildx',
  'kaniko',
  'packer',
] as const;

export type ImageName = (typeof imageNames)[number];

const pathVariable = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What a shell and the programs of a step expect beside busybox. */
const shellSystem = {
  busyboxIn: ['bin'],
  directories: { root: 0o700, tmp: 0o1777, var: 0o755, 'var/tmp': 0o1777, etc: 0o755 },
  texts: {
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
    'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  },
  runtime: { Env: [pathVariable], Cmd: ['/bin/sh'] },
} as const;

function tektonImage(binaries: BinaryDirs, name: string): ImageRecipe {
  const path = `ko-app/${name}`;
  return {
    directories: { 'ko-app': 0o755 },
    files: { [path]: join(binaries.tekton, name) },
    runtime: { Env: [pathVariable], Entrypoint: [`/${path}`] },
  };
}

/**
 * Laid out like the public image's debug variant: busybox in `/busybox`, declared a volume, which
 * makes it a mount, which kaniko neither snapshots nor deletes between stages.
 */
function kanikoImage(binaries: BinaryDirs): ImageRecipe {
  return {
    busyboxIn: ['busybox'],
    directories: { kaniko: 0o777, 'kaniko/.docker': 0o755, workspace: 0o755, root: 0o700, tmp: 0o1777, etc: 0o755 },
    texts: { 'etc/passwd': shellSystem.texts['etc/passwd'], 'etc/group': shellSystem.texts['etc/group'] },
    files: { 'kaniko/executor': join(binaries.kaniko, 'executor') },
    runtime: {
      Env: [
        'HOME=/root',
        'USER=root',
        'PATH=/usr/local/bin:/kaniko:/busybox',
        'SSL_CERT_DIR=/kaniko/ssl/certs',
        'DOCKER_CONFIG=/kaniko/.docker/',
      ],
      Entrypoint: ['/kaniko/executor'],
      Volumes: { '/busybox': {} },
    },
  };
}

/** The recipe of every image, given where the binaries are. */
export function imageRecipes(binaries: BinaryDirs): Readonly<Record<ImageName, ImageRecipe>> {
  return {
    pause: {
      files: { pause: fileURLToPath(new URL('./pause.c', import.meta.url)) },
      runtime: { Entrypoint: ['/pause'] },
    },
    busybox: shellSystem,
    'tekton-entrypoint': tektonImage(binaries, 'entrypoint'),
    'tekton-nop': tektonImage(binaries, 'nop'),
    'tekton-sidecarlogresults': tektonImage(binaries, 'sidecarlogresults'),
    'tekton-workingdirinit': tektonImage(binaries, 'workingdirinit'),
    'git-clone': { ...shellSystem, packages: ['git', 'openssh-client'] },
    'docker-build': { ...shellSystem, packages: ['buildah'] },
    buildx: {
      ...shellSystem,
      packages: ['runc', 'libseccomp2'],
      directories: { ...shellSystem.directories, 'var/lib': 0o755, 'var/lib/buildkit': 0o755, run: 0o755 },
      files: {
        'usr/bin/buildctl': join(binaries.buildkit, 'buildctl'),
        'usr/bin/buildkitd': join(binaries.buildkit, 'buildkitd'),
      },
    },
    kaniko: kanikoImage(binaries),
    packer: { ...shellSystem, packages: ['packer'] },
  };
}

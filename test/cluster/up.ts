import { mkdirSync } from 'node:fs';
import { ensureBinaries } from './artifacts/binaries.ts';
import { ensureImages } from './artifacts/images.ts';
import { ensureDebianPackages } from './machine/debian-packages.ts';
import { assertPortsFree } from './machine/free-ports.ts';
import { isSecond, type Layout } from './machine/layout.ts';
import { ClusterError, step } from './machine/progress.ts';
import { ensureCertificates, writeKubeconfigs } from './parts/certificates.ts';
import { describeCluster, writeClusterFile } from './parts/cluster-file.ts';
import { startGitServer } from './parts/git-server.ts';
import { startControlPlane, waitForNamespaces } from './parts/kubernetes.ts';
import { ensureBridge, startContainerd, startKubelet, writeNodeConfig } from './parts/node.ts';
import { startRegistry } from './parts/registry.ts';
import { startTekton } from './parts/tekton.ts';

function assertMachine(): void {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new ClusterError(
      'The cluster of plain processes runs on Linux on x86-64 only.',
      'Use kind: test/cluster/README.md.',
    );
  }
  if (process.getuid?.() !== 0) {
    throw new ClusterError(
      'Containers, mounts and a bridge need root.',
      'Run the same command as root, or use kind: test/cluster/README.md.',
    );
  }
}

/**
 * Brings the cluster up from whatever state it is in: every step looks first and does only what is
 * missing, so the command can be repeated after a failure and is quick when everything runs.
 */
export async function bringUp(layout: Layout): Promise<void> {
  assertMachine();
  mkdirSync(layout.dataDir, { recursive: true });
  await ensureDebianPackages(layout);
  const binaries = await ensureBinaries(layout);
  const images = await ensureImages(layout, binaries);
  await step('bridge, certificates, configuration', async () => {
    await ensureBridge();
    await assertPortsFree(layout);
    await ensureCertificates(layout);
    writeKubeconfigs(layout);
    writeNodeConfig(layout, images);
  });
  const controlPlane = step('etcd, API server, controller manager, scheduler', () =>
    startControlPlane(layout, binaries),
  );
  const containerd = step('containerd and its images', () => startContainerd(layout, images));
  const results = await Promise.allSettled([
    ...(isSecond
      ? []
      : [
          step('registry', () => startRegistry(layout, binaries, images)),
          step('git server', () => startGitServer(layout)),
        ]),
    controlPlane.then(() => step('Tekton', () => startTekton(layout, binaries, images))),
    Promise.all([controlPlane, containerd]).then(() => step('kubelet', () => startKubelet(layout, binaries))),
    controlPlane.then(() => step('namespaces', () => waitForNamespaces(layout))),
  ]);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
  writeClusterFile(layout, describeCluster(layout, binaries, images));
}

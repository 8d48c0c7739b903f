import { describe, expect, it } from 'vitest';
import type { BuilderKind } from '../builder/builder.js';
import type { ImageBuildSpec, PackerBuildSpec } from '../document/local-run.js';
import { planBuild } from './plan-build.js';
import type { BuildPlan } from './command.js';
import type { PlanInput } from './plan-input.js';

const IMAGE = 'registry.example/team/app:if-b-1';
const BUILD: ImageBuildSpec = {
  method: 'docker',
  context: '.',
  dockerfile: 'Dockerfile',
  target: 'final',
  buildArguments: ["A=$(id) '; rm -rf /", 'B='],
  platforms: [],
  image: IMAGE,
  insecureRegistry: false,
};

function input(kind: BuilderKind): PlanInput {
  return {
    builder: { kind, path: `/usr/bin/${kind}`, version: '1.0' },
    paths: { context: '/run/source', recipe: '/run/source/Dockerfile' },
    runName: 'if-x-1',
    home: '/run/home',
    storage: '/run/storage',
    shortDirectory: '/tmp/if-x-1',
    temporary: '/run/tmp',
    layout: '/artifacts/e',
  };
}

function shown(plan: BuildPlan): string[] {
  return plan.steps.flatMap((step) => step.commands.map((command) => `${step.step}: ${command.args.join(' ')}`));
}

describe('planBuild', () => {
  it.each(['buildah', 'podman', 'docker', 'buildctl'] as const)(
    'passes a build argument to %s as one argument',
    (kind) => {
      const [build] = planBuild(BUILD, input(kind)).steps;
      const args = build?.commands[0]?.args ?? [];
      expect(args.some((argument) => argument.endsWith("A=$(id) '; rm -rf /"))).toBe(true);
      expect(build?.commands[0]?.file).toBe(`/usr/bin/${kind}`);
    },
  );

  it('builds and pushes with buildah in the run’s own storage', () => {
    const base = '--root /run/storage/root --runroot /run/storage/run --storage-driver vfs';
    expect(shown(planBuild({ ...BUILD, buildArguments: [] }, input('buildah')))).toEqual([
      `build: ${base} build --isolation chroot --file /run/source/Dockerfile --tag ${IMAGE} --target final -- /run/source`,
      `push: ${base} push --digestfile /run/tmp/digest ${IMAGE} docker://${IMAGE}`,
    ]);
  });

  it('makes a manifest list for several platforms with buildah', () => {
    const plan = shown(planBuild({ ...BUILD, platforms: ['linux/amd64', 'linux/arm64'] }, input('buildah')));
    expect(plan[0]).toContain(`--platform linux/amd64,linux/arm64 --manifest ${IMAGE}`);
    expect(plan[1]).toContain('manifest push --all');
  });

  it.each(['buildah', 'podman', 'docker', 'buildctl'] as const)(
    'writes an OCI layout with %s when no image is named',
    (kind) => {
      const { image: _image, ...local } = BUILD;
      const plan = planBuild(local, input(kind));
      expect(plan.digest).toEqual({ kind: 'oci-layout', directory: '/artifacts/e' });
      expect(shown(plan).join('\n')).toContain('/artifacts/e');
      expect(shown(plan).join('\n')).not.toContain('docker://');
    },
  );

  it('names the cache for those that have one', () => {
    const cached = { ...BUILD, cacheRepository: 'registry.example/cache' };
    expect(shown(planBuild(cached, input('buildah')))[0]).toContain('--layers --cache-from registry.example/cache');
    expect(shown(planBuild(cached, input('buildctl')))[0]).toContain(
      '--import-cache type=registry,ref=registry.example/cache',
    );
    expect(shown(planBuild(cached, input('docker')))[0]).toContain('buildx build');
  });

  it('tells only buildctl that a registry speaks plain HTTP; others read it from their files', () => {
    const insecure = { ...BUILD, insecureRegistry: true };
    expect(shown(planBuild(insecure, input('buildctl')))[0]).toContain('registry.insecure=true');
    expect(shown(planBuild(insecure, input('buildah')))[0]).not.toContain('tls-verify');
  });

  it('tidies up what docker keeps outside the run', () => {
    expect(planBuild(BUILD, input('docker')).tidy.map((command) => command.args)).toEqual([
      ['image', 'rm', '--force', IMAGE],
    ]);
    expect(planBuild(BUILD, input('buildah')).tidy).toEqual([]);
  });

  it('initialises HCL templates of packer and passes variables as arguments', () => {
    const build: PackerBuildSpec = { method: 'packer', context: '.', template: 'vm.pkr.hcl', variables: ['x=$(id)'] };
    const packer = { ...input('packer'), paths: { context: '/run/source', recipe: '/run/source/vm.pkr.hcl' } };
    expect(shown(planBuild(build, packer))).toEqual([
      'build: init /run/source/vm.pkr.hcl',
      'build: build -color=false -var x=$(id) /run/source/vm.pkr.hcl',
    ]);
    expect(shown(planBuild({ ...build, template: 'vm.json' }, packer))).toHaveLength(1);
  });
});

import { attemptTag, type RenderContext } from '@image-factory/domain';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLocalRun } from './local-run.js';
import { renderLocalRun } from './render-local-run.js';

const PLACE = { clusterUid: 'host-1', namespace: 'host-one', namespaceUid: 'host-1' };
const CONTEXT: RenderContext = {
  installationId: 'i',
  tenantId: 't',
  projectId: 'p',
  buildId: 'b',
  executionId: 'e',
  attempt: 2,
  shard: 0,
  buildMethod: 'kaniko',
  gitRepositoryUrl: 'https://git.example/a.git',
  gitRevision: 'main',
  imageRepository: 'registry.example/team/app',
  config: { build_args: { B: '2', A: '1' } },
  pipelineTimeoutSeconds: 60,
  storageClass: undefined,
  workspaceSize: '1Gi',
  avoidedNodes: [],
  insecureRegistry: false,
  resources: {
    cpuMillis: 1000,
    memoryBytes: 2 ** 31,
    cpuLimitMillis: undefined,
    memoryLimitBytes: undefined,
    ephemeralStorageBytes: 2 ** 32,
    ephemeralStorageLimitBytes: undefined,
    workspaceBytes: undefined,
  },
  hasGitCredential: true,
  traceparent: undefined,
};

describe('renderLocalRun', () => {
  it('is a pure function of its context', () => {
    expect(renderLocalRun(CONTEXT, PLACE)).toEqual(renderLocalRun({ ...CONTEXT }, PLACE));
    expect(parseLocalRun(renderLocalRun(CONTEXT, PLACE).document).spec).toEqual({
      hostId: 'host-1',
      clone: { url: 'https://git.example/a.git', revision: 'main', hasCredential: true },
      build: {
        method: 'kaniko',
        context: '.',
        dockerfile: 'Dockerfile',
        buildArguments: ['A=1', 'B=2'],
        platforms: [],
        image: `registry.example/team/app:${attemptTag(CONTEXT)}`,
        insecureRegistry: false,
      },
      timeoutSeconds: 60,
    });
  });

  it('names no image without a repository', () => {
    const { build } = parseLocalRun(renderLocalRun({ ...CONTEXT, imageRepository: undefined }, PLACE).document).spec;
    expect(build).not.toHaveProperty('image');
  });

  it('keeps every value whole and changes no structure, whatever a build argument holds', () => {
    const hostile = fc.oneof(fc.string(), fc.constantFrom('"},"kind":"x', '$(id)', '`id`', '<%= 1 %>', '--flag', "'"));
    fc.assert(
      fc.property(hostile, (value) => {
        fc.pre(!/[\n\r\0]/.test(value));
        const { document } = renderLocalRun({ ...CONTEXT, config: { build_args: { X: value } } }, PLACE);
        const { build } = parseLocalRun(document).spec;
        expect(build).toMatchObject({ buildArguments: [`X=${value}`], dockerfile: 'Dockerfile' });
      }),
    );
  });

  it.each<[string, Partial<RenderContext>, string]>([
    ['an option as a revision', { gitRevision: '--upload-pack=x' }, 'git_branch'],
    ['a file URL', { gitRepositoryUrl: 'file:///etc' }, 'git_repository_url'],
    ['a helper URL', { gitRepositoryUrl: 'ext::sh -c id' }, 'git_repository_url'],
    ['a context above the repository', { config: { build_context: '../x' } }, 'build_config.build_context'],
    ['an absolute Dockerfile', { config: { dockerfile_path: '/etc/passwd' } }, 'build_config.dockerfile_path'],
    ['a platform list in one', { config: { platforms: ['linux/amd64,type=local'] } }, 'build_config.platforms[0]'],
    ['a build argument’s name', { config: { build_args: { '--x': '1' } } }, 'build_config.build_args.--x'],
    ['packer without a template', { buildMethod: 'packer' }, 'build_config.packer_template'],
  ])('refuses %s with its path', (_name, change, path) => {
    try {
      renderLocalRun({ ...CONTEXT, ...change }, PLACE);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ reason: 'BuildConfigInvalid', issues: [{ path }] });
    }
  });
});

describe('parseLocalRun', () => {
  it.each(['', '{}', '[]', '{"kind":"PipelineRun"}'])('refuses %j', (text) => {
    expect(() => parseLocalRun(text)).toThrow(/not a LocalRun/);
  });
});

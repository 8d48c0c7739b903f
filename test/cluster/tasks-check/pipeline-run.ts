import type { ClusterFile } from '../parts/cluster-file.ts';
import type { Case } from './cases.ts';

/** Name of the image that a case pushes, unless it says another. */
export function imageOf(testCase: Case, cluster: ClusterFile): string {
  const given = testCase.build?.IMAGE;
  return typeof given === 'string' ? given : `${cluster.registry.host}/out/${testCase.task}-${testCase.name}:1`;
}

type Values = Readonly<Record<string, string | readonly string[]>>;

const isArray = (value: string | readonly string[]) => typeof value !== 'string';

/**
 * The values as params of the PipelineRun: in the pipeline's own text Tekton would refuse or replace
 * what looks like a variable reference. Prefixed, because a pipeline has one set of names.
 */
const runParams = (prefix: string, values: Values) =>
  Object.entries(values).map(([name, value]) => ({ name: `${prefix}-${name}`, value }));

const declared = (prefix: string, values: Values) =>
  Object.entries(values).map(([name, value]) => ({
    name: `${prefix}-${name}`,
    type: isArray(value) ? 'array' : 'string',
  }));

const references = (prefix: string, values: Values) =>
  Object.entries(values).map(([name, value]) => {
    const reference = `$(params.${prefix}-${name}${isArray(value) ? '[*]' : ''})`;
    return { name, value: isArray(value) ? [reference] : reference };
  });

const results: Readonly<Record<Case['task'], readonly string[]>> = {
  kaniko: ['IMAGE_URL', 'IMAGE_DIGEST'],
  'docker-build': ['IMAGE_URL', 'IMAGE_DIGEST'],
  buildx: ['IMAGE_URL', 'IMAGE_DIGEST'],
  packer: ['MANIFEST'],
};

/** The PipelineRun of a case, in the shape that Image Factory itself uses: `clone`, then `build`. */
export function pipelineRunOf(testCase: Case, cluster: ClusterFile) {
  const { task, name } = testCase;
  const imageParams =
    task === 'packer'
      ? {}
      : { IMAGE: imageOf(testCase, cluster), INSECURE_REGISTRY: String(cluster.registry.insecure) };
  const cloneValues: Values = { url: cluster.git.exampleUrl, ...testCase.clone };
  const buildValues: Values = { ...imageParams, ...testCase.build };
  const clone = {
    name: 'clone',
    taskRef: { name: 'git-clone' },
    params: references('clone', cloneValues),
    workspaces: [
      { name: 'output', workspace: 'source' },
      ...(testCase.credentials ? [{ name: 'credentials', workspace: 'credentials' }] : []),
    ],
  };
  const build = {
    name: 'build',
    runAfter: ['clone'],
    taskRef: { name: task },
    params: references('build', buildValues),
    workspaces: ['source', 'dockerconfig'].map((workspace) => ({ name: workspace, workspace })),
  };
  const volume = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
  const workspaces = [
    { name: 'source', volumeClaimTemplate: volume },
    { name: 'dockerconfig', secret: { secretName: testCase.dockerconfig ?? 'docker-config' } },
    ...(testCase.credentials ? [{ name: 'credentials', secret: { secretName: testCase.credentials } }] : []),
  ];
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name: `${task}-${name}` },
    spec: {
      taskRunTemplate: {
        serviceAccountName: 'builder',
        podTemplate: { automountServiceAccountToken: false, dnsPolicy: 'Default' },
      },
      timeouts: { pipeline: '5m0s' },
      params: [...runParams('clone', cloneValues), ...runParams('build', buildValues)],
      workspaces,
      pipelineSpec: {
        params: [...declared('clone', cloneValues), ...declared('build', buildValues)],
        workspaces: workspaces.map((workspace) => ({ name: workspace.name })),
        results: [
          { name: 'commit', value: '$(tasks.clone.results.commit)' },
          ...results[task].map((result) => ({ name: result, value: `$(tasks.build.results.${result})` })),
        ],
        tasks: [clone, build],
      },
    },
  };
}

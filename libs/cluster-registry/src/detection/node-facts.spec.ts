import { describe, expect, it } from 'vitest';
import { type NodeObject, NodeTally } from './node-facts.js';

function node(
  architecture: string,
  allocatable: Record<string, string> = {},
  more: Partial<NodeObject> = {},
): NodeObject {
  return { status: { nodeInfo: { architecture, operatingSystem: 'linux' }, allocatable }, ...more };
}

function tallied(...nodes: readonly NodeObject[]) {
  const tally = new NodeTally();
  nodes.forEach((one) => tally.add(one));
  return tally.facts();
}

describe('the nodes of a cluster', () => {
  it('are added up', () => {
    expect(
      tallied(
        node('amd64', { cpu: '3920m', memory: '32780212Ki', 'nvidia.com/gpu': '2' }),
        node('arm64', { cpu: '8', memory: '16Gi', 'nvidia.com/gpu': '1', 'nvidia.com/mig-1g.5gb': '7' }),
        node('amd64', { cpu: '1', memory: '8G', 'amd.com/gpu': '4', 'example.com/gpus': '9' }),
      ),
    ).toEqual({
      architectures: ['amd64', 'arm64'],
      operatingSystems: ['linux'],
      gpus: 14,
      gpuKinds: { 'amd.com/gpu': 4, 'nvidia.com/gpu': 3, 'nvidia.com/mig-1g.5gb': 7 },
      largestNode: { cpuMillis: 8000, memoryBytes: 32780212 * 1024 },
    });
  });

  it('do not count while they are cordoned', () => {
    expect(
      tallied(node('arm64', { 'nvidia.com/gpu': '2' }, { spec: { unschedulable: true } }), node('amd64')),
    ).toMatchObject({
      architectures: ['amd64'],
      gpus: 0,
    });
  });

  it('become nothing but words and numbers', () => {
    expect(tallied(node('<script>', { cpu: 'lots', memory: '-1', 'nvidia.com/gpu': '1e9' }), {})).toEqual({
      architectures: [],
      operatingSystems: ['linux'],
      gpus: 0,
      gpuKinds: {},
    });
  });
});

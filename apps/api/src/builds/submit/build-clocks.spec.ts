import type { Project, Tenant } from '@image-factory/persistence';
import { describe, expect, it } from 'vitest';
import { buildClocks } from './build-clocks.js';
import type { SubmitBuildRequest } from './submit-build.request.js';

const installation = {
  queueMinutes: 100,
  placementSeconds: 300,
  startMinutes: 20,
  runMinutes: 60,
  sealSeconds: 120,
  lossMinutes: 30,
};
const tenant = { queueTimeoutMinutes: 1440, startLimitMinutes: 15, maxBuildTimeoutMinutes: 1440 } as Tenant;
const project = {
  buildTimeoutMinutes: 30,
  queueTimeoutMinutes: undefined,
  startLimitMinutes: undefined,
} as unknown as Project;
const clocks = (
  request: Partial<SubmitBuildRequest>,
  ofProject: Partial<Project> = {},
  ofTenant: Partial<Tenant> = {},
) => {
  const found = buildClocks(
    request as SubmitBuildRequest,
    { ...project, ...ofProject },
    { ...tenant, ...ofTenant },
    installation,
  );
  return [found.queueTimeoutMinutes, found.startLimitMinutes, found.buildTimeoutMinutes];
};

describe('the limits of a build’s clocks', () => {
  it.each([
    ['are the installation’s and its project’s', clocks({}), [100, 15, 30]],
    [
      'are lowered by the tenant',
      clocks({}, {}, { queueTimeoutMinutes: 50, startLimitMinutes: 5, maxBuildTimeoutMinutes: 10 }),
      [50, 5, 10],
    ],
    [
      'are lowered by the project',
      clocks({}, { queueTimeoutMinutes: 40, startLimitMinutes: 4, buildTimeoutMinutes: 9 }),
      [40, 4, 9],
    ],
    [
      'are lowered by the build',
      clocks({ queue_timeout_minutes: 3, start_limit_minutes: 2, build_timeout_minutes: 1 }),
      [3, 2, 1],
    ],
    [
      'may be above the project’s by the build’s wish',
      clocks({ start_limit_minutes: 10 }, { startLimitMinutes: 4 }),
      [100, 10, 30],
    ],
    [
      'are never above the tenant’s and the installation’s',
      clocks({ queue_timeout_minutes: 9_999, start_limit_minutes: 99, build_timeout_minutes: 999 }),
      [100, 15, 60],
    ],
  ])('%s', (_, found, expected) => {
    expect(found).toEqual(expected);
  });
});

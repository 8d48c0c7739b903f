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
      'are not raised by the build above the project’s, but for the run, which every project has',
      clocks(
        { queue_timeout_minutes: 50, start_limit_minutes: 10, build_timeout_minutes: 45 },
        { queueTimeoutMinutes: 40, startLimitMinutes: 4, buildTimeoutMinutes: 30 },
      ),
      [40, 4, 45],
    ],
    [
      'are lowered by the build below the project’s',
      clocks(
        { queue_timeout_minutes: 30, start_limit_minutes: 3, build_timeout_minutes: 20 },
        { queueTimeoutMinutes: 40, startLimitMinutes: 4, buildTimeoutMinutes: 30 },
      ),
      [30, 3, 20],
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

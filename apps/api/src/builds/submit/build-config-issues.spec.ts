import { BUILD_METHOD_TABLE, BUILD_METHODS } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { buildConfigIssues, givenConfig } from './build-config-issues.js';

const VALUES: Readonly<Record<string, unknown>> = {
  dockerfile_path: 'Dockerfile',
  build_context: '.',
  target: 'final',
  build_args: { A: 'b' },
  platforms: ['linux/amd64'],
  cache_repo: 'registry.example/cache',
  metadata: { registry_repo: 'registry.example/app' },
  packer_template: 'image.pkr.hcl',
  variables: { A: 'b' },
};

describe('the table of methods', () => {
  it.each(BUILD_METHODS.flatMap((method) => Object.keys(VALUES).map((field) => ({ method, field }))))(
    'decides whether $method takes $field',
    ({ method, field }) => {
      const { allowed, required } = BUILD_METHOD_TABLE[method];
      const config = { ...Object.fromEntries(required.map((name) => [name, VALUES[name]])), [field]: VALUES[field] };
      const issues = buildConfigIssues(method, config);
      expect(issues.map((issue) => issue.path)).toEqual(
        (allowed as readonly string[]).includes(field) ? [] : [`build_config.${field}`],
      );
    },
  );

  it.each(BUILD_METHODS)('names what %s requires', (method) => {
    const paths = buildConfigIssues(method, undefined).map((issue) => issue.path);
    expect(paths).toEqual(BUILD_METHOD_TABLE[method].required.map((field) => `build_config.${field}`));
  });

  it('takes empty values for what was not given', () => {
    const config = { target: '', build_args: {}, platforms: [], metadata: { registry_repo: '' } };
    expect(buildConfigIssues('packer', { ...config, packer_template: 'a.hcl' })).toEqual([]);
    expect(givenConfig(config)).toEqual({});
  });
});

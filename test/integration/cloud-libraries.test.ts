import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Prints every library of a cloud that is looked for. */
const TELLS = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({ resolve(specifier, context, next) {
    if (/^(?:@aws-sdk|@smithy|@azure|google-auth-library)/.test(specifier)) console.log(specifier);
    return next(specifier, context);
  } });`)}`;

/** The libraries that a process loads for a script. */
function loadedBy(script: string): string[] {
  const flags = [
    '--conditions=source',
    '--experimental-transform-types',
    '--disable-warning=ExperimentalWarning',
    `--import=${join(ROOT, 'test/support/src/typescript-sources.mjs')}`,
    `--import=${TELLS}`,
    '--input-type=module',
  ];
  const options = { cwd: join(ROOT, 'test/integration'), encoding: 'utf8' as const };
  const printed = execFileSync(process.execPath, [...flags, '--eval', script], options);
  return printed.split('\n').filter((line) => line !== '');
}

describe('the libraries of clouds', () => {
  it('are not loaded by a process that connects to no cluster of a cloud', () => {
    expect(loadedBy(`await import('@image-factory/cluster-connectors');`)).toEqual([]);
  });

  it('are loaded one cloud at a time, when its first cluster is connected to', () => {
    const loaded = loadedBy(`
      const { CloudSessions, resolveAccess } = await import('@image-factory/cluster-connectors');
      const { EgressPolicy } = await import('@image-factory/egress');
      const { systemClock } = await import('@image-factory/telemetry');
      const cloud = new CloudSessions({ egress: new EgressPolicy({ allow: [] }), clock: systemClock });
      const fields = { cluster_name: 'a', region: 'us-east-1', access_key_id: 'A', secret_access_key: 's' };
      process.env.AWS_ENDPOINT_URL_EKS = 'http://127.0.0.1:1';
      await resolveAccess('eks-iam', fields, { fileRules: { allowedDirs: [], anyPath: false }, cloud }).catch(() => undefined);
    `);
    expect(loaded).toContain('@aws-sdk/client-eks');
    expect(loaded.filter((name) => /^(?:@azure|google)/.test(name))).toEqual([]);
  });
});

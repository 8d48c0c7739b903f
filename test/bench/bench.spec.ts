import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

function bench(...args: readonly string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'bench.ts'), ...args], {
    encoding: 'utf8',
  });
  return { status, stderr };
}

describe('npm run bench', () => {
  it('refuses to publish what --quick has measured', () => {
    const file = join(import.meta.dirname, 'results/queue.json');
    const { status, stderr } = bench('queue', '--quick', '--only', 'none', '--json', file);
    expect(stderr).toContain('--quick measures too little to be published');
    expect(status).toBe(2);
  });

  it('ends with 2 for a name that it does not know', () => {
    expect(bench('nothing')).toMatchObject({ status: 2 });
  });
});

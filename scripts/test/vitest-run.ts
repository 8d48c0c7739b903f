import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { type Tally, tallyReport, type VitestReport } from './tally.ts';

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch {
    return undefined;
  }
}

/** Runs one project of vitest.config.ts, showing failures as they come, and counts its tests. */
export async function runVitest(project: string, filters: readonly string[]): Promise<Tally> {
  const directory = mkdtempSync(join(tmpdir(), 'image-factory-report-'));
  const file = join(directory, 'report.json');
  const startedAtMs = performance.now();
  process.stdout.write(`· ${project} …\n`);
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const { code } = await runCommand('vitest', ['run', '--project', project, ...reporters, ...filters], {
      live: true,
    });
    const report = readReport(file);
    const tally = tallyReport(report, code);
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    const mark = tally.failed === 0 ? '✓' : '✗';
    const skipped = tally.skipped === 0 ? '' : `, ${tally.skipped} skipped`;
    process.stdout.write(
      `${mark} ${project}: ${tally.passed} of ${tally.passed + tally.failed}${skipped} (${seconds} s)\n`,
    );
    if (report === undefined)
      process.stdout.write('  Vitest left no report: it did not reach the tests (see above).\n');
    return tally;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

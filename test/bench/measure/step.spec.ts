import { afterEach, describe, expect, it } from 'vitest';
import { withKept } from '../kept-results.ts';
import { toResult, type BenchmarkReport, type MeasuredResult } from '../report.ts';
import { runSteps } from './step.ts';

afterEach(() => (process.exitCode = 0));

function row(id: string, ours = 1): MeasuredResult {
  return toResult({ id, title: id, samples: [ours], q: 0.5 });
}

function report(command: string, results: readonly MeasuredResult[]): BenchmarkReport {
  return { name: 'queue', machine: 'm', versions: {}, command, results };
}

const B2 = { ...row('B2-bare'), command: 'B2 alone' };
const FILE = report('all', [row('B1-bare'), B2, row('B10-lost'), row('B10-renamed'), row('gone')]);

describe('steps that are run alone', () => {
  it('replace their rows in a file and leave those of the steps that were left out, with their commands', async () => {
    const { results, leftOut } = await runSteps({ only: ['B10'], quick: false }, [
      { id: 'B1-B2', title: '', rows: ['B1', 'B2'], run: () => Promise.reject(new Error('not to be run')) },
      { id: 'B10', title: '', run: () => Promise.resolve([row('B10-lost', 2)]) },
    ]);
    const { command, results: written } = withKept(FILE, report('B10 alone', results), leftOut);
    expect(written).toEqual([{ ...row('B1-bare'), command: 'all' }, B2, row('B10-lost', 2)]);
    expect(command).toBe('B10 alone');
  });

  it('leave none of their old rows when they fail', async () => {
    const { results, leftOut } = await runSteps({ only: ['B10'], quick: false }, [
      { id: 'B1', title: '', run: () => Promise.resolve([row('B1-bare')]) },
      { id: 'B10', title: '', run: () => Promise.reject(new Error('it broke')) },
    ]);
    expect(process.exitCode).toBe(1);
    expect(withKept(FILE, report('B10 alone', results), leftOut).results).toEqual([
      { ...row('B1-bare'), command: 'all' },
    ]);
  });
});

it('a whole run leaves nothing of the file before', async () => {
  const { results, leftOut } = await runSteps({ only: [], quick: false }, [
    { id: 'B1', title: '', run: () => Promise.resolve([row('B1-bare', 2)]) },
  ]);
  expect(withKept(FILE, report('all', results), leftOut)).toEqual(report('all', [row('B1-bare', 2)]));
});

it('a step that gives a row of another one fails', async () => {
  const { results } = await runSteps({ only: [], quick: false }, [
    { id: 'B1', title: '', run: () => Promise.resolve([row('B10-lost')]) },
  ]);
  expect(results).toEqual([]);
  expect(process.exitCode).toBe(1);
});

describe('steps that count', () => {
  const atOnce = async (quick: boolean): Promise<number> => {
    let running = 0;
    let most = 0;
    const run = async (): Promise<MeasuredResult[]> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      return [];
    };
    const ids = ['B1', 'B2', 'B3', 'B4'];
    await runSteps(
      { only: [], quick },
      ids.map((id) => ({ id, title: '', counts: id === 'B2' || id === 'B3', run })),
    );
    return most;
  };

  it('run at once in a quick run, and in no other', async () => {
    expect([await atOnce(true), await atOnce(false)]).toEqual([2, 1]);
  });
});

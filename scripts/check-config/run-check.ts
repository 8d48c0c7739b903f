import { readFile } from 'node:fs/promises';
import { parseClusterConfig } from '@image-factory/cluster-registry';
import { showConfig } from './show-config.ts';

/** What the command says and with which code it ends. */
export interface CheckResult {
  readonly exitCode: 0 | 1 | 2;
  readonly lines: readonly string[];
}

export const USAGE = 'Use: npm run check:config -- FILE';

/**
 * Checks a cluster configuration file without touching a cluster: 0 with the clusters as understood, 1 with every
 * problem and its line (that it cannot be read is one), 2 when the command itself is wrong.
 */
export async function runCheck(args: readonly string[], home: string): Promise<CheckResult> {
  const [file, ...rest] = args;
  if (file === undefined || file.startsWith('-') || rest.length > 0) return { exitCode: 2, lines: [USAGE] };
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (typeof text !== 'string') return { exitCode: 1, lines: [`${file}: cannot be read: ${text.message}`] };
  const parsed = parseClusterConfig(text, { home });
  if (parsed.kind === 'invalid') {
    const lines = parsed.problems.map(({ line, column, path, message }) =>
      [`${file}:${line}:${column}`, path, message].filter((part) => part !== '').join(' '),
    );
    return { exitCode: 1, lines: [...lines, '', count(parsed.problems.length, 'problem')] };
  }
  const head = `${file}: ${count(parsed.config.clusters.length, 'cluster')}`;
  return { exitCode: 0, lines: [head, ...(await showConfig(parsed.config))] };
}

function count(many: number, noun: string): string {
  return `${many} ${noun}${many === 1 ? '' : 's'}`;
}

import { type CommandResult, runCommand } from './command.ts';
import type { Tally } from './tally.ts';

const SHOWN_LINES = 300;

/** A check that passes or fails as a whole. */
export interface Gate {
  readonly name: string;
  /** What to do when it fails. */
  readonly advice: string;
  /** Commands that run one after the other; the first that fails ends the gate. */
  readonly commands: readonly (readonly [string, ...string[]])[];
}

async function firstFailure(gate: Gate): Promise<CommandResult | undefined> {
  for (const [command, ...args] of gate.commands) {
    const result = await runCommand(command, args);
    if (result.code !== 0) return result;
  }
  return undefined;
}

/** Runs a gate and prints one line when it passed, and what it said when it failed. */
export async function runGate(gate: Gate): Promise<Tally> {
  const startedAtMs = performance.now();
  const failure = await firstFailure(gate);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  if (failure === undefined) {
    process.stdout.write(`✓ ${gate.name} (${seconds} s)\n`);
    return { passed: 1, failed: 0, failures: [] };
  }
  const lines = failure.output.trimEnd().split('\n');
  const shown = lines.slice(-SHOWN_LINES).join('\n');
  const cut = lines.length > SHOWN_LINES ? `… ${lines.length - SHOWN_LINES} lines before\n` : '';
  process.stdout.write(`✗ ${gate.name} (${seconds} s): ${gate.advice}\n${cut}${shown}\n`);
  return { passed: 0, failed: 1, failures: [`${gate.name}: ${gate.advice}`] };
}

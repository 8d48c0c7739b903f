import { spawn } from 'node:child_process';

const SHOW_AFTER_MS = 1000;

/** A failure with what to do about it; printed without a stack. */
export class SetupError extends Error {
  /**
   * @param {string} message what failed
   * @param {string} advice what to do
   * @param {string} [output] what the failed command wrote
   */
  constructor(message, advice, output = '') {
    super(message);
    this.advice = advice;
    this.output = output;
  }
}

/**
 * Runs a step and says so on standard error when it takes longer than a second; on a terminal with a running clock.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(name, work) {
  const startedAtMs = performance.now();
  const seconds = () => ((performance.now() - startedAtMs) / 1000).toFixed(0);
  const isTerminal = process.stderr.isTTY === true;
  let shown = false;
  const show = () => {
    if (isTerminal) process.stderr.write(`\r\x1b[2K· ${name} … ${seconds()} s`);
    else if (!shown) process.stderr.write(`· ${name} …\n`);
    shown = true;
  };
  const timer = setInterval(show, SHOW_AFTER_MS);
  try {
    const result = await work();
    if (shown) process.stderr.write(`${isTerminal ? '\r\x1b[2K' : ''}✓ ${name} (${seconds()} s)\n`);
    return result;
  } catch (error) {
    if (shown && isTerminal) process.stderr.write('\r\x1b[2K');
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/**
 * Runs a command to its end without input and returns what it wrote.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{cwd: string, env: NodeJS.ProcessEnv}} options
 * @returns {Promise<{code: number, output: string}>} code 127 when the command does not exist
 */
export function run(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code, signal) => resolve({ code: code ?? (signal ? 128 : 1), output }));
  });
}

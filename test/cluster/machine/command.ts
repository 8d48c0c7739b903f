import { spawn } from 'node:child_process';
import { accessSync, appendFileSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Standard output and error are also appended here. */
  readonly logFile?: string;
  readonly timeoutMs?: number;
}

/** A command that ended with another code than 0; `stderr` is its standard error. */
export class CommandFailed extends Error {
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(commandLine: string, exitCode: number | null, stderr: string) {
    super(`${commandLine} ended with code ${exitCode}: ${stderr.trim().split('\n').slice(-5).join('\n')}`);
    this.name = 'CommandFailed';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** Directories where Debian keeps administrators' programs, which a user's PATH may lack. */
const systemDirectories = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/local/go/bin',
];

/** The PATH that every command of the cluster runs with. */
export const commandPath = [...(process.env.PATH ?? '').split(delimiter), ...systemDirectories]
  .filter((directory, index, all) => directory !== '' && all.indexOf(directory) === index)
  .join(delimiter);

/** Absolute path of a program on `commandPath`, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const directory of commandPath.split(delimiter)) {
    const candidate = join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Runs a program with an argument array (never through a shell) and returns its standard output. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, PATH: commandPath, LC_ALL: 'C', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      into.push(chunk);
      if (options.logFile) appendFileSync(options.logFile, chunk);
    };
    child.stdout.on('data', collect(stdout));
    child.stderr.on('data', collect(stderr));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve(Buffer.concat(stdout).toString());
      reject(new CommandFailed([command, ...args].join(' '), code, Buffer.concat(stderr).toString()));
    });
  });
}

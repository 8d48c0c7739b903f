/** One program to run: never through a shell. `file` is absolute. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to the closed environment of every child. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Standard output goes to this file instead of the step's log. */
  readonly outputFile?: string;
}

/** One step of the log: its commands run in order until one fails. */
export interface StepPlan {
  readonly task: 'build';
  readonly step: string;
  readonly commands: readonly Command[];
}

/** Where the digest of what was made is found afterwards. */
export type DigestSource =
  | { readonly kind: 'text'; readonly file: string }
  | { readonly kind: 'repository-digests'; readonly file: string; readonly repository: string }
  | { readonly kind: 'buildkit-metadata'; readonly file: string }
  | { readonly kind: 'oci-layout'; readonly directory: string };

/** Everything that a builder does for one build, and what remains to be tidied up outside the run's directory. */
export interface BuildPlan {
  readonly steps: readonly StepPlan[];
  /** Undefined for methods that make no image. */
  readonly digest: DigestSource | undefined;
  /** Run at the end, whatever happened; their failure is not the build's. */
  readonly tidy: readonly Command[];
}

/** How a command is shown in a log; arguments never hold secrets. */
export function showCommand(command: Command): string {
  const name = command.file.slice(command.file.lastIndexOf('/') + 1);
  const shown = command.args.map((argument) =>
    /^[\w@%+=:,./-]+$/.test(argument) ? argument : JSON.stringify(argument),
  );
  return `+ ${[name, ...shown].join(' ')}`;
}

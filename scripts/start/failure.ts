/** A failure with what to do about it; a command prints both lines and no stack. */
export class Failure extends Error {
  readonly advice: string;

  constructor(message: string, advice: string) {
    super(message);
    this.advice = advice;
  }
}

/** Runs a command's main function and turns what it throws into two lines and exit code 1. */
export async function runMain(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    const text =
      error instanceof Failure
        ? `${error.message}\n${error.advice}`
        : String(error instanceof Error ? error.stack : error);
    process.stderr.write(`\n${text}\n`);
    process.exitCode = 1;
  }
}

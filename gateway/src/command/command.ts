/**
 * What each subcommand of `banyan` is: a function from its arguments to an exit code, which speaks through `Terminal` alone.
 */

/** 0 done (warnings alone too), 1 found something, 2 used wrongly, unreachable, or could not start. */
export type ExitCode = 0 | 1 | 2;

export interface Terminal {
  /** Standard output; a newline is added. */
  out(line: string): void;
  /** Standard error; a newline is added. */
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether standard output is a terminal that shows colours and progress. */
  readonly interactive: boolean;
}

export type Command = (args: readonly string[], terminal: Terminal) => Promise<ExitCode>;

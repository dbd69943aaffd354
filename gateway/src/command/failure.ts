/**
 * How a command says that it could not do its work: a sentence on standard error for people, and where `--json` was asked for
 * one object `{"error": {"code", "message"}}` on standard output for programs.
 */
import type { Code } from '../error.ts';
import type { Problem } from '../routing/document.ts';
import type { Terminal } from './command.ts';

export interface Failure {
  /** A code of the gateway, or `USAGE`: the command was used wrongly. */
  readonly code: Code | 'USAGE';
  readonly message: string;
  /** What else a program may want: the problems of a file, the usage. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Tells a failure; returns the exit code for it. */
export function fail(terminal: Terminal, json: boolean, { code, message, more = {} }: Failure): 2 {
  terminal.err(message);
  if (json) terminal.out(JSON.stringify({ error: { code, message }, ...more }));
  return 2;
}

/** Tells every problem of a file with which nothing can be done; returns the exit code for it. */
export function refuse(
  terminal: Terminal,
  json: boolean,
  { file, problems }: { file: string; problems: readonly Problem[] },
): 2 {
  for (const { line, column, message } of problems) terminal.err(`${file}:${line}:${column}: error: ${message}`);
  return fail(terminal, json, {
    code: 'GW_BAD_CONFIG',
    message: `${file} is not valid: nothing was done with it`,
    more: { file, problems },
  });
}

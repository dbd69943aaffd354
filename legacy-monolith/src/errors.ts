/**
 * What ReeferDesk throws when a promise is broken: one class, one table of codes. Expected refusals (an order that is not
 * there, a rule that forbids) are values and never thrown.
 */

/** The codes are the contract; `exit` is the process's exit code where the error ends it. */
export const codes = {
  RD_BAD_CONFIG: { exit: 2 },
  RD_DATABASE: { exit: 2 },
  RD_PORT: { exit: 2 },
  RD_BROKEN_DATA: { exit: 1 },
} as const;

/** An error of ReeferDesk. The message says what, where, and what to do; `cause` is what was behind it. */
export class ReeferError extends Error {
  readonly code: keyof typeof codes;

  constructor(code: keyof typeof codes, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'ReeferError';
    this.code = code;
  }
}

/** The system's or Postgres' own code of an error (`EADDRINUSE`, `28P01`); null when it has none. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** The words of whatever was thrown. An AggregateError (every address refused) has its words inside. */
export function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** The HTTP status that fastify gave an error; null when it gave none. */
export function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return null;
  return typeof error.statusCode === 'number' ? error.statusCode : null;
}

/**
 * What can keep the stack from starting, in one table. Every message says what is wrong, where, and what to do about it;
 * none carries a password.
 */

/** Each code with the exit status of a stack that could not start because of it (the contract's 2: "could not start"). */
export const codes = {
  /** A variable of the environment cannot be read. */
  STACK_BAD_CONFIG: { exit: 2 },
  /** A port that is to be listened on is in use. */
  STACK_PORT_TAKEN: { exit: 2 },
  /** No Postgres is packaged for this machine, or its package was not installed. */
  STACK_NO_BINARIES: { exit: 2 },
  /** A program of this repository has not been compiled. */
  STACK_NOT_BUILT: { exit: 2 },
  /** A file or folder may not be read, written or passed through by the account that has to. */
  STACK_PERMISSION: { exit: 2 },
  /** The data directory was made by another major version of Postgres. */
  STACK_DATA_DIR_VERSION: { exit: 2 },
  /** The data directory holds something that is no Postgres cluster. */
  STACK_DATA_DIR_FOREIGN: { exit: 2 },
  /** A running Postgres or a running stack uses the data directory. */
  STACK_DATA_DIR_IN_USE: { exit: 2 },
  /** The server refused the password. */
  STACK_PASSWORD: { exit: 2 },
  /** A database server given by URL cannot be reached, or lacks something that is needed of it. */
  STACK_DATABASE: { exit: 2 },
  /** The embedded Postgres did not start; its last lines are in the message. */
  STACK_POSTGRES_FAILED: { exit: 2 },
  /** A service did not start; its last lines are in the message. */
  STACK_SERVICE_FAILED: { exit: 2 },
} as const;

export type StackCode = keyof typeof codes;

/** The only error that this package throws on purpose. `cause` holds the error underneath, where there is one. */
export class StackError extends Error {
  readonly code: StackCode;

  /** @param message what is wrong, where, and what to do; without secrets */
  constructor(code: StackCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'StackError';
    this.code = code;
  }
}

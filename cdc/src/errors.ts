/** The connector's one error class, and what each of its codes means for whoever started it. */

/**
 * `exit`: 2 could not start (or was used wrongly), 1 had to stop. `retry`: worth another attempt without anybody's help.
 */
export const codes = {
  CDC_BAD_CONFIG: { exit: 2, retry: false },
  CDC_NOT_SUPPORTED: { exit: 2, retry: false },
  CDC_PORT_TAKEN: { exit: 2, retry: false },
  CDC_UNAUTHORISED: { exit: 2, retry: false },
  CDC_PRIVILEGES: { exit: 2, retry: false },
  CDC_WAL_LEVEL: { exit: 2, retry: false },
  CDC_NO_TABLES: { exit: 2, retry: false },
  CDC_NO_IDENTITY: { exit: 2, retry: false },
  CDC_SLOT_FOREIGN: { exit: 2, retry: false },
  /** The stream has a gap, and the configuration says to stop. */
  CDC_GAP: { exit: 2, retry: false },
  CDC_CHECKPOINT: { exit: 2, retry: false },
  CDC_SLOT_IN_USE: { exit: 1, retry: true },
  CDC_SOURCE_LOST: { exit: 1, retry: true },
  CDC_SINK_LOST: { exit: 1, retry: true },
  /** Another connector writes in this one's place. */
  CDC_FENCED: { exit: 1, retry: false },
  /** The reader of standard output has left. */
  CDC_SINK_GONE: { exit: 1, retry: false },
  CDC_SINK_REFUSED: { exit: 2, retry: false },
  CDC_STREAM: { exit: 1, retry: true },
  /** A value that cannot be put into an envelope: the same at each attempt. */
  CDC_VALUE: { exit: 1, retry: false },
  /** A table has come, or has another name: the next session finds it. */
  CDC_TABLES_CHANGED: { exit: 1, retry: true },
} as const;

export type CdcCode = keyof typeof codes;

export class CdcError extends Error {
  override name = 'CdcError';
  readonly code: CdcCode;

  /** @param message what is wrong, where, and what to do */
  constructor(code: CdcCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The process's exit code for whatever went wrong. */
export function exitOf(error: unknown): number {
  return error instanceof CdcError ? codes[error.code].exit : 1;
}

/** Whether another attempt may succeed without anybody's help. What is not ours is a bug, and no attempt helps. */
export function mayRetry(error: unknown): boolean {
  return error instanceof CdcError && codes[error.code].retry;
}

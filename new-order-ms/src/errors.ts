/**
 * What can go wrong with the order service, in one table. What a caller asks for and does not get (an unknown order, a bad
 * page) is an answer and not an error.
 */

/**
 * `exit`: the process's code when it ends by this error. `retry`: whether the same thing can succeed later without anybody
 * changing anything; a projection that meets one without it stops, and says so, instead of skipping a record.
 */
export const codes = {
  /** The operator's: the environment. */
  ORD_BAD_CONFIG: { exit: 2, retry: false },
  /** The operator's: something that this build does not do. */
  ORD_NOT_SUPPORTED: { exit: 2, retry: false },
  /** The operator's: the database does not let us in, or is not there at start. */
  ORD_DATABASE: { exit: 2, retry: false },
  /** The operator's: the address to listen on. */
  ORD_PORT: { exit: 2, retry: false },
  /** The operator's: the live copy was written by a program whose tables differ. */
  ORD_OTHER_SHAPE: { exit: 2, retry: false },
  /** The operator's: another rebuild is running. */
  ORD_REBUILDING: { exit: 2, retry: false },
  /** The backbone no longer holds what the read model would need. */
  ORD_HISTORY_GONE: { exit: 1, retry: false },
  /** A column that the projection needs was renamed, dropped or retyped. */
  ORD_SCHEMA_CHANGED: { exit: 1, retry: false },
  /** A record that is not what its topic promises. */
  ORD_BAD_RECORD: { exit: 1, retry: false },
  /** Records with positions and without them in one topic. */
  ORD_MIXED_SOURCES: { exit: 1, retry: false },
  /** The copy is no longer written by us: another process took it over, or it was retired. */
  ORD_MOVED: { exit: 1, retry: true },
  /** The connection to the read model's database broke. */
  ORD_LOST: { exit: 1, retry: true },
  /** The database was too slow or contended. */
  ORD_BUSY: { exit: 1, retry: true },
  /** Anything else that the database said. */
  ORD_FAILED: { exit: 1, retry: false },
} as const;

export type OrdersCode = keyof typeof codes;

/** The only error that this service throws on purpose. `cause` holds the error underneath, where there is one. */
export class OrdersError extends Error {
  readonly code: OrdersCode;

  /** @param message what, where, and what to do; without secrets */
  constructor(code: OrdersCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'OrdersError';
    this.code = code;
  }

  /** Whether the same thing can succeed later without anybody changing anything. */
  get retryable(): boolean {
    return codes[this.code].retry;
  }
}

/** The words of whatever was thrown. An AggregateError (every address refused) has its words inside. */
export function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}

/** The system's or Postgres' own code of an error (`EADDRINUSE`, `28P01`); null when it has none. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

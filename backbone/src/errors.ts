/**
 * What can go wrong between a service and its backbone, in one table. Messages say what was asked, of which backbone, and what
 * to do; none carries a password.
 */

/**
 * `retry`: whether the same call can succeed later without anybody changing anything. A producer that threw is finished all the
 * same: open another one, and compare its checkpoint, before sending again.
 */
export const codes = {
  /** The caller's: a topic of that name does not exist. */
  BACKBONE_NO_TOPIC: { retry: false },
  /** The caller's: a topic, producer or group that cannot be. */
  BACKBONE_BAD_NAME: { retry: false },
  /** The caller's: fewer partitions than there are, or more of them for a topic that holds records. */
  BACKBONE_PARTITIONS: { retry: false },
  /** The caller's: a record, batch or checkpoint above its limit. */
  BACKBONE_TOO_LARGE: { retry: false },
  /** The caller's: text that cannot be kept as it is (0x00, half a surrogate pair). */
  BACKBONE_BAD_TEXT: { retry: false },
  /** The caller's: used after `close`. */
  BACKBONE_CLOSED: { retry: false },
  /** Another producer was opened under the same id. */
  BACKBONE_FENCED: { retry: false },
  /** A consumer, or a replay, stands before the oldest record that is still held: what lies between is lost to it. */
  BACKBONE_OFFSET_GONE: { retry: false },
  /** A consumer stands behind the end of the log: this is not the log that it was reading. */
  BACKBONE_OFFSET_AHEAD: { retry: false },
  /** The operator's: not a usable address, or the database does not let us in. */
  BACKBONE_BAD_CONFIG: { retry: false },
  /** The operator's: the log was laid out by a newer program. */
  BACKBONE_NEWER_SCHEMA: { retry: false },
  /** The operator's: a transport that this build does not have. */
  BACKBONE_UNSUPPORTED: { retry: false },
  /** No connection, or it broke: a batch in flight may or may not have been written. */
  BACKBONE_UNREACHABLE: { retry: true },
  /** The database was too slow, full or contended: nothing was written. */
  BACKBONE_BUSY: { retry: true },
  /** Anything else that the database said. */
  BACKBONE_FAILED: { retry: false },
} as const;

export type BackboneCode = keyof typeof codes;

/** The only error that this package throws on purpose. `cause` holds the error underneath, where there is one. */
export class BackboneError extends Error {
  readonly code: BackboneCode;

  /** @param message what was asked, of what, and what to do; without secrets */
  constructor(code: BackboneCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'BackboneError';
    this.code = code;
  }

  /** Whether the same call can succeed later without anybody changing anything. */
  get retry(): boolean {
    return codes[this.code].retry;
  }
}

/** Whether `error` can be met by waiting. What is not a {@link BackboneError} is a handler's own, and is assumed to pass. */
export function mayPass(error: unknown): boolean {
  return error instanceof BackboneError ? error.retry : true;
}

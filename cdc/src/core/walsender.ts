/**
 * The replication sub-protocol: what a walsender and its reader say to each other inside copy-both mode. WAL data and
 * keepalives come; status updates go.
 */
import { toLsn, type Lsn } from '@banyan/backbone/core/lsn';
import type { Bytes } from './bytes.ts';

export const WAL_DATA = 0x77; // 'w'
export const KEEPALIVE = 0x6b; // 'k'

/** Bytes before the plugin's own message: type, start and end of the WAL, the server's clock. */
export const WAL_DATA_HEADER_BYTES = 25;

/** Postgres counts microseconds from 2000-01-01; the rest of the world from 1970-01-01. */
const EPOCH_US = 946_684_800_000_000;

export interface Keepalive {
  /** Everything up to here has been decoded, and what was to be sent of it has been sent. */
  readonly position: Lsn;
  /** The server will not go on (it may be stopping) until it has heard from us. */
  readonly replyRequested: boolean;
}

/** Reads the keepalive that begins at `start`, its type byte included. */
export function readKeepalive(bytes: Bytes, start: number): Keepalive {
  return {
    position: toLsn(bytes.view.getBigUint64(start + 1)),
    replyRequested: bytes.array[start + 17] === 1,
  };
}

/** Microseconds since 1970 from a Postgres timestamp. Exact until the year 2255. */
export function microseconds(view: DataView, at: number): number {
  return view.getInt32(at) * 4_294_967_296 + view.getUint32(at + 4) + EPOCH_US;
}

export interface Status {
  /** Seen by us, if not yet safe. */
  readonly write: Lsn;
  /**
   * Safe with us: the slot moves here, and the WAL before it may go. null leaves the slot where it is; a server that is
   * stopping then goes by `write`, and does not wait for us.
   */
  readonly flush: Lsn | null;
  /** The sender's clock, microseconds since 1970. */
  readonly atUs: number;
}

const STATUS_BYTES = 34;

/** A status update as a whole message (type, length, body), ready for the socket. */
export function writeStatus(status: Status): Uint8Array {
  const message = new Uint8Array(5 + STATUS_BYTES);
  const view = new DataView(message.buffer);
  message[0] = 0x64; // 'd': CopyData
  view.setUint32(1, 4 + STATUS_BYTES);
  message[5] = 0x72; // 'r'
  view.setBigUint64(6, status.write);
  view.setBigUint64(14, status.flush ?? 0n);
  view.setBigUint64(22, status.flush ?? 0n);
  view.setBigInt64(30, BigInt(status.atUs - EPOCH_US));
  message[38] = 0; // we never ask the server to answer
  return message;
}

/** CopyDone: we want no more. */
export function writeCopyDone(): Uint8Array {
  return Uint8Array.of(0x63, 0, 0, 0, 4);
}

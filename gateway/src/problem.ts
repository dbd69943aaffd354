/**
 * The facade's own answers to REST callers: RFC 9457 problem details with a stable code.
 */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { codes, type Code } from './error.ts';
import type { Fields } from './core/field.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  410: 'Gone',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

export interface Refusal {
  readonly code: Code;
  /** A sentence for the caller. */
  readonly detail: string;
  readonly retryAfterSeconds: number | null;
  /** Of a request that was to be forwarded: whether its upstream may have carried it out. */
  readonly carriedOut?: 'no' | 'maybe';
  /** What went wrong underneath, for pipelines that can say more of it. */
  readonly cause?: unknown;
}

interface Problem {
  readonly status: number;
  readonly title: string;
  readonly fields: string[];
  readonly body: Buffer;
}

function problemOf({ code, detail, retryAfterSeconds, carriedOut }: Refusal): Problem {
  const { status } = codes[code];
  const title = TITLES[status] ?? 'Error';
  const body = Buffer.from(JSON.stringify({ type: 'about:blank', title, status, detail, code, carriedOut }));
  const fields = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
  ];
  if (retryAfterSeconds !== null) fields.push('retry-after', String(retryAfterSeconds));
  // RFC 9110, section 15.5.9: the sender has been slow for long enough.
  if (status === 408) fields.push('connection', 'close');
  return { status, title, fields, body };
}

/** Answers with a problem; does nothing when an answer has begun or the caller has left. `own` fields are appended. */
export function sendProblem(res: ServerResponse, refusal: Refusal, own: Fields): void {
  if (res.headersSent || res.destroyed) return;
  const { status, title, fields, body } = problemOf(refusal);
  // The title stands in for a reason that may have been set, and found wanting, before.
  res.writeHead(status, title, [...fields, ...own]);
  res.end(res.req.method === 'HEAD' ? undefined : body);
}

/**
 * The same on a connection that node's HTTP server has let go of, which it closes.
 * @param bodiless for the answer to a HEAD
 */
export function sendRawProblem(socket: Duplex, refusal: Refusal, own: Fields, bodiless: boolean = false): void {
  if (socket.destroyed || !socket.writable) return;
  const { status, title, fields, body } = problemOf(refusal);
  const all = [...fields.filter((part) => part !== 'connection' && part !== 'close'), 'connection', 'close', ...own];
  const head = Buffer.from(headText(status, title, all), 'latin1');
  closeWith(socket, bodiless ? head : Buffer.concat([head, body]));
}

/** An answer's head as it stands on the wire; to be written as latin1, in which a character is the byte that came. */
export function headText(status: number, reason: string, fields: Fields): string {
  const lines = [`HTTP/1.1 ${status} ${reason}`];
  for (let index = 0; index < fields.length; index += 2) lines.push(`${fields[index]}: ${fields[index + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

// For the last bytes to arrive and the other side to close as well.
const CLOSE_MS = 5_000;

/** Writes the last bytes and closes; a caller who does not close in turn is cut off. */
export function closeWith(socket: Duplex, last: Buffer): void {
  const timer = setTimeout(() => socket.destroy(), CLOSE_MS).unref();
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(last);
}

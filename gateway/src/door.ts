/**
 * What is done with what may not come in: bytes that are no request, and requests that could be read in two ways. Its sender
 * gets one answer, 400 or what fits better, in its turn; the connection closes; nothing that stood behind it on the connection
 * is looked at any more, for nobody can know where it begins.
 */
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { codes, type Code } from './error.ts';
import type { Exchange } from './exchange.ts';
import type { Context } from './obey.ts';
import { sendRawProblem, type Refusal } from './problem.ts';
import { newRequestId } from './trace.ts';

/** A request's head, in bytes: 64 KiB of fields, as the largest cookies and tokens need, and some room for its target. */
export const MAX_HEAD_BYTES: number = 80 * 1024;

const NO_REQUEST: readonly [Code, string] = ['GW_BAD_REQUEST', 'This is no HTTP request.'];
const HEAD_ERRORS: Readonly<Record<string, readonly [Code, string]>> = {
  CONNECT: ['GW_BAD_REQUEST', 'The facade opens no tunnels to elsewhere.'],
  HPE_HEADER_OVERFLOW: ['GW_HEAD_TOO_LARGE', `A request's head has at most ${MAX_HEAD_BYTES} bytes.`],
  ERR_HTTP_REQUEST_TIMEOUT: ['GW_HEAD_TIMEOUT', "The request's head did not arrive in time."],
};
// A caller who left in the middle of its request is not there to be told.
const LEFT: ReadonlySet<string> = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE']);

const shut = new WeakSet<Socket>();

/** Whether nothing more of this connection is served; what comes is dropped. */
export function isShut(req: IncomingMessage): boolean {
  return shut.has(req.socket);
}

/** Bytes that are no request. */
export function turnAway(error: Error & { code?: string }, socket: Socket, context: Context): void {
  if (error.code !== undefined && LEFT.has(error.code)) return void socket.destroy();
  // Node tells again of all that comes after.
  if (shut.has(socket)) return;
  shut.add(socket);
  const [code, detail] = HEAD_ERRORS[error.code ?? ''] ?? NO_REQUEST;
  inTurn(socket, null, (current) => {
    // Half an answer to a request that has broken off: it must look cut, and nothing may be written into it.
    if (current?.headersSent === true) return void socket.destroy();
    const own = ['x-request-id', newRequestId()];
    if (context.generations.current.table.expose)
      own.push('banyan-served-by', 'none', 'banyan-route', 'default', 'banyan-because', 'bad-request');
    sendRawProblem(socket, { code, detail, retryAfterSeconds: null }, own, current?.req.method === 'HEAD');
    // A request whose body broke off is in hand: it ends, and is counted, with its connection.
    if (current !== null) return socket.destroySoon();
    context.observer.metrics.request('default', 'none', 'bad-request', { status: codes[code].status, seconds: 0 });
  });
}

/** A request that could be read in two ways. @param flaw what is wrong with it, a sentence for the sender */
export function turnBack(exchange: Exchange, flaw: string): void {
  const { req, res } = exchange;
  const { socket } = req;
  shut.add(socket);
  // Nor parsed: each request behind it would wait in memory for a turn that does not come.
  socket.removeAllListeners('data').on('data', () => undefined);
  const refusal: Refusal = { code: 'GW_BAD_REQUEST', detail: flaw, retryAfterSeconds: null };
  // Not by the response: node would close at once behind it, and bytes that are still on their way would undo the answer.
  inTurn(socket, res, () =>
    sendRawProblem(socket, refusal, exchange.own('none', 'bad-request'), req.method === 'HEAD'),
  );
  exchange.end({ side: 'none', because: 'bad-request', status: 400, code: refusal.code });
}

/**
 * Waits for the answers to whatever came before on the connection: they are owed, and an answer out of turn would be taken for
 * theirs. Then calls with the response whose turn it is: `own`, or one whose request has not come to its end, or none.
 */
export function inTurn(
  socket: Socket,
  own: ServerResponse | null,
  next: (current: ServerResponse | null) => void,
): void {
  if (socket.destroyed) return;
  // What node's own handler asks: the response that has the connection now.
  const current: unknown = Reflect.get(socket, '_httpMessage');
  if (!(current instanceof ServerResponse)) return next(null);
  if (current === own || !current.req.complete) return next(current);
  // Where node has let go of the connection, for an upgrade, its answers hear from here that it has room, or stands still.
  const onDrain = (): boolean => current.emit('drain');
  const onTimeout = (): void => void socket.destroy();
  socket.on('drain', onDrain).on('timeout', onTimeout);
  current.once('close', () => {
    socket.off('drain', onDrain).off('timeout', onTimeout);
    // Not in the same turn: node hands the connection to the next answer when one has closed.
    setImmediate(() => inTurn(socket, own, next));
  });
}

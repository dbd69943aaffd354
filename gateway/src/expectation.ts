/**
 * Callers that hold their body back until they are told to send it (`Expect: 100-continue`, RFC 9110, section 10.1.1). They are
 * told by the first who reads the body: so an upload that is refused is never sent.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakMap<object, ServerResponse>();

/** Notes that the sender of `req` waits. */
export function expectant(req: IncomingMessage, res: ServerResponse): void {
  waiting.set(req, res);
}

/** Whether the sender of this body still waits. What then comes on its connection could be the body or another request. */
export function waits(body: object): boolean {
  return waiting.has(body);
}

/** This body is about to be read: has its sender, if it waits, send it. */
export function invite(body: object): void {
  const res = waiting.get(body);
  if (res === undefined) return;
  waiting.delete(body);
  // Before the turn of its answer, where requests are pipelined, node would put it between that answer's head and its body.
  if (res.socket !== null) return tell(res);
  res.once('socket', () => tell(res));
  // Its sender did not wait, as it may: node need not close the connection for fear of a body that may still come.
  res.req.once('end', () => Reflect.set(res, '_sent100', true));
}

function tell(res: ServerResponse): void {
  if (!res.headersSent && !res.destroyed) res.writeContinue();
}

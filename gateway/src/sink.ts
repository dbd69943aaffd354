/**
 * Where an answer is written: node's response, or something that stands for it. Here is also what node's response has no method
 * for: answers before the answer, and heads that must not wait for their body.
 */
import { ServerResponse } from 'node:http';
import { headText } from './problem.ts';

/** As much of node's response as a forwarder uses, with node's meaning. */
export interface Sink {
  readonly headersSent: boolean;
  /** Fields are flat. */
  writeHead(status: number, reason: string, fields: string[]): unknown;
  flushHeaders(): void;
  /** Returns false when no more should be written before `drain`. */
  write(chunk: Buffer): boolean;
  once(event: 'drain', listener: () => void): unknown;
  addTrailers(trailers: readonly [name: string, value: string][]): void;
  end(last?: Buffer): unknown;
  /** @param last bytes as characters */
  end(last: string, encoding: 'latin1'): unknown;
  /** Cuts the answer off, so that it looks cut. */
  destroy(): unknown;
}

/**
 * Writes an interim answer (1xx), whichever it is: `writeEarlyHints` knows one, and wants to parse it. A sink that is not node's
 * response has no place for it, and drops it.
 */
export function inform(res: Sink, status: number, reason: string, fields: string[]): void {
  // Before the turn of its answer, where requests are pipelined, node would put it between that answer's head and its body.
  if (!(res instanceof ServerResponse) || res.headersSent || res.socket === null) return;
  // What node's own `writeContinue` and `writeEarlyHints` write with.
  const write: unknown = Reflect.get(res, '_writeRaw');
  if (typeof write === 'function') write.call(res, headText(status, reason, fields), 'latin1');
}

/** Something whose head has been written and is not on its way. */
export interface Headed {
  flushHead(): void;
}

let heads: Headed[] = [];

/**
 * Has a head flushed once what came with it has been written too. Node keeps a head until the first byte of its body; nearly
 * always that is in hand in the same turn of the event loop, and one packet does for both.
 */
export function afterHeads(headed: Headed): void {
  if (heads.push(headed) === 1) setImmediate(flush);
}

function flush(): void {
  const due = heads;
  heads = [];
  for (const headed of due) headed.flushHead();
}

/**
 * Request bodies on their way in. A small one is collected, because one buffer costs half of a stream; everything else streams,
 * watched so that a sender who stops sending does not hold a connection for ever.
 */
import type { IncomingMessage } from 'node:http';
import type { Seen } from './core/field.ts';
import type { Body } from './forward.ts';

// Measured break-even is higher, but this many bytes times a few thousand callers must fit into memory.
const COLLECT_BYTES = 64 * 1024;
/** Silence of a caller in the middle of a body, in milliseconds: as long as an upstream's may last. */
export const BODY_IDLE_MS = 30_000;

export type Collected = Body | { readonly kind: 'slow' } | { readonly kind: 'gone' };

/** Calls `done` once: at once for no body or a stream, else when the body is whole, too slow, or its sender has left. */
export function collect(req: IncomingMessage, seen: Seen, done: (body: Collected) => void): void {
  const length = seen.contentLength === null ? 0 : Number(seen.contentLength);
  if (!seen.chunked && length === 0) return done({ kind: 'none' });
  if (seen.chunked || length > COLLECT_BYTES) {
    watch(req);
    return done({ kind: 'stream', source: req });
  }
  gather(req, done);
}

function gather(req: IncomingMessage, done: (body: Collected) => void): void {
  const chunks: Buffer[] = [];
  let over = false;
  const finish = (body: Collected): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    done(body);
  };
  // For the whole body, since it is small: a sender of a byte a second is refused as well.
  const timer = setTimeout(() => finish({ kind: 'slow' }), BODY_IDLE_MS);
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.once('end', () =>
    finish({
      kind: 'whole',
      bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks),
    }),
  );
  req.once('error', () => finish({ kind: 'gone' }));
  req.once('close', () => finish({ kind: 'gone' }));
}

/** Cuts off a sender that falls silent in mid-body. */
export function watch(req: IncomingMessage): void {
  req.setTimeout(BODY_IDLE_MS, () => {
    if (!req.complete) req.destroy(new Error('the body stopped coming'));
  });
  req.once('end', () => req.setTimeout(0));
}

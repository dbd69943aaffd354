/** Reads one answer with node's own client and its parser, from bytes that no socket has carried. */
import { request } from 'node:http';
import { Duplex } from 'node:stream';
import type { Made } from './answers.ts';
import type { Told } from './core/wire/reading.ts';

export type Reading =
  | ({ readonly kind: 'whole' } & Told)
  /** `code`: node's. */
  | { readonly kind: 'bad'; readonly code: string }
  | { readonly kind: 'cut' };

/** Has the bytes come once something has been written, then its end. */
class Line extends Duplex {
  readonly #bytes: Buffer;
  #told = false;

  constructor(bytes: Buffer) {
    super({ allowHalfOpen: true, autoDestroy: true });
    this.#bytes = bytes;
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
    if (this.#told) return;
    this.#told = true;
    setImmediate(() => {
      if (this.#bytes.length > 0) this.push(this.#bytes);
      this.push(null);
    });
  }
}

export function readWithNode({ method, bytes }: Made): Promise<Reading> {
  return new Promise((resolve) => {
    const interim: [number, readonly string[]][] = [];
    const line = new Line(bytes);
    line.on('error', () => undefined);
    const asked = request({ method, host: 'a', path: '/', createConnection: () => line });
    const bad = (error: Error): void => {
      const code = 'code' in error ? String(error.code) : error.message;
      resolve(code === 'ECONNRESET' ? { kind: 'cut' } : { kind: 'bad', code });
    };
    asked.on('error', bad);
    asked.on('information', ({ statusCode, rawHeaders }) => interim.push([statusCode, rawHeaders]));
    asked.on('upgrade', (_incoming, socket) => {
      socket.destroy();
      resolve({ kind: 'bad', code: 'UPGRADE' });
    });
    asked.on('response', (incoming) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('error', bad);
      incoming.on('close', () => resolve({ kind: 'cut' }));
      incoming.on('end', () => {
        if (!incoming.complete) return resolve({ kind: 'cut' });
        const {
          statusCode: status = 0,
          statusMessage: reason = '',
          rawHeaders: fields,
          rawTrailers: trailers,
        } = incoming;
        resolve({
          kind: 'whole',
          status,
          reason,
          fields,
          body: Buffer.concat(parts).toString('latin1'),
          trailers,
          interim,
        });
      });
    });
    asked.on('close', () => resolve({ kind: 'cut' }));
    asked.end(method === 'POST' ? 'x' : undefined);
  });
}

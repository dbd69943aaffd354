/**
 * A caller's connection that reads what comes as strictly as a client may: what is no HTTP, or is more than was asked for, is
 * nonsense, and what ends before its framing says so is cut.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What became of one request on its connection. */
export type Got =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** Values by the field's name in lower case; of several, the last. */
      readonly fields: ReadonlyMap<string, string>;
      readonly body: Buffer;
    }
  /** The connection ended before any byte of the answer, in its head, or in its body. */
  | { readonly kind: 'cut'; readonly at: 'nothing' | 'head' | 'body' }
  | { readonly kind: 'nonsense'; readonly why: string }
  /** Neither an answer nor an end within the time. */
  | { readonly kind: 'silence' };

const NONE = Buffer.alloc(0);
const MAX_HEAD_BYTES = 256 * 1024;

export class Connection {
  readonly #socket: Socket;
  #bytes: Buffer = NONE;
  #ended = false;
  #wake: () => void = () => undefined;

  static async open(port: number): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port });
    const connection = new Connection(socket);
    await once(socket, 'connect');
    return connection;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    const onEnd = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.once('end', onEnd).once('close', onEnd);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes that came and that nobody has asked for. */
  get left(): number {
    return this.#bytes.length;
  }

  /** Resolves when there is room for more, or nobody to take it. */
  async send(data: string | Buffer): Promise<void> {
    if (this.#socket.destroyed || this.#socket.write(data)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  /** Closes the window: nothing is read until it is opened again. */
  shut(): void {
    this.#socket.pause();
  }

  reopen(): void {
    this.#socket.resume();
  }

  /** The next answer, to a request of this method. */
  async next(method: string, limitMs: number): Promise<Got> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const found = this.#parse(method);
      if (found.kind !== 'more') return found;
      if (this.#ended) {
        this.#bytes = NONE;
        return { kind: 'cut', at: found.at };
      }
      if (performance.now() >= deadline) return { kind: 'silence' };
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, deadline - performance.now()));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async end(how: 'close' | 'reset' = 'close'): Promise<void> {
    const closed = this.#socket.closed ? null : once(this.#socket, 'close');
    if (how === 'reset' && !this.#socket.destroyed) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    await closed;
  }

  #parse(method: string): Got | { readonly kind: 'more'; readonly at: 'nothing' | 'head' | 'body' } {
    for (;;) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end === -1) {
        if (this.#bytes.length > MAX_HEAD_BYTES) return nonsense(`a head without an end: ${start(this.#bytes)}`);
        return { kind: 'more', at: this.#bytes.length === 0 ? 'nothing' : 'head' };
      }
      const [line = '', ...rest] = this.#bytes.subarray(0, end).toString('latin1').split('\r\n');
      const status = Number(/^HTTP\/1\.1 (\d{3})(?: [^\r\n]*)?$/.exec(line)?.[1] ?? NaN);
      if (Number.isNaN(status)) return nonsense(`a status line: ${line.slice(0, 200)}`);
      if (status >= 200 || status === 101) return this.#message(method, status, { rest, from: end + 4 });
      this.#bytes = this.#bytes.subarray(end + 4);
    }
  }

  #message(
    method: string,
    status: number,
    { rest, from }: { readonly rest: readonly string[]; readonly from: number },
  ): Got | { readonly kind: 'more'; readonly at: 'body' } {
    const fields = new Map<string, string>();
    for (const text of rest) {
      const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(text) ?? [];
      if (name === undefined || value === undefined) return nonsense(`a field: ${text.slice(0, 200)}`);
      if (name.toLowerCase() === 'content-length' && fields.has('content-length')) return nonsense('two lengths');
      fields.set(name.toLowerCase(), value);
    }
    const body = this.#body(bodiless(method, status) ? 'none' : framingOf(fields), from);
    if (body.kind !== 'body') return body;
    this.#bytes = this.#bytes.subarray(body.end);
    return { kind: 'answer', status, fields, body: body.bytes };
  }

  #body(
    framing: 'none' | 'chunked' | 'unframed' | number,
    from: number,
  ): Extract<Got, { kind: 'nonsense' }> | { kind: 'more'; at: 'body' } | { kind: 'body'; bytes: Buffer; end: number } {
    const bytes = this.#bytes;
    if (framing === 'unframed') return nonsense('an answer whose end cannot be told');
    if (framing === 'none') return { kind: 'body', bytes: NONE, end: from };
    if (framing !== 'chunked')
      return bytes.length < from + framing
        ? { kind: 'more', at: 'body' }
        : { kind: 'body', bytes: Buffer.from(bytes.subarray(from, from + framing)), end: from + framing };
    const chunks: Buffer[] = [];
    for (let at = from; ;) {
      const line = bytes.indexOf('\r\n', at);
      if (line === -1) return { kind: 'more', at: 'body' };
      const size = bytes.subarray(at, line).toString('latin1');
      if (!/^[0-9a-f]+$/i.test(size)) return nonsense(`a chunk's size: ${size.slice(0, 200)}`);
      const length = parseInt(size, 16);
      if (length === 0) {
        // Trailers, if any, up to an empty line.
        const empty = bytes.indexOf('\r\n\r\n', line);
        return empty === -1
          ? { kind: 'more', at: 'body' }
          : { kind: 'body', bytes: Buffer.concat(chunks), end: empty + 4 };
      }
      const end = line + 2 + length;
      if (bytes.length < end + 2) return { kind: 'more', at: 'body' };
      if (bytes[end] !== 0x0d || bytes[end + 1] !== 0x0a) return nonsense('a chunk that is longer than its size');
      chunks.push(bytes.subarray(line + 2, end));
      at = end + 2;
    }
  }
}

const nonsense = (why: string): Extract<Got, { kind: 'nonsense' }> => ({ kind: 'nonsense', why });
const start = (bytes: Buffer): string => bytes.subarray(0, 200).toString('latin1');
const bodiless = (method: string, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304 || status === 101;

function framingOf(fields: ReadonlyMap<string, string>): 'chunked' | 'unframed' | number {
  const [coding, length] = [fields.get('transfer-encoding'), fields.get('content-length')];
  if (coding !== undefined) return coding === 'chunked' && length === undefined ? 'chunked' : 'unframed';
  return length !== undefined && /^\d+$/.test(length) ? Number(length) : 'unframed';
}

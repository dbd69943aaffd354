/** A request's body that streams: its head goes out with its first bytes, and no more is read of it than the connection takes. */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Written } from '../core/wire/request.ts';
import { WireError } from './call.ts';

export interface OutgoingEvents {
  /** Bytes have been written. */
  readonly sent: () => void;
  /** Whether the connection takes what it is given. */
  readonly taking: (taken: boolean) => void;
  readonly whole: () => void;
  readonly failed: (error: Error) => void;
}

export class Outgoing {
  readonly #socket: Socket;
  readonly #source: Readable;
  readonly #written: Written;
  readonly #events: OutgoingEvents;
  #began = false;
  #bytes = 0;
  #over = false;

  constructor(socket: Socket, source: Readable, written: Written, events: OutgoingEvents) {
    this.#socket = socket;
    this.#source = source;
    this.#written = written;
    this.#events = events;
    source.on('data', this.#onData).once('end', this.#onEnd).once('error', this.#onError).once('close', this.#onClose);
    if (source.errored !== null) this.#onError(source.errored);
    else if (source.destroyed) this.#onClose();
  }

  /** The connection takes more. */
  drained(): void {
    if (this.#over) return;
    this.#events.taking(true);
    this.#source.resume();
  }

  /** No more is wanted of it: whoever feeds it is let go. */
  stop(): void {
    this.#release();
    this.#source.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    const { bytes, chunked } = this.#written;
    if (chunk.length === 0) return;
    this.#bytes += chunk.length;
    if (bytes !== null && this.#bytes > bytes)
      return this.#fail(new WireError('unsendable', `the body has more than the ${bytes} bytes that it should have`));
    this.#socket.cork();
    this.#begin();
    if (chunked) this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    let taken = this.#socket.write(chunk);
    if (chunked) taken = this.#socket.write('\r\n', 'latin1');
    this.#socket.uncork();
    this.#events.sent();
    if (taken && !this.#socket.writableNeedDrain) return;
    this.#source.pause();
    this.#events.taking(false);
  };

  readonly #onEnd = (): void => {
    const { bytes, chunked } = this.#written;
    if (bytes !== null && this.#bytes < bytes)
      return this.#fail(new WireError('unsendable', `the body has ${this.#bytes} of its ${bytes} bytes`));
    this.#release();
    this.#socket.cork();
    this.#begin();
    if (chunked) this.#socket.write('0\r\n\r\n', 'latin1');
    this.#socket.uncork();
    this.#events.whole();
  };

  #begin(): void {
    if (this.#began) return;
    this.#began = true;
    this.#socket.write(this.#written.text, 'latin1');
  }

  readonly #onError = (error: Error): void => this.#fail(error);

  readonly #onClose = (): void => this.#fail(new WireError('unsendable', 'the body is there no more'));

  #fail(error: Error): void {
    if (this.#over) return;
    this.#release();
    this.#events.failed(error);
  }

  #release(): void {
    this.#over = true;
    this.#source
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose);
  }
}

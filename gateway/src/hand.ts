/**
 * The connections between the port and the workers: the primary accepts, never reads, and hands over. A connection is the
 * primary's until its worker has said that it took it, so that of a worker that dies nothing is lost but what was in its hands.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';

// Connections that arrive while no worker serves: some seconds of them, and then callers are better told than kept.
const MAX_WAITING = 1_024;
// As long as a new worker may take on a busy machine; callers rarely wait longer for a connection.
const WAIT_MS = 10_000;
// A worker that is up takes a connection in a millisecond. After this the primary lets go of its end: the worker may still have it.
const TAKE_MS = 10_000;

/**
 * What of a connection can go to another process. Node would send a `Socket` as well, and make one of it on the other side, but
 * one that begins to read at once, before it can be said that it was taken; cluster's own connections are handed over as this is.
 */
export function handleOf(socket: Socket): unknown {
  return Reflect.get(socket, '_handle');
}

/** A connection that was handed over, as node's own HTTP server has it: half-open, not read yet. */
export function socketOf(handle: unknown): Socket {
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true, readable: true, writable: true };
  return new Socket(options as SocketConstructorOpts);
}

interface Waiting {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

/** Connections that wait for somebody to serve them. */
export class Queue {
  readonly #waiting: Waiting[] = [];

  add(socket: Socket): void {
    if (this.#waiting.length >= MAX_WAITING) return void socket.destroy();
    const timer = setTimeout(() => {
      this.#waiting.splice(
        this.#waiting.findIndex((one) => one.socket === socket),
        1,
      );
      socket.destroy();
    }, WAIT_MS);
    this.#waiting.push({ socket, timer });
  }

  /** All of them, in the order of their arrival; the queue is empty then. */
  takeAll(): readonly Socket[] {
    return this.#waiting.splice(0).map(({ socket, timer }) => {
      clearTimeout(timer);
      return socket;
    });
  }
}

/** Connections that one worker was handed and has not taken yet. */
export class Handed {
  readonly #sockets = new Map<number, Waiting>();
  #count = 0;

  /** How many were handed over in all. */
  get count(): number {
    return this.#count;
  }

  add(id: number, socket: Socket): void {
    this.#count += 1;
    this.#sockets.set(id, { socket, timer: setTimeout(() => this.took(id), TAKE_MS) });
  }

  /** The primary's end is closed; that does not close the connection. */
  took(id: number): void {
    const one = this.#sockets.get(id);
    if (one === undefined) return;
    this.#sockets.delete(id);
    clearTimeout(one.timer);
    one.socket.destroy();
  }

  /** Of a worker that is dead: what it had not taken, untouched. */
  takeBack(): readonly Socket[] {
    const left = [...this.#sockets.values()];
    this.#sockets.clear();
    return left.map(({ socket, timer }) => {
      clearTimeout(timer);
      return socket;
    });
  }
}

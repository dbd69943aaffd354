/**
 * Connections for second questions, with what undici 7.30 needs to outlive bad requests and bad timing. (Callers' requests go over our
 * own: `wire/`.)
 *
 * A pool takes a client that refuses a request for a busy one, and waits for ever for it to become free: as many bad requests as
 * there are connections would cut the upstream off (`pool-base.js`). So a client with nothing in hand says that it is free.
 *
 * An answer whose connection closes behind it is finished by undici when the connection ends. If the caller reads slowly, the
 * answer's parser is paused then, which `Parser.finish` takes for impossible. So a paused parser is resumed a moment before
 * undici hears of the end; of a reset, it hears by another name, with which it does not finish the answer but fails it.
 */
import type { Socket } from 'node:net';
import { buildConnector, Client, type Dispatcher } from 'undici';

class Connection extends Client {
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return super.dispatch(options, handler) || this.stats.size === 0;
  }
}

/** What a pool makes its clients with. */
export function connection(origin: URL, options: object): Dispatcher {
  return new Connection(origin, options);
}

/** @param connectMs for the connection and its TLS, in milliseconds */
export function connector(connectMs: number): buildConnector.connector {
  const open = buildConnector({ timeout: connectMs });
  return (options, callback) =>
    open(options, (...result) => {
      // Ahead of undici's own listeners, which it adds once it is handed the connection.
      if (result[0] === null) guard(result[1]);
      callback(...result);
    });
}

function guard(socket: Socket): void {
  socket.on('end', () => {
    const parser = parserOf(socket);
    if (parser?.paused === true) parser.resume();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET' && parserOf(socket)?.paused === true) error.code = 'EPIPE';
  });
}

interface Parser {
  readonly paused: boolean;
  resume(): void;
}

function parserOf(socket: Socket): Parser | null {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser');
  const parser: unknown = key === undefined ? null : Reflect.get(socket, key);
  return typeof parser === 'object' && parser !== null && 'paused' in parser && 'resume' in parser
    ? (parser as Parser)
    : null;
}

/**
 * Opens connections to upstreams for undici, and keeps one of its assertions from ending the process (7.30, `client-h1.js`).
 *
 * An answer whose connection closes behind it is finished by undici when the connection ends. If the caller reads slowly, the
 * answer's parser is paused then, which `Parser.finish` takes for impossible. So a paused parser is resumed a moment before
 * undici hears of the end; of a reset, it hears by another name, with which it does not finish the answer but fails it.
 */
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

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

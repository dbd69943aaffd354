/** Ports of 127.0.0.1: is this one free, and give me one that is. */
import { createServer } from 'node:net';
import { StackError } from './errors.ts';

/** A port that nobody listens on now. Somebody may before it is used: callers that can, try again. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** So many ports, no two the same; otherwise as {@link freePort}. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const listeners = await Promise.all(Array.from({ length: count }, () => listen(0)));
  await Promise.all(listeners.map(({ close }) => close()));
  return listeners.map(({ port }) => port);
}

/**
 * @param what what is to listen there, for the message; may name the variable that changes the port
 * @throws StackError STACK_PORT_TAKEN, or STACK_PERMISSION for a port that this account may not use
 */
export async function assertFree(port: number, what: string): Promise<void> {
  try {
    await (await listen(port)).close();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EACCES')
      throw new StackError(
        'STACK_PERMISSION',
        `Port ${port} for ${what} needs privileges (ports below 1024 do). Choose a higher one.`,
        { cause },
      );
    throw new StackError(
      'STACK_PORT_TAKEN',
      `Port ${port} for ${what} is taken (${code ?? String(cause)}). Stop what listens there, or choose another port.`,
      { cause },
    );
  }
}

interface Listener {
  readonly port: number;
  readonly close: () => Promise<void>;
}

function listen(port: number): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const chosen = typeof address === 'object' && address !== null ? address.port : port;
      resolve({ port: chosen, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

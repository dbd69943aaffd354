/** Ports of 127.0.0.1: is this one free, and give me one that is. */
import { createServer } from 'node:net';
import { StackError } from './errors.ts';

/** A port that nobody listens on now. Somebody may before it is used: callers that can, try again. */
export async function freePort(): Promise<number> {
  return (await listen(0)).port;
}

/**
 * @param what what is to listen there, for the message; may name the variable that changes the port
 * @throws StackError STACK_PORT_TAKEN, or STACK_PERMISSION for a port that this account may not use
 */
export async function assertFree(port: number, what: string): Promise<void> {
  try {
    await listen(port);
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

/** Listens for an instant. */
function listen(port: number): Promise<{ readonly port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const chosen = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve({ port: chosen }));
    });
  });
}

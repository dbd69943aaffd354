/** The log: JSON lines on standard error, written behind the back of the event loop. */
import { pino, type Logger } from 'pino';

// What a pipe takes in one piece (PIPE_BUF of Linux): lines of several workers on one pipe are not torn by each other.
const WRITE_BYTES = 4_096;
// Lines that a reader does not take are dropped beyond this: a stuck collector must not fill the facade's memory.
const MOST_BYTES = 16 * 1024 * 1024;
// Each write wakes a thread, which on a busy core costs a quarter of a millisecond: lines wait for each other, and this long at most.
const FLUSH_EVERY_MS = 250;

/** @param worker the name of a worker, on each of its lines; null: there is one process */
export function openLog(worker: string | null): Logger {
  const destination = pino.destination({
    dest: 2,
    sync: false,
    minLength: WRITE_BYTES / 2,
    maxWrite: WRITE_BYTES,
    maxLength: MOST_BYTES,
    periodicFlush: FLUSH_EVERY_MS,
  });
  // pino adds the process's id and the host's name to these by itself.
  return worker === null
    ? pino({ name: 'gateway' }, destination)
    : pino({ name: 'gateway', mixin: () => ({ worker }) }, destination);
}

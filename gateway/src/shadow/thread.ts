/** The comparison thread: takes one task at a time and says what it came to. Started by `compare.ts`, and by nobody else. */
import { openSync, readSync } from 'node:fs';
import { setPriority } from 'node:os';
import { platform } from 'node:process';
import { parentPort } from 'node:worker_threads';
import { judge, type Judged, type Task } from './judge.ts';

// On one core with the facade it waits for callers, not they for it. Linux alone takes the priority for this thread's.
const PRIORITY = 10;
if (platform === 'linux') setPriority(PRIORITY);

const BROKEN: Judged = { verdict: 'skipped', because: 'budget' };

const clock = clockOf();

parentPort?.on('message', (task: Task) => {
  judge(task, clock)
    .catch(() => BROKEN) // As deep, or as odd, as no comparison can bear.
    .then((judged) => parentPort?.postMessage(judged))
    .catch(() => undefined);
});

/** Milliseconds of processor time that this thread has had, as Linux tells; elsewhere, of time. */
function clockOf(): () => number {
  if (platform !== 'linux') return () => performance.now();
  try {
    const file = openSync('/proc/thread-self/schedstat', 'r');
    const bytes = Buffer.alloc(64); // Three numbers, of nanoseconds the first.
    return () => Number(bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0)).split(' ', 1)[0]) / 1e6;
  } catch {
    return () => performance.now(); // A kernel without these figures.
  }
}

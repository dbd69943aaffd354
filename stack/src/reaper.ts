/**
 * The program that outlives a stack killed with SIGKILL, and clears up after it. It is told over its standard input which
 * processes to watch; when that input ends while some are left, whoever told it is dead, and it stops them: the last one
 * first, so that Postgres, which came first, goes last. It never outlives that by more than the limits below.
 *
 * Lines: `+ <pid> <signal>` (watch the group led by pid, stop it with signal) and `- <pid>` (it has ended).
 */
import { createInterface } from 'node:readline';
import { alive, signal, within } from './processes.ts';

const GRACE_MS = 4_000; // A service's own limit for finishing what is in hand, twice (see supervisor.ts).

const watched = new Map<number, NodeJS.Signals>();

// The terminal's Ctrl-C does not reach this process (own group); a `kill` of the whole session may, and must not disarm it.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, pid, name] = line.split(' ');
  if (verb === '+') watched.set(Number(pid), name as NodeJS.Signals);
  if (verb === '-') watched.delete(Number(pid));
}

for (const [pid, name] of [...watched].reverse()) {
  signal(pid, name);
  await within(GRACE_MS, () => !alive(pid));
  signal(-pid, 'SIGKILL'); // The leader, where it is still there, and whatever it left.
}

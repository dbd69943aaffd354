/** One upstream of the soak as its owner has it: it dies and comes back, stands still and goes on, and leaves a journal. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, type Running } from '../../../test/support/processes.ts';
import { pause } from './dice.ts';

export type Who = 'legacy' | 'orders';

/** What an upstream was asked and what it did, over all of its lives. */
export interface Journal {
  /** How often each request that is no read arrived, by its id; shadows are not among them. */
  readonly writes: ReadonlyMap<string, number>;
  /** How often it failed, by the kind of failure. */
  readonly faults: ReadonlyMap<string, number>;
  /** Copies of writes that were not marked as dry runs. */
  readonly shadowed: readonly string[];
  readonly shadows: number;
}

export interface Side {
  readonly who: Who;
  readonly url: string;
  /** Kills it, and starts it again on its port `downMs` later. */
  kill(downMs: number): Promise<void>;
  /** Stops it in its tracks for so long: its connections are open, and nothing answers. */
  freeze(ms: number): Promise<void>;
  /** Whether it was down or frozen at some moment of this time, or a moment before, on the clock of `performance.now()`. */
  troubled(from: number, to: number): boolean;
  journal(): Promise<Journal>;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('upstream.mjs', import.meta.url));
// A request that begins after it meets a server that is up; what is left are connections that do not know yet.
const AFTERMATH_MS = 1_000;

/** @param number of the process, of several for one side: they answer alike */
export async function startSide(who: Who, folder: string, number = 1): Promise<Side> {
  const file = join(folder, `${who}${number}.journal`);
  const troubles: { from: number; to: number }[] = [];
  const launch = async (at: number): Promise<{ running: Running; port: number }> => {
    const running = run(process.execPath, [program, who, String(at), file]);
    const line = await running.line(/^listening /);
    return { running, port: Number(line.slice('listening '.length)) };
  };
  let { running, port } = await launch(0);
  const trouble = async (what: () => Promise<void>): Promise<void> => {
    const one = { from: performance.now(), to: Infinity };
    troubles.push(one);
    await what();
    one.to = performance.now();
  };
  return {
    who,
    url: `http://127.0.0.1:${port}`,
    kill: (downMs) =>
      trouble(async () => {
        await running.stop('SIGKILL');
        await pause(downMs);
        ({ running, port } = await launch(port));
      }),
    freeze: (ms) =>
      trouble(async () => {
        process.kill(running.pid, 'SIGSTOP');
        await pause(ms);
        process.kill(running.pid, 'SIGCONT');
      }),
    troubled: (from, to) => troubles.some((one) => one.from < to && from < one.to + AFTERMATH_MS),
    journal: async () => read(await readFile(file, 'utf8')),
    stop: async () => void (await running.stop('SIGKILL')),
  };
}

function read(text: string): Journal {
  const [writes, faults] = [new Map<string, number>(), new Map<string, number>()];
  const shadowed: string[] = [];
  let shadows = 0;
  const count = (map: Map<string, number>, key: string): unknown => map.set(key, (map.get(key) ?? 0) + 1);
  for (const line of text.split('\n')) {
    const [what, how = '', id = ''] = line.split(' ');
    if (what === 'fault') count(faults, how);
    if (what === 'asked' && !['GET', 'HEAD', 'UPGRADE'].includes(how)) count(writes, id);
    if (what !== 'shadow') continue;
    shadows += 1;
    if (id.startsWith('w') && how !== 'dry') shadowed.push(id);
  }
  return { writes, faults, shadowed, shadows };
}

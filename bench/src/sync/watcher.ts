/**
 * Watches for rows from a thread of its own: asks the target for the next row until it is there. While there is nothing to look for it
 * sleeps. Run by {@link watch} alone.
 */
import { workerData, parentPort } from 'node:worker_threads';
import { connect } from './place.ts';

/** What the thread is started with. */
export interface Watching {
  readonly url: string;
  readonly relation: string;
  readonly first: number;
  readonly count: number;
  /** Between two questions; 0: none, which takes most of a core. */
  readonly pauseMs: number;
  /** One Int32: how many rows have been sent. */
  readonly sent: SharedArrayBuffer;
  /** Without a sign of the next row for so long it gives up. */
  readonly limitMs: number;
}

/** What it answers at the end: milliseconds of the clock that all threads share, of each row. Before that: `ready`. */
export type Watched = { readonly kind: 'ready' } | { readonly kind: 'seen'; readonly visible: readonly number[] };

/** Milliseconds of a clock that all threads of this process share. */
export function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function watch({ url, relation, first, count, pauseMs, sent, limitMs }: Watching): Promise<readonly number[]> {
  const client = await connect(url);
  const written = new Int32Array(sent);
  const never = new Int32Array(new SharedArrayBuffer(4));
  const text = `SELECT 1 FROM ${relation} WHERE reading_id = $1`;
  const visible: number[] = [];
  parentPort?.postMessage({ kind: 'ready' } satisfies Watched);
  let deadline = clock() + limitMs;
  while (visible.length < count) {
    // Nothing to look for: leave the cores to those who work.
    Atomics.wait(written, 0, visible.length, limitMs);
    const { rowCount } = await client.query({ name: 'visible', text, values: [first + visible.length] });
    if (rowCount === 1) {
      visible.push(clock());
      deadline = clock() + limitMs;
    } else if (clock() > deadline) throw new Error(`${relation} did not show row ${first + visible.length}`);
    else if (pauseMs > 0) Atomics.wait(never, 0, 0, pauseMs);
  }
  await client.end();
  return visible;
}

if (parentPort !== null)
  parentPort.postMessage({ kind: 'seen', visible: await watch(workerData as Watching) } satisfies Watched);

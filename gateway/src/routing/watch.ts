/**
 * Watches `routing.yaml` and tells of each new content once. It looks at the file ten times a second: that sees every way of
 * replacing a file alike (in place, rename, symlink swap, a ConfigMap's double symlink, network file systems), which
 * notifications do not, and costs one `stat`.
 */
import { readFile, stat } from 'node:fs/promises';
import { look, looksCut, SUSPECT_QUIET_MS, type Settling, type Stamp } from '../core/settle.ts';

const POLL_MS = 100;

export interface Watch {
  /** Reads the file again now, changed or not (SIGHUP). */
  poke(): void;
  close(): void;
}

/**
 * @param text what was read at the start
 * @param onChange called with each new content, one call at a time; it must not throw
 */
export function watchFile(path: string, text: string, onChange: (text: string) => Promise<void>): Watch {
  let known = text;
  let state: Settling = { read: '', pending: null };
  let forced = false;
  let closed = false;
  const turn = async (): Promise<void> => {
    const stamp = await stampOf(path);
    const seen = look(state, stamp, performance.now());
    state = seen.next;
    const due =
      forced && stamp !== null
        ? { stamp, stillFor: SUSPECT_QUIET_MS }
        : seen.kind === 'read' && state.pending !== null
          ? { stamp: state.pending.stamp, stillFor: seen.stillFor }
          : null;
    if (due === null) return;
    const content = await readFile(path, 'utf8').catch(() => null);
    // Written again while it was read: the next look decides.
    if (content === null || (await stampOf(path)) !== due.stamp) return;
    if (looksCut(content, known) && due.stillFor < SUSPECT_QUIET_MS) return;
    state = { read: due.stamp, pending: null };
    if (content === known && !forced) return;
    known = content;
    forced = false;
    await onChange(content);
  };
  const run = async (): Promise<void> => {
    state = { read: (await stampOf(path)) ?? '', pending: null };
    // Changed between the first reading and this one: the content tells, for the stamp of then is not known.
    if ((await readFile(path, 'utf8').catch(() => text)) !== text) state = { read: '', pending: null };
    while (!closed) {
      await turn().catch(() => undefined); // A file that cannot be looked at now is looked at again in a moment.
      await new Promise((done) => setTimeout(done, POLL_MS).unref());
    }
  };
  void run();
  return {
    poke: () => {
      forced = true;
    },
    close: () => {
      closed = true;
    },
  };
}

async function stampOf(path: string): Promise<Stamp | null> {
  try {
    const { ino, dev, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    return null;
  }
}

/**
 * Watches `routing.yaml` and tells of each new content once. It looks at the file ten times a second: that sees every way of
 * replacing a file alike (in place, rename, symlink swap, a ConfigMap's double symlink, network file systems), which
 * notifications do not, and costs one `stat`.
 */
import { stat } from 'node:fs/promises';
import { look, looksCut, SUSPECT_QUIET_MS, type Settling, type Stamp } from '../core/settle.ts';
import { readBytes } from '../routing.ts';

const POLL_MS = 100;

export interface Watch {
  /** Reads the file again now, changed or not (SIGHUP). Resolves when it has been told of. */
  poke(): Promise<void>;
  close(): void;
}

/**
 * @param text what was read at the start
 * @param onChange called with each new content, one call at a time; it must not throw
 */
export function watchFile(path: string, text: string, onChange: (bytes: Uint8Array) => Promise<void>): Watch {
  const watcher = new Watcher(path, text, onChange);
  void watcher.run();
  return watcher;
}

class Watcher implements Watch {
  readonly #path: string;
  readonly #onChange: (bytes: Uint8Array) => Promise<void>;
  #known: string;
  #state: Settling = { read: '', pending: null };
  #asking: (() => void)[] = [];
  #wake: () => void = () => undefined;
  #closed = false;

  constructor(path: string, text: string, onChange: (bytes: Uint8Array) => Promise<void>) {
    this.#path = path;
    this.#known = text;
    this.#onChange = onChange;
  }

  poke(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((done) => {
      this.#asking.push(done);
      this.#wake();
    });
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async run(): Promise<void> {
    // Changed between the first reading and this one: the content tells, for the stamp of then is not known.
    const stamp = (await stampOf(this.#path)) ?? '';
    if (toText(await readBytes(this.#path).catch(() => null)) === this.#known)
      this.#state = { read: stamp, pending: null };
    while (!this.#closed) {
      const asking = this.#asking.splice(0);
      await this.#turn(asking.length > 0).catch(() => undefined); // What cannot be looked at now is looked at again in a moment.
      for (const done of asking) done();
      if (this.#asking.length === 0 && !this.#closed) await this.#pause();
    }
    for (const done of this.#asking.splice(0)) done();
  }

  #pause(): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, POLL_MS).unref();
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  async #turn(asked: boolean): Promise<void> {
    const stamp = await stampOf(this.#path);
    const seen = look(this.#state, stamp, performance.now());
    this.#state = seen.next;
    const stillFor = seen.kind === 'read' ? seen.stillFor : null;
    if (stamp === null || (stillFor === null && !asked)) return;
    const bytes = await readBytes(this.#path);
    // Written again while it was read: the next look decides.
    if ((await stampOf(this.#path)) !== stamp) return;
    const text = toText(bytes);
    if (!asked && looksCut(text, this.#known) && (stillFor ?? 0) < SUSPECT_QUIET_MS) return;
    // What was read because somebody asked may be half-written, so it is looked at again when it has kept still.
    if (stillFor !== null) this.#state = { read: stamp, pending: null };
    if ((text === this.#known && !asked) || this.#closed) return;
    this.#known = text;
    await this.#onChange(bytes);
  }
}

const toText = (bytes: Uint8Array | null): string => (bytes === null ? '' : Buffer.from(bytes).toString('utf8'));

async function stampOf(path: string): Promise<Stamp | null> {
  try {
    const { ino, dev, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    return null;
  }
}

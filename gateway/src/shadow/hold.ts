/**
 * How much memory second questions hold, over all of the process: of what is beyond it nothing is kept, whoever is slow.
 */

// Per request: its fields, and the objects that stand for it, node's own among them.
const OVERHEAD_BYTES = 16 * 1024;
// Some seconds of the requests that one process serves to a slow candidate; beyond it, more evidence is not worth its memory.
const MAX_HELD = 1_024;
const MAX_HELD_BYTES = 64 * 1024 * 1024;

export class Hold {
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns whether there was room for one more, with a body of so many bytes */
  enter(bytes: number): boolean {
    if (this.#count >= MAX_HELD || !this.grow(OVERHEAD_BYTES + bytes)) return false;
    this.#count += 1;
    return true;
  }

  /** @returns whether there was room for so many bytes more */
  grow(bytes: number): boolean {
    if (this.#bytes + bytes > MAX_HELD_BYTES) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives back what one has taken: with `enter`, and with `grow` since. */
  leave(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= OVERHEAD_BYTES + bytes;
  }
}

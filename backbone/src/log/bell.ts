/** How the loops of this package wake each other: a ring that nobody waits for is kept for the next one who does. */
export class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, or after `ms`. For one waiter at a time. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = null;
    this.#rung = false;
  }
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000; // A server that was restarted is noticed within this.

/** How long to wait after `failures` in a row: 50 ms, doubled each time, 5 s at the most. */
export function backoffMs(failures: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** Math.max(0, failures - 1), LONGEST_WAIT_MS);
}

/** So many a second and no more: what keeps a storm of failures from filling a disk with lines that all say the same. */

const SECOND_MS = 1_000;

export class Ration {
  readonly #perSecond: number;
  /** When the second began that is counted in, on the caller's clock. */
  #since = -Infinity;
  #taken = 0;
  #refused = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Takes one. @param now milliseconds of a clock that does not go back. @returns false: there are no more in this second */
  take(now: number): boolean {
    if (now - this.#since >= SECOND_MS) {
      this.#since = now;
      this.#taken = 0;
    }
    if (this.#taken < this.#perSecond) {
      this.#taken += 1;
      return true;
    }
    this.#refused += 1;
    return false;
  }

  /** How many were refused since this was asked last. */
  refused(): number {
    const count = this.#refused;
    this.#refused = 0;
    return count;
  }
}

/** What `decide` may know of the moment: which breakers are open, and what legacy has to spare. */
import type { Facts } from './core/decide.ts';
import type { Fleet } from './upstream.ts';

export class Moment implements Facts {
  readonly #fleet: Fleet;
  #withheld = false;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Whether somebody asked for what there was no budget for. */
  get withheld(): boolean {
    return this.#withheld;
  }

  open(upstream: string): boolean {
    return this.#fleet.get(upstream)?.breaker.refusing ?? false;
  }

  spare(upstream: string): boolean {
    const spares = this.#fleet.get(upstream)?.spares ?? false;
    if (!spares) this.#withheld = true;
    return spares;
  }
}

/**
 * One request that is asked a second time: listens to the caller's answer, asks the other side, and hands both answers over
 * when they are there.
 *
 * A read is asked when the caller has had its answer: nothing of it then stands in the caller's way, neither here nor, on a machine
 * that they share, at the two sides; and where that answer failed, was cut or is too large, the other side is spared. A dry run is
 * asked at once (in the next turn of the event loop), for it must find what the write found: afterwards the order is booked.
 */
import type { Also } from '../core/decide.ts';
import type { Fields } from '../core/field.ts';
import type { Side } from '../core/side.ts';
import type { Route, Table } from '../core/table.ts';
import type { Body, Result } from '../forward.ts';
import { DRY_RUN } from './dryrun.ts';
import type { Hold } from './hold.ts';
import type { Lane } from './lane.ts';
import type { Drop, Errand, Half, Limits, Pair, Question } from './question.ts';
import type { Tee } from './tee.ts';

/** Tells the one who is asked that somebody else answers. */
const SHADOW = 'banyan-shadow';

/** A request as it is begun. */
export interface Beginning {
  readonly table: Table;
  readonly route: Route;
  readonly also: Also;
  /** Who answers the caller, and its address. */
  readonly answered: Side;
  readonly origin: string;
  readonly requestId: string;
  readonly body: Body;
  /** What goes to the other side, our marks left out; asked for when its turn comes. Null: it cannot be asked this. */
  readonly question: () => Question | null;
  /** What either side's answer says, where the two answer in different forms; null: as it came. */
  readonly view: Pair['view'];
}

/** What all of them share. */
export interface Surroundings {
  readonly hold: Hold;
  readonly dropped: (route: string, reason: Drop) => void;
  readonly compare: (pair: Pair) => void;
  /** A lane to the other side; null: it is given a pause. */
  readonly lane: () => Lane | null;
}

export class Shadow implements Tee, Errand {
  readonly route: Route;
  readonly limits: Limits;
  readonly #begun: Beginning;
  readonly #around: Surroundings;
  readonly #startedAt: number = performance.now();
  readonly #chunks: Buffer[] = [];
  #lane: Lane | null = null;
  #held: number;
  #bytes = 0;
  #status = 0;
  #fields: Fields = [];
  #headMs = 0;
  #control: Half | null = null;
  #candidate: Half | null = null;
  #over = false;

  /** `hold` has been entered with the bytes of its body. */
  constructor(begun: Beginning, around: Surroundings) {
    this.route = begun.route;
    this.limits = begun.route.budget;
    this.#begun = begun;
    this.#around = around;
    this.#held = begun.body.kind === 'whole' ? begun.body.bytes.length : 0;
    if (begun.also.as === 'dry-run') this.#offer();
  }

  head(status: number, fields: Fields): void {
    this.#status = status;
    this.#fields = fields;
    this.#headMs = performance.now() - this.#startedAt;
    let length = 0;
    for (const part of fields) length += part.length;
    this.keep(length);
  }

  data(chunk: Buffer): void {
    if (this.#over) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.limits.bytes) return this.dropped('too-large');
    if (this.keep(chunk.length)) this.#chunks.push(chunk);
  }

  keep(bytes: number): boolean {
    if (this.#over) return false;
    if (this.#around.hold.grow(bytes)) {
      this.#held += bytes;
      return true;
    }
    this.dropped('queue-full');
    return false;
  }

  /** The caller's answer has ended. */
  end(result: Result): void {
    if (this.#over) return;
    if (result.kind === 'abandoned') return this.dropped('abandoned');
    if (result.kind === 'failed' || !result.complete) return this.dropped('control');
    this.#control = {
      kind: 'answered',
      status: this.#status,
      fields: this.#fields,
      body: this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : Buffer.concat(this.#chunks),
      headMs: this.#headMs,
      wholeMs: performance.now() - this.#startedAt,
    };
    if (this.#begun.also.as === 'read') this.#offer();
    else this.#meet();
  }

  #offer(): void {
    this.#lane = this.#around.lane();
    const refused = this.#lane === null ? 'breaker' : this.#lane.offer(this);
    if (refused !== null) this.dropped(refused);
  }

  question(): Question | null {
    const question = this.#begun.question();
    if (question === null) return null;
    const marks = this.#begun.also.as === 'read' ? [SHADOW, '1'] : [SHADOW, '1', DRY_RUN, '1'];
    return { ...question, headers: [...question.headers, ...marks] };
  }

  heard(half: Half): void {
    if (this.#over) return;
    this.#candidate = half;
    this.#meet();
  }

  dropped(reason: Drop): void {
    if (this.#over) return;
    this.#leave();
    this.#around.dropped(this.route.id, reason);
    this.#lane?.forget(this);
  }

  /** Hands both halves over once they are there. */
  #meet(): void {
    const { route, also, table, answered, origin, requestId, view } = this.#begun;
    if (this.#control === null || this.#candidate === null) return;
    this.#leave();
    if (this.#candidate.kind === 'late') this.#around.dropped(route.id, 'budget');
    if (this.#candidate.kind === 'large') this.#around.dropped(route.id, 'too-large');
    const origins = { control: origin, candidate: table.upstreams.get(also.upstream)?.urls[0] ?? '' };
    const [control, candidate] = [this.#control, this.#candidate];
    this.#around.compare({ table, route, answered, as: also.as, requestId, control, candidate, origins, view });
  }

  #leave(): void {
    this.#over = true;
    this.#around.hold.leave(this.#held);
    this.#chunks.length = 0;
  }
}

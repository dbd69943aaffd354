/**
 * Dry runs of writes on one address: one connection, on which the other side has proved, for the route and before anything is
 * sent, that it honours `banyan-dry-run: 1` (`core/proof.ts`). What cannot be proved is dropped; a side whose answer to a dry run
 * lacks the echo gets no more of that route.
 */
import type { Dispatcher } from 'undici';
import { valuesOf, without } from '../core/flat.ts';
import { afterDryRun, afterQuestion, nextOf, UNASKED, type Proof } from '../core/proof.ts';
import { Asking, type Address, type AskingOptions } from './asking.ts';
import { unasked, type Carry, type Ended } from './lane.ts';
import type { Errand, Half, Question } from './question.ts';

/** A field of requests and answers. */
export const DRY_RUN = 'banyan-dry-run';

/** What the addresses of one upstream share, for one generation. */
export interface Proofs {
  /** Routes that get no more dry runs, with the reason. */
  readonly stopped: Map<string, string>;
  /** Told of each change. */
  readonly tell: (route: string, proof: Proof) => void;
}

// Question, write, and both once more: that a connection closes between the two happens by chance once, not twice.
const MAX_STEPS = 4;
// What answers OPTIONS at length has not understood it.
const MAX_ANSWER_BYTES = 64 * 1024;

// Not of the question: what frames or qualifies a body, and what would make it a browser's own OPTIONS (CORS).
const OF_THE_WRITE: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-md5',
  'digest',
  'content-digest',
  'origin',
  'access-control-request-method',
  'access-control-request-headers',
]);

/** A body-less question with the fields of the write, so that it reaches whom the write would reach. */
function questionBefore({ path, headers }: Question): Question {
  return { method: 'OPTIONS', path, headers: without(headers, OF_THE_WRITE), body: null };
}

/** The dry runs on one address. */
export class DryRuns {
  readonly client: Dispatcher;
  readonly address: Address;
  readonly #proofs: Proofs;
  /** What each route has proved on this address. */
  readonly #known = new Map<string, Proof>();
  #connections = 0;
  #open = false;

  /** @param client has one connection at a time, and one request on it */
  constructor(client: Dispatcher, address: Address, proofs: Proofs) {
    this.client = client;
    this.address = address;
    this.#proofs = proofs;
    client.on('connect', () => {
      this.#connections += 1;
      this.#open = true;
    });
    client.on('disconnect', () => (this.#open = false));
  }

  /** Which connection is open now, counted from 1; null: none. */
  get connection(): number | null {
    return this.#open ? this.#connections : null;
  }

  /** What is known of a route here. */
  proofOf(route: string): Proof {
    const because = this.#proofs.stopped.get(route);
    return because === undefined ? (this.#known.get(route) ?? UNASKED) : { kind: 'stopped', because };
  }

  /** What has been learnt of a route here. */
  learn(route: string, proof: Proof): void {
    const before = this.proofOf(route);
    if (before.kind === 'stopped') return;
    if (proof.kind === 'stopped') this.#proofs.stopped.set(route, proof.because);
    else this.#known.set(route, proof);
    if (proof.kind !== before.kind) this.#proofs.tell(route, proof);
  }

  /** A new generation: everything has to be proved again. */
  renew(): void {
    this.#known.clear();
  }

  readonly carry: Carry = (errand, ended) => {
    const question = errand.question();
    if (question === null) return unasked(errand, ended);
    const run = new Run(this, { errand, question }, ended);
    run.step();
    return () => run.cancel();
  };
}

/** One write on its way: asked about first, where that is needed. */
class Run {
  readonly #place: DryRuns;
  readonly #errand: Errand;
  readonly #ended: (how: Ended) => void;
  readonly #question: Question;
  #asking: Asking | null = null;
  #attempts = 0;
  #refused = false;

  constructor(
    place: DryRuns,
    { errand, question }: { errand: Errand; question: Question },
    ended: (how: Ended) => void,
  ) {
    this.#place = place;
    this.#errand = errand;
    this.#ended = ended;
    this.#question = question;
  }

  cancel(): void {
    this.#asking?.cancel();
  }

  step(): void {
    const proof = this.#place.proofOf(this.#errand.route.id);
    const next = nextOf(proof, this.#place.connection, performance.now());
    this.#attempts += 1;
    if (next === 'drop' || this.#attempts > MAX_STEPS) return this.#drop('idle', proof);
    if (next === 'ask') this.#prove();
    else this.#write();
  }

  #drop(how: Ended, proof: Proof): void {
    this.#ended(how);
    this.#errand.dropped(proof.kind === 'stopped' ? 'dry-run-stopped' : 'dry-run-unproven');
  }

  #prove(): void {
    let connection = 0;
    this.#send(questionBefore(this.#question), {
      limits: { ms: this.#errand.limits.ms, bytes: MAX_ANSWER_BYTES },
      keep: () => true, // It is over before anything else is kept.
      mayWrite: () => {
        connection = this.#place.connection ?? 0;
        return true;
      },
      done: (half) => {
        if (half === null) return this.#ended('idle');
        if (half.kind === 'failed' || half.kind === 'late') return this.#drop('dead', UNASKED);
        const echo = valuesOf(half.fields, DRY_RUN);
        this.#place.learn(
          this.#errand.route.id,
          afterQuestion({ status: half.status, echo, connection }, performance.now()),
        );
        this.step();
      },
    });
  }

  #write(): void {
    const { route, limits } = this.#errand;
    this.#send(this.#question, {
      limits,
      keep: (bytes) => this.#errand.keep(bytes),
      // On a connection opened since, nobody has proved anything.
      mayWrite: () => {
        const may = nextOf(this.#place.proofOf(route.id), this.#place.connection, performance.now()) === 'send';
        this.#refused = !may;
        return may;
      },
      // By the head, for an answer may never come to its end.
      head: (status, fields) => {
        const proof = this.#place.proofOf(route.id);
        this.#place.learn(route.id, afterDryRun(proof, status, valuesOf(fields, DRY_RUN)));
      },
      done: (half) => this.#written(half),
    });
  }

  #written(half: Half | null): void {
    if (half === null && this.#refused) {
      this.#refused = false;
      return this.step();
    }
    if (half === null) return this.#ended('idle');
    const proof = this.#place.proofOf(this.#errand.route.id);
    // What has perhaps been done is no dry run to compare.
    if (proof.kind === 'stopped') return this.#drop('alive', proof);
    this.#ended(half.kind === 'failed' || half.kind === 'late' ? 'dead' : 'alive');
    this.#errand.heard(half);
  }

  #send(question: Question, how: Omit<AskingOptions, 'question' | 'address'>): void {
    const asking = new Asking({ question, address: this.#place.address, ...how });
    this.#asking = asking;
    asking.send(this.#place.client);
  }
}

/**
 * The start of a request's body, taken where node's parser hands it over: without an event, and in the turn in which it comes. It is for
 * whoever can say at once when he has seen enough; what comes then is the request's again, and can be read on by anybody.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** What somebody makes of the start of a body. */
export interface Taker<Answer> {
  /** Null: more is needed. Else nothing more is given, and no end either. */
  take(chunk: Buffer): Answer | null;
  /** The body is over. */
  end(): Answer;
  /** It was not enough in time. */
  slow(): Answer;
  /** The sender has left. */
  gone(): Answer;
}

/**
 * @param limitMs for all that is taken, in milliseconds
 * @param done told once, when the body is the request's again
 */
export function tap<Answer>(
  req: IncomingMessage,
  limitMs: number,
  taker: Taker<Answer>,
  done: (answer: Answer) => void,
): void {
  void new Tap(req, limitMs, taker, done);
}

class Tap<Answer> {
  readonly #req: IncomingMessage;
  readonly #taker: Taker<Answer>;
  readonly #done: (answer: Answer) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(req: IncomingMessage, limitMs: number, taker: Taker<Answer>, done: (answer: Answer) => void) {
    this.#req = req;
    this.#taker = taker;
    this.#done = done;
    req.push = this.#push;
    req.once('close', this.#onClose);
    this.#timer = setTimeout(this.#onTime, limitMs);
  }

  readonly #push = (chunk: unknown): boolean => {
    const answer = chunk === null ? this.#taker.end() : this.#taker.take(chunk as Buffer);
    if (answer === null) return true;
    this.#release();
    if (chunk === null) this.#req.push(null);
    this.#done(answer);
    return true;
  };

  readonly #onTime = (): void => {
    this.#release();
    this.#done(this.#taker.slow());
  };

  readonly #onClose = (): void => {
    this.#release();
    this.#done(this.#taker.gone());
  };

  #release(): void {
    clearTimeout(this.#timer);
    this.#req.off('close', this.#onClose);
    // Not by deleting it: that makes an object slow for the rest of its life.
    // oxlint-disable-next-line typescript/unbound-method -- It becomes a method again.
    this.#req.push = Readable.prototype.push;
  }
}

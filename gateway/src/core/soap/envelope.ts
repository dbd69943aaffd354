/**
 * A whole SOAP envelope as events: the fast reader, which tells its listener what `readBySaxes` (events.ts) tells, at a third of the
 * cost. At anything that it would refuse, or does not read, it gives up, and the slow one reads the message anew and says why; so
 * there is one set of words, and nothing passes here that does not pass there.
 */
import { HALT } from './cursor.ts';
import { ENVELOPES, readBySaxes, type Listener, type Place } from './events.ts';
import { Lexer, type Events } from './lex.ts';
import type { Limits } from './limits.ts';
import { startOf } from './quick.ts';
import type { Refusal, Version } from './refusal.ts';
import { Scope, type Attribute, type Name } from './scope.ts';

/**
 * Reads a message to its end. Nothing is thrown but what the listener throws.
 * @param made is given the names that are in force at the element that was opened last; asked again when the message is read anew
 * @returns the version, or why it is no message
 */
export function readEnvelope(
  text: string,
  limits: Pick<Limits, 'depth' | 'attributes'>,
  made: (scope: Scope) => Listener,
): Version | Refusal {
  return readQuickly(text, limits, made) ?? readBySaxes(text, limits, made);
}

/** The same; null where the other reader is to be asked. */
export function readQuickly(
  text: string,
  limits: Pick<Limits, 'depth' | 'attributes'>,
  made: (scope: Scope) => Listener,
): Version | null {
  const start = startOf(text, true);
  return typeof start === 'number' ? new Reading(limits, made).read(text, start) : null;
}

class Reading implements Events {
  readonly #limits: Pick<Limits, 'depth' | 'attributes'>;
  readonly #scope = new Scope();
  readonly #listener: Listener;
  readonly #lexer: Lexer = new Lexer(this);
  #depth = 0;
  #version: Version | null = null;
  #place: Place = 'header';
  #sawBody = false;

  constructor(limits: Pick<Limits, 'depth' | 'attributes'>, made: (scope: Scope) => Listener) {
    this.#limits = limits;
    this.#listener = made(this.#scope);
  }

  read(text: string, start: number): Version | null {
    try {
      this.#lexer.read(text, start);
      this.#lexer.end();
    } catch (error) {
      if (error === HALT) return null;
      throw error;
    }
    return this.#sawBody ? this.#version : null;
  }

  open(tag: string, attributes: readonly Attribute[]): void {
    const depth = (this.#depth += 1);
    if (depth > this.#limits.depth || attributes.length > this.#limits.attributes) throw HALT;
    const name = this.#scope.open(tag, attributes);
    if ('problem' in name) throw HALT;
    if (depth > 2) {
      this.#lexer.wanted = true;
      this.#listener.open(name, attributes, this.#place, depth);
    } else if (depth === 2) this.#part(name);
    else this.#envelope(name);
  }

  #envelope({ namespace, local }: Name): void {
    if (local !== 'Envelope') throw HALT;
    if (namespace === ENVELOPES['1.1']) this.#version = '1.1';
    else if (namespace === ENVELOPES['1.2']) this.#version = '1.2';
    else throw HALT;
  }

  #part({ namespace, local }: Name): void {
    if (this.#version === null || namespace !== ENVELOPES[this.#version] || this.#sawBody) throw HALT;
    if (local === 'Body') {
      this.#place = 'body';
      this.#sawBody = true;
    } else if (local === 'Header') this.#place = 'header';
    else throw HALT;
  }

  text(text: string): void {
    this.#listener.text(text);
  }

  close(): void {
    const depth = this.#depth;
    if (depth > 2) this.#listener.close(this.#place, depth);
    this.#scope.close();
    this.#depth = depth - 1;
    // Between the parts, and between their children, there is nothing that anybody listens to.
    if (depth === 3) this.#lexer.wanted = false;
  }
}

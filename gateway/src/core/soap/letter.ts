/**
 * A message to a bridged operation, read: its input by the schema, and the blocks of its header. A block that its sender says must
 * be understood, and that nothing here understands, refuses the message (SOAP 1.1, section 4.2.3; 1.2 part 1, section 5.2.3): it may
 * say "sign this", "only once", or "not as you think".
 */
import type { Json } from '../json.ts';
import type { Codec, Decoder } from './codec.ts';
import { readEnvelope } from './envelope.ts';
import { ENVELOPES, type Listener, type Place } from './events.ts';
import type { Limits } from './limits.ts';
import { refuse, type Refusal } from './refusal.ts';
import { clark, type Attribute, type Name, type Scope } from './scope.ts';

export type Letter =
  | {
      readonly kind: 'letter';
      /** An empty object where the operation's body is empty. */
      readonly input: Json;
      /** The texts of the blocks that were asked for, by {@link clark} name. */
      readonly blocks: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly notUnderstood: readonly Name[] };

export interface LetterOptions {
  readonly limits: Pick<Limits, 'depth' | 'attributes'>;
  /** Reads the Body's child; null: the Body is empty. */
  readonly input: Codec | null;
  /** Names of the blocks that are understood, as {@link clark} has them. */
  readonly understood: ReadonlySet<string>;
}

/** Reads a message to its end. */
export function readLetter(text: string, options: LetterOptions): Letter {
  let reader: LetterReader | null = null;
  const version = readEnvelope(text, options.limits, (scope) => (reader = new LetterReader(options, scope)));
  const read = reader as LetterReader | null;
  if (typeof version !== 'string' || read === null)
    return { kind: 'refused', refusal: typeof version === 'string' ? invalid('') : version, notUnderstood: [] };
  return read.letter();
}

const invalid = (reason: string): Refusal => refuse('GW_BRIDGE_INPUT', reason);

// Who is meant by a block: the next node, or the last one. The facade answers, so it is both.
const OURS: ReadonlySet<string> = new Set([
  '',
  'http://schemas.xmlsoap.org/soap/actor/next',
  'http://www.w3.org/2003/05/soap-envelope/role/next',
  'http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver',
]);

class LetterReader implements Listener {
  readonly #options: LetterOptions;
  readonly #scope: Scope;
  readonly #decoder: Decoder | null;
  readonly #blocks = new Map<string, string>();
  readonly #notUnderstood: Name[] = [];
  /** The block that is being read, and what was read of it. */
  #block: string | null = null;
  #characters = '';
  #children = 0;
  #trouble: string | null = null;

  constructor(options: LetterOptions, scope: Scope) {
    this.#options = options;
    this.#scope = scope;
    this.#decoder = options.input?.decoder() ?? null;
  }

  open(name: Name, attributes: readonly Attribute[], place: Place, depth: number): void {
    if (place === 'header') {
      if (depth === 3) this.#enter(name, attributes);
      else if (this.#block !== null)
        this.#trouble ??= `The header block ${this.#block} holds elements, and a text is expected`;
      return;
    }
    if (depth === 3) this.#children += 1;
    if (this.#children === 1) this.#decoder?.open(name, attributes, this.#scope);
  }

  text(text: string): void {
    if (this.#block !== null) this.#characters += text;
    else if (this.#children === 1) this.#decoder?.text(text);
  }

  close(place: Place, depth: number): void {
    if (place === 'body') {
      if (this.#children === 1) this.#decoder?.close();
    } else if (depth === 3 && this.#block !== null) {
      if (this.#blocks.has(this.#block)) this.#trouble ??= `The header block ${this.#block} came twice`;
      this.#blocks.set(this.#block, this.#characters);
      this.#block = null;
    }
  }

  #enter(name: Name, attributes: readonly Attribute[]): void {
    let must = false;
    let role = '';
    for (const { name: written, value } of attributes) {
      if (!written.includes(':')) continue;
      const resolved = this.#scope.resolve(written);
      if ('problem' in resolved || !NAMESPACES.has(resolved.namespace)) continue;
      if (resolved.local === 'mustUnderstand') must = /^\s*(?:1|true)\s*$/.test(value);
      if (resolved.local === 'actor' || resolved.local === 'role') role = value.trim();
    }
    if (!OURS.has(role)) return;
    const key = clark(name.namespace, name.local);
    if (this.#options.understood.has(key)) {
      this.#block = key;
      this.#characters = '';
    } else if (must) this.#notUnderstood.push(name);
  }

  letter(): Letter {
    const [first] = this.#notUnderstood;
    if (first !== undefined) {
      const names = this.#notUnderstood.map(({ namespace, local }) => clark(namespace, local)).join(', ');
      const refusal = refuse('GW_BRIDGE_HEADER', `Header blocks that must be understood are not: ${names}`);
      return { kind: 'refused', refusal, notUnderstood: this.#notUnderstood };
    }
    const refused = (reason: string): Letter => ({ kind: 'refused', refusal: invalid(reason), notUnderstood: [] });
    if (this.#trouble !== null) return refused(this.#trouble);
    if (this.#children > 1) return refused('The Body has more than one child');
    if (this.#decoder === null)
      return this.#children === 0
        ? { kind: 'letter', input: new Map(), blocks: this.#blocks }
        : refused('The Body is to be empty');
    const { result } = this.#decoder;
    if (result === null) return refused('The Body is empty');
    if (result.kind === 'invalid')
      return refused(`The message does not fit its schema: ${result.path}: ${result.because}`);
    return { kind: 'letter', input: result.value, blocks: this.#blocks };
  }
}

const NAMESPACES: ReadonlySet<string> = new Set(Object.values(ENVELOPES));

/**
 * A whole SOAP envelope of which the text is in hand, as events with names resolved: Header blocks and what stands in the Body are
 * told apart by their depth, never by their names alone. Bounded and shielded as the scanner is (`scan.ts`), which has often
 * looked at the same text before, and may have stopped at the operation. The slow reader: it says what is wrong, and is the oracle of
 * the fast one (`envelope.ts`), which most messages are read by.
 */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { Limits } from './limits.ts';
import { refuse, type Refusal, type SoapCode, type Version } from './refusal.ts';
import { attributesOf, clark, Scope, type Attribute, type Name } from './scope.ts';

export const ENVELOPES: Readonly<Record<Version, string>> = {
  '1.1': 'http://schemas.xmlsoap.org/soap/envelope/',
  '1.2': 'http://www.w3.org/2003/05/soap-envelope',
};

/** Where an element stands: a block of the Header or the child of the Body at depth 3, or below one of these. */
export type Place = 'header' | 'body';

export interface Listener {
  /** @param depth from 3: of a header block, and of the Body's child */
  open(name: Name, attributes: readonly Attribute[], place: Place, depth: number): void;
  text(text: string): void;
  close(place: Place, depth: number): void;
}

const HALT = new Error('halt');

/**
 * Reads a message to its end. Nothing is thrown but what the listener throws.
 * @param made is given the names that are in force at the element that was opened last
 * @returns the version, or why it is no message
 */
export function readBySaxes(
  text: string,
  limits: Pick<Limits, 'depth' | 'attributes'>,
  made: (scope: Scope) => Listener,
): Version | Refusal {
  return new Reading(limits, made).read(text);
}

class Reading {
  readonly #limits: Pick<Limits, 'depth' | 'attributes'>;
  readonly #scope = new Scope();
  readonly #listener: Listener;
  readonly #parser: SaxesParser = new SaxesParser({ defaultXMLVersion: '1.0', forceXMLVersion: true });
  #depth = 0;
  #version: Version | null = null;
  #place: Place | null = null;
  #sawBody = false;
  #refusal: Refusal | null = null;
  /** What the listener threw: a defect, and no refusal. */
  #thrown: unknown = null;

  constructor(limits: Pick<Limits, 'depth' | 'attributes'>, made: (scope: Scope) => Listener) {
    this.#limits = limits;
    this.#listener = made(this.#scope);
    const parser = this.#parser;
    parser.on('doctype', () => this.#halt('GW_SOAP_DOCTYPE', 'A SOAP message must not contain a DOCTYPE'));
    parser.on('opentag', (tag) => this.#open(tag));
    parser.on('closetag', () => this.#close());
    const characters = (piece: string): void => {
      if (this.#depth >= 3 && this.#place !== null) this.#tell(() => this.#listener.text(piece));
    };
    parser.on('text', characters);
    parser.on('cdata', characters);
  }

  read(text: string): Version | Refusal {
    try {
      // It skips a byte order mark itself; of a second one the scanner would say that it is text.
      this.#parser.write(text).close();
    } catch (error) {
      if (this.#thrown !== null) throw this.#thrown;
      const words = error instanceof Error ? error.message : String(error);
      this.#refusal ??= refuse('GW_SOAP_MALFORMED', `The message is not well-formed XML: ${words}`);
    }
    if (this.#refusal !== null) return this.#refusal;
    return this.#version !== null && this.#sawBody
      ? this.#version
      : refuse('GW_SOAP_SHAPE', 'The Envelope has no Body');
  }

  #halt(because: SoapCode, reason: string): never {
    this.#refusal = refuse(because, reason);
    throw HALT;
  }

  #tell(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#thrown = error;
      throw error;
    }
  }

  #open(tag: SaxesTagPlain): void {
    const attributes = attributesOf(tag);
    this.#depth += 1;
    if (attributes.length > this.#limits.attributes)
      this.#halt('GW_SOAP_LIMIT', `An element with more than ${this.#limits.attributes} attributes`);
    if (this.#depth > this.#limits.depth)
      this.#halt('GW_SOAP_LIMIT', `Elements nested more than ${this.#limits.depth} deep`);
    const name = this.#scope.open(tag.name, attributes);
    if ('problem' in name)
      return this.#halt('GW_SOAP_MALFORMED', `The message is not namespace-well-formed XML: ${name.problem}`);
    if (this.#depth === 1) this.#envelope(name);
    else if (this.#depth === 2) this.#part(name);
    else {
      const place = this.#place ?? 'header';
      this.#tell(() => this.#listener.open(name, attributes, place, this.#depth));
    }
  }

  #envelope(name: Name): void {
    const version = (['1.1', '1.2'] as const).find((one) => ENVELOPES[one] === name.namespace);
    if (name.local !== 'Envelope' || version === undefined)
      return this.#halt(
        'GW_SOAP_NOT_AN_ENVELOPE',
        `The root is ${clark(name.namespace, name.local)}, no SOAP Envelope`,
      );
    this.#version = version;
  }

  #part(name: Name): void {
    const own = this.#version !== null && name.namespace === ENVELOPES[this.#version];
    if (own && name.local === 'Header' && !this.#sawBody && this.#place === null) this.#place = 'header';
    else if (own && name.local === 'Body' && !this.#sawBody) {
      this.#place = 'body';
      this.#sawBody = true;
    } else this.#halt('GW_SOAP_SHAPE', `An Envelope holds no ${clark(name.namespace, name.local)} here`);
  }

  #close(): void {
    if (this.#depth >= 3) {
      const place = this.#place ?? 'header';
      this.#tell(() => this.#listener.close(place, this.#depth));
    } else if (this.#depth === 2) this.#place = null;
    this.#scope.close();
    this.#depth -= 1;
  }
}

/**
 * Reads a SOAP message as it arrives and says which operation it names: the first child of Envelope/Body, by namespace and
 * local name. With `check: 'whole'` it goes on to the end of the document and refuses whatever is not one well-formed message.
 *
 * The answer depends on the characters alone, never on how they were cut into chunks. Work and memory are linear in the
 * characters, with small constants, whatever they are. Nothing is thrown.
 *
 *   Envelope (1) ─┬─ Header (2) ── block (3): a wsa:Action is noted, all else ignored, a Body in it too
 *                 └─ Body (2) ──── first child (3): the operation; later ones: multirefs only
 */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { ACTION_CHARACTERS, type Limits } from './limits.ts';
import { refuse, type Refusal, type SoapCode, type Version } from './refusal.ts';
import { attributesOf, clark, Scope, type Attribute, type Name } from './scope.ts';

/** The namespaces of envelopes. */
export const ENVELOPES: ReadonlyMap<string, Version> = new Map([
  ['http://schemas.xmlsoap.org/soap/envelope/', '1.1'],
  ['http://www.w3.org/2003/05/soap-envelope', '1.2'],
]);

/** The namespaces of WS-Addressing, its drafts included. */
export const ADDRESSINGS: ReadonlySet<string> = new Set([
  'http://www.w3.org/2005/08/addressing',
  'http://schemas.xmlsoap.org/ws/2004/08/addressing',
  'http://schemas.xmlsoap.org/ws/2004/03/addressing',
  'http://schemas.xmlsoap.org/ws/2003/03/addressing',
]);

/** The namespaces of SOAP's own encoding. */
export const SOAP_ENCODINGS: Record<Version, string> = {
  '1.1': 'http://schemas.xmlsoap.org/soap/encoding/',
  '1.2': 'http://www.w3.org/2003/05/soap-encoding',
};

/** What the message says of itself up to its operation. */
export interface Found {
  readonly kind: 'found';
  readonly version: Version;
  readonly namespace: string;
  readonly name: string;
  /** The `wsa:Action`s of the header, trimmed, in order; usually none. */
  readonly addressing: readonly string[];
}

/** A Body without a child. */
export interface EmptyBody {
  readonly kind: 'empty-body';
  readonly version: Version;
  readonly addressing: readonly string[];
}

export type Step =
  | { readonly kind: 'more' }
  | Found
  | EmptyBody
  /** `known` is what had been found before: a message may be refused for more than one reason. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly known: Found | EmptyBody | null };

export interface ScanOptions {
  readonly limits: Limits;
  /** `operation` stops at the operation: what follows is not looked at. */
  readonly check: 'whole' | 'operation';
  /** Whether an element is the input of an operation: such a one is never a multiref. */
  readonly isOperation: (namespace: string, name: string) => boolean;
}

/** At multiples of this, and nowhere else, limits that no event reports are looked at: so that chunking cannot matter. */
export const SLICE_CHARACTERS: number = 16 * 1024;

/** Thrown in a handler to leave the parser at once; what happened stands in the scanner. */
const HALT = new Error('halt');

/** saxes' own state that no event reports. Checked at run time: a saxes that lost these fields fails the tests of memory. */
type Field = 'text' | 'entity' | 'name';

/** `&#x` and leading zeros are legal, but not this many. */
export const ENTITY_CHARACTERS: number = 64;

export class Scanner {
  readonly #options: ScanOptions;
  readonly #parser: SaxesParser = new SaxesParser({ defaultXMLVersion: '1.0', forceXMLVersion: true });
  readonly #scope = new Scope();
  readonly #addressing: string[] = [];
  #fed = 0;
  #depth = 0;
  /** Of the element that was opened last. */
  #attributes: readonly Attribute[] = [];
  /** Where the start tag began that is being read; -1 between tags. */
  #tagAt = -1;
  #envelope = '';
  #version: Version | null = null;
  #part: 'none' | 'header' | 'body' | 'after' = 'none';
  #sawHeader = false;
  /** Characters of the `wsa:Action` that is being read; null outside of one. */
  #action: string | null = null;
  #result: Found | EmptyBody | null = null;
  #refusal: Refusal | null = null;
  #stopped = false;

  constructor(options: ScanOptions) {
    this.#options = options;
    const parser = this.#parser;
    // As few handlers as will do: with an eighth one V8 turns the parser into a dictionary, and everything takes five times as
    // long. (So the XML declaration is looked at later, and attributes are counted when their element has been read.)
    parser.on('doctype', () => this.#halt('GW_SOAP_DOCTYPE', 'A SOAP message must not contain a DOCTYPE'));
    parser.on('opentagstart', () => {
      this.#tagAt = parser.position;
    });
    parser.on('opentag', (tag) => this.#onOpen(tag));
    parser.on('closetag', () => this.#onClose());
  }

  /** Takes the next characters. What was found is repeated until something is refused; a refusal is final. */
  write(text: string): Step {
    for (let at = 0; at < text.length && !this.#stopped;) {
      const room = SLICE_CHARACTERS - (this.#fed % SLICE_CHARACTERS);
      const piece = at === 0 && text.length <= room ? text : text.slice(at, at + room);
      at += piece.length;
      this.#feed(piece);
    }
    return this.#step();
  }

  /** The message is over. Anything but a refusal is final: `found` or `empty-body` says that the message is complete. */
  end(): Step {
    if (!this.#stopped) this.#run(() => this.#parser.close());
    this.#stopped = true;
    const step = this.#step();
    if (step.kind !== 'more') return step;
    // The parser would have complained of a missing root or an unclosed element; a closed Envelope has had a Body.
    return { kind: 'refused', refusal: refuse('GW_SOAP_MALFORMED', 'The message ends too early'), known: null };
  }

  /** The version of the envelope; null before it was seen. */
  get version(): Version | null {
    return this.#version;
  }

  #step(): Step {
    if (this.#refusal !== null) return { kind: 'refused', refusal: this.#refusal, known: this.#result };
    return this.#result ?? { kind: 'more' };
  }

  #feed(piece: string): void {
    this.#run(() => this.#parser.write(piece));
    this.#fed += piece.length;
    if (!this.#stopped && this.#fed % SLICE_CHARACTERS === 0) this.#run(() => this.#inspect());
  }

  #run(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#stopped = true;
      if (error === HALT) return;
      const words = error instanceof Error ? error.message : String(error);
      this.#refusal ??= refuse('GW_SOAP_MALFORMED', `The message is not well-formed XML: ${words}`);
    }
  }

  #halt(because: SoapCode, reason: string): never {
    this.#refusal = refuse(because, reason);
    throw HALT;
  }

  /** What grows without any event: see LIMITS. */
  #inspect(): void {
    const { limits } = this.#options;
    if (this.#result === null && this.#fed >= limits.headCharacters) {
      this.#halt('GW_SOAP_HEAD_TOO_LARGE', `No operation within the first ${limits.headCharacters} characters`);
    }
    // Not by the parser's position: between two pieces it is off by the length of the last.
    this.#checkTag(this.#fed);
    if (this.#length('name') > limits.tagCharacters) this.#halt('GW_SOAP_LIMIT', 'A name without an end');
    // saxes joins what it reads of comments, CDATA and processing instructions piece by piece, forty bytes for each `- `:
    // 10 MiB of them would be 300 MB. Nobody asks for that text, so it is dropped; in a start tag it is bounded above.
    if (this.#length('entity') > ENTITY_CHARACTERS)
      this.#halt('GW_SOAP_MALFORMED', 'An entity reference without an end');
    // Within an action it is asked for, and is bounded by what may precede the operation.
    if (this.#action === null && this.#tagAt === -1 && this.#length('text') > 0) Reflect.set(this.#parser, 'text', '~');
  }

  #length(field: Field): number {
    const value: unknown = Reflect.get(this.#parser, field);
    return typeof value === 'string' ? value.length : 0;
  }

  #checkTag(position: number): void {
    const { tagCharacters } = this.#options.limits;
    const read = this.#tagAt === -1 ? 0 : position - this.#tagAt;
    if (read > tagCharacters) {
      this.#halt('GW_SOAP_LIMIT', `A start tag of more than ${tagCharacters} characters`);
    }
  }

  #onOpen(tag: SaxesTagPlain): void {
    this.#checkTag(this.#parser.position);
    this.#tagAt = -1;
    this.#depth += 1;
    this.#attributes = attributesOf(tag);
    if (this.#attributes.length > this.#options.limits.attributes) {
      this.#halt('GW_SOAP_LIMIT', `An element with more than ${this.#options.limits.attributes} attributes`);
    }
    if (this.#depth > this.#options.limits.depth) {
      this.#halt('GW_SOAP_LIMIT', `Elements nested more than ${this.#options.limits.depth} deep`);
    }
    const name = this.#scope.open(tag.name, this.#attributes);
    if ('problem' in name) {
      this.#halt('GW_SOAP_MALFORMED', `The message is not namespace-well-formed XML: ${name.problem}`);
    }
    this.#shield(name);
    if (this.#depth === 1) this.#onEnvelope(name);
    else if (this.#depth === 2) this.#onPart(name);
    else if (this.#depth === 3 && this.#part === 'body') this.#onChild(name);
    else if (this.#depth === 3 && name.local === 'Action' && ADDRESSINGS.has(name.namespace)) this.#beginAction();
  }

  /**
   * Servers in JavaScript store what they parse under its own name, and `__proto__` is the one name that changes every other
   * object too: node-soap answers no request any more once it has seen `id="__proto__"`. XML allows the name; no schema,
   * language binding or id generator uses it. So this exact name is refused, as the name of an element or attribute and as an
   * id, and nothing that merely looks odd: `constructor` is a fine name for an element, and breaks nothing but its own request.
   */
  #shield(name: Name): void {
    if (name.local === '__proto__') this.#halt('GW_SOAP_NAME', 'An element must not be called __proto__');
    for (const attribute of this.#attributes) {
      if (/(?:^|:)__proto__$/.test(attribute.name))
        this.#halt('GW_SOAP_NAME', 'An attribute must not be called __proto__');
      if (attribute.value === '__proto__' && /(?:^|:)id$/i.test(attribute.name)) {
        this.#halt('GW_SOAP_NAME', `__proto__ must not be the value of the attribute ${attribute.name}`);
      }
    }
  }

  #onEnvelope(name: Name): void {
    const version = ENVELOPES.get(name.namespace);
    if (name.local !== 'Envelope') {
      this.#halt(
        'GW_SOAP_NOT_AN_ENVELOPE',
        `The document's root is ${clark(name.namespace, name.local)}, not a SOAP Envelope`,
      );
    }
    if (version === undefined) {
      this.#halt(
        'GW_SOAP_VERSION',
        `Envelope of an unknown SOAP version: ${name.namespace === '' ? 'no namespace' : name.namespace}`,
      );
    }
    const xml = this.#parser.xmlDecl.version ?? '1.0';
    if (xml !== '1.0') this.#halt('GW_SOAP_MALFORMED', `XML ${xml} is not accepted: SOAP is sent as XML 1.0`);
    this.#version = version;
    this.#envelope = name.namespace;
  }

  /**
   * Header, then Body, then nothing: servers that look for a Body by its local name, or take the last one, must see the
   * message that was checked. (SOAP 1.1 would allow other elements after Body; WS-I's Basic Profile forbids them, R1011.)
   */
  #onPart(name: Name): void {
    const own = name.namespace === this.#envelope;
    if (own && name.local === 'Header' && this.#part === 'none' && !this.#sawHeader) {
      this.#sawHeader = true;
      this.#part = 'header';
    } else if (own && name.local === 'Body' && this.#part === 'none') {
      this.#part = 'body';
    } else {
      const shown = clark(name.namespace, name.local);
      this.#halt(
        'GW_SOAP_SHAPE',
        `An Envelope holds a Header at most and one Body, in this order; here is also ${shown}`,
      );
    }
  }

  #onChild(name: Name): void {
    const version = this.#version ?? '1.1';
    const encoding = SOAP_ENCODINGS[version];
    const root = this.#attribute(encoding, 'root');
    if (this.#result === null) {
      if (root === '0') this.#halt('GW_SOAP_SHAPE', 'The first child of Body is a multiref, not the operation');
      this.#result = {
        kind: 'found',
        version,
        namespace: name.namespace,
        name: name.local,
        addressing: this.#addressing,
      };
      if (this.#options.check === 'whole') return;
      this.#stopped = true;
      throw HALT;
    }
    const id = this.#attribute(version === '1.1' ? '' : encoding, 'id');
    if (id === null || root === '1' || this.#options.isOperation(name.namespace, name.local)) {
      const shown = clark(name.namespace, name.local);
      this.#halt('GW_SOAP_SHAPE', `Body has a second child, ${shown}, that is not a multiref`);
    }
  }

  #attribute(namespace: string, local: string): string | null {
    for (const { name, value } of this.#attributes) {
      if (!name.endsWith(local)) continue;
      const resolved = this.#scope.resolve(name);
      if (!('problem' in resolved) && resolved.namespace === namespace && resolved.local === local) return value;
    }
    return null;
  }

  #beginAction(): void {
    this.#action = '';
    const take = (text: string): void => {
      this.#action = (this.#action ?? '') + text;
      this.#checkAction(this.#action.length);
    };
    this.#parser.on('text', take);
    this.#parser.on('cdata', take);
  }

  #checkAction(characters: number): void {
    if (characters > ACTION_CHARACTERS) {
      this.#halt('GW_SOAP_ACTION', `A wsa:Action of more than ${ACTION_CHARACTERS} characters`);
    }
  }

  #onClose(): void {
    if (this.#depth === 3 && this.#action !== null) {
      this.#addressing.push(this.#action.trim());
      this.#action = null;
      this.#parser.off('text');
      this.#parser.off('cdata');
    } else if (this.#depth === 2) {
      if (this.#part === 'body' && this.#result === null) {
        this.#result = { kind: 'empty-body', version: this.#version ?? '1.1', addressing: this.#addressing };
      }
      this.#part = this.#part === 'body' ? 'after' : 'none';
    } else if (this.#depth === 1 && this.#result === null) {
      this.#halt('GW_SOAP_SHAPE', 'The Envelope has no Body');
    }
    this.#scope.close();
    this.#depth -= 1;
  }
}

/**
 * The fast scanner: says of every message what `Scanner` (scan.ts) says of it, at a tenth of the cost. The slow one stays as the
 * oracle that a fuzzer holds this one against, and reads what is seldom worth being fast: a message that begins with an unusual
 * XML declaration, or with a DOCTYPE. Such a message is handed over before its root element, with all that came of it, so that at
 * most its first `headCharacters` are read twice.
 *
 * The answer depends on the characters alone, never on how they were cut into chunks. Work and memory are linear in the
 * characters, whatever they are. Nothing is thrown.
 */
import { HALT } from './cursor.ts';
import { Lexer, type Events } from './lex.ts';
import { ACTION_CHARACTERS } from './limits.ts';
import { refuse, type Refusal, type SoapCode, type Version } from './refusal.ts';
import {
  ADDRESSINGS,
  ENTITY_CHARACTERS,
  ENVELOPES,
  Scanner,
  SLICE_CHARACTERS,
  SOAP_ENCODINGS,
  type EmptyBody,
  type Found,
  type ScanOptions,
  type Step,
} from './scan.ts';
import { clark, Scope, type Attribute, type Name } from './scope.ts';

const MORE: Step = { kind: 'more' };

export class QuickScanner implements Events {
  readonly #options: ScanOptions;
  readonly #lexer: Lexer = new Lexer(this);
  readonly #scope = new Scope();
  readonly #addressing: string[] = [];
  /** The slow one, once this message is its. */
  #slow: Scanner | null = null;
  /** What came before the root element. */
  #kept = '';
  #begun = false;
  #fed = 0;
  #depth = 0;
  #attributes: readonly Attribute[] = [];
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
  }

  /**
   * Takes the next characters. What was found is repeated until something is refused; a refusal is final.
   * @param text without half surrogate pairs, but for those that a cut has made; the decoders give no others
   */
  write(text: string): Step {
    if (this.#slow !== null) return this.#slow.write(text);
    if (this.#lexer.sawRoot) {
      if (!this.#stopped) this.#feed(text, 0);
      return this.#step();
    }
    if (this.#stopped) return this.#step();
    this.#kept = this.#kept === '' ? text : this.#kept + text;
    return this.#begin(text, false);
  }

  /** The message is over. Anything but a refusal is final: `found` or `empty-body` says that the message is complete. */
  end(): Step {
    if (this.#slow === null && !this.#begun && !this.#stopped) this.#begin('', true);
    if (this.#slow !== null) return this.#slow.end();
    if (!this.#stopped) this.#run(() => this.#lexer.end());
    this.#stopped = true;
    const step = this.#step();
    if (step.kind !== 'more') return step;
    return { kind: 'refused', refusal: refuse('GW_SOAP_MALFORMED', 'The message ends too early'), known: null };
  }

  /** The version of the envelope; null before it was seen. */
  get version(): Version | null {
    return this.#slow === null ? this.#version : this.#slow.version;
  }

  /** Before the root element: `text` is the end of what was kept. */
  #begin(text: string, ended: boolean): Step {
    if (this.#begun) this.#feed(text, 0);
    else {
      const start = startOf(this.#kept, ended);
      if (start === 'more') return MORE;
      if (start === 'odd') return this.#handOver();
      this.#begun = true;
      this.#feed(this.#kept, start);
    }
    if (this.#lexer.sawDoctype) return this.#handOver();
    if (this.#lexer.sawRoot) this.#kept = '';
    return this.#step();
  }

  #handOver(): Step {
    this.#slow = new Scanner(this.#options);
    const kept = this.#kept;
    this.#kept = '';
    return this.#slow.write(kept);
  }

  #step(): Step {
    if (this.#refusal !== null) return { kind: 'refused', refusal: this.#refusal, known: this.#result };
    return this.#result ?? MORE;
  }

  /** @param read how many characters of the first piece have been read already */
  #feed(text: string, read: number): void {
    let from = read;
    for (let at = 0; at < text.length && !this.#stopped;) {
      const room = SLICE_CHARACTERS - (this.#fed % SLICE_CHARACTERS);
      const piece = at === 0 && text.length <= room ? text : text.slice(at, at + room);
      const start = from;
      at += piece.length;
      from = 0;
      this.#run(() => this.#lexer.read(piece, start));
      this.#fed += piece.length;
      if (!this.#stopped && this.#fed % SLICE_CHARACTERS === 0) this.#run(() => this.#inspect());
    }
  }

  #run(work: () => void): void {
    try {
      work();
    } catch (error) {
      // A fault of our own must not pass for one of the message.
      if (error !== HALT) throw error;
      this.#stopped = true;
      const { problem } = this.#lexer;
      if (problem !== null)
        this.#refusal ??= refuse('GW_SOAP_MALFORMED', `The message is not well-formed XML: ${problem}`);
    }
  }

  #halt(because: SoapCode, reason: string): never {
    this.#refusal = refuse(because, reason);
    throw HALT;
  }

  /** What grows without any event: see LIMITS. */
  #inspect(): void {
    const { headCharacters, tagCharacters } = this.#options.limits;
    if (this.#result === null && this.#fed >= headCharacters)
      this.#halt('GW_SOAP_HEAD_TOO_LARGE', `No operation within the first ${headCharacters} characters`);
    this.#checkTag(this.#lexer.tagLength(this.#fed));
    if (this.#lexer.nameLength > tagCharacters) this.#halt('GW_SOAP_LIMIT', 'A name without an end');
    if (this.#lexer.entityLength > ENTITY_CHARACTERS)
      this.#halt('GW_SOAP_MALFORMED', 'An entity reference without an end');
  }

  #checkTag(characters: number): void {
    const { tagCharacters } = this.#options.limits;
    if (characters > tagCharacters) this.#halt('GW_SOAP_LIMIT', `A start tag of more than ${tagCharacters} characters`);
  }

  open(tag: string, attributes: readonly Attribute[], characters: number): void {
    const { limits } = this.#options;
    this.#checkTag(characters);
    this.#depth += 1;
    this.#attributes = attributes;
    if (attributes.length > limits.attributes)
      this.#halt('GW_SOAP_LIMIT', `An element with more than ${limits.attributes} attributes`);
    if (this.#depth > limits.depth) this.#halt('GW_SOAP_LIMIT', `Elements nested more than ${limits.depth} deep`);
    const name = this.#scope.open(tag, attributes);
    if ('problem' in name)
      this.#halt('GW_SOAP_MALFORMED', `The message is not namespace-well-formed XML: ${name.problem}`);
    if (name.local === '__proto__') this.#halt('GW_SOAP_NAME', 'An element must not be called __proto__');
    if (attributes.length > 0) this.#shield(attributes);
    if (this.#depth <= 3) this.#place(name);
  }

  /** See `Scanner`: names that servers in JavaScript do not survive. */
  #shield(attributes: readonly Attribute[]): void {
    for (const { name, value } of attributes) {
      if (name.endsWith('__proto__') && /(?:^|:)__proto__$/.test(name))
        this.#halt('GW_SOAP_NAME', 'An attribute must not be called __proto__');
      if (value === '__proto__' && /(?:^|:)id$/i.test(name))
        this.#halt('GW_SOAP_NAME', `__proto__ must not be the value of the attribute ${name}`);
    }
  }

  #place(name: Name): void {
    if (this.#depth === 1) this.#onEnvelope(name);
    else if (this.#depth === 2) this.#onPart(name);
    else if (this.#part === 'body') this.#onChild(name);
    else if (name.local === 'Action' && ADDRESSINGS.has(name.namespace)) {
      this.#action = '';
      this.#lexer.wanted = true;
    }
  }

  #onEnvelope({ namespace, local }: Name): void {
    const version = ENVELOPES.get(namespace);
    if (local !== 'Envelope')
      this.#halt('GW_SOAP_NOT_AN_ENVELOPE', `The document's root is ${clark(namespace, local)}, not a SOAP Envelope`);
    if (version === undefined)
      this.#halt('GW_SOAP_VERSION', `Envelope of an unknown SOAP version: ${namespace || 'no namespace'}`);
    this.#version = version;
    this.#envelope = namespace;
  }

  #onPart({ namespace, local }: Name): void {
    const own = namespace === this.#envelope;
    if (own && local === 'Header' && this.#part === 'none' && !this.#sawHeader) {
      this.#sawHeader = true;
      this.#part = 'header';
    } else if (own && local === 'Body' && this.#part === 'none') this.#part = 'body';
    else {
      const shown = clark(namespace, local);
      this.#halt(
        'GW_SOAP_SHAPE',
        `An Envelope holds a Header at most and one Body, in this order; here is also ${shown}`,
      );
    }
  }

  #onChild({ namespace, local }: Name): void {
    const version = this.#version ?? '1.1';
    const encoding = SOAP_ENCODINGS[version];
    const root = this.#attribute(encoding, 'root');
    if (this.#result === null) {
      if (root === '0') this.#halt('GW_SOAP_SHAPE', 'The first child of Body is a multiref, not the operation');
      this.#result = { kind: 'found', version, namespace, name: local, addressing: this.#addressing };
      if (this.#options.check === 'whole') return;
      this.#stopped = true;
      this.#lexer.stop();
      return;
    }
    const id = this.#attribute(version === '1.1' ? '' : encoding, 'id');
    if (id === null || root === '1' || this.#options.isOperation(namespace, local))
      this.#halt('GW_SOAP_SHAPE', `Body has a second child, ${clark(namespace, local)}, that is not a multiref`);
  }

  #attribute(namespace: string, local: string): string | null {
    for (const { name, value } of this.#attributes) {
      if (!name.endsWith(local)) continue;
      const resolved = this.#scope.resolve(name);
      if (!('problem' in resolved) && resolved.namespace === namespace && resolved.local === local) return value;
    }
    return null;
  }

  text(text: string): void {
    this.#action = (this.#action ?? '') + text;
    if (this.#action.length > ACTION_CHARACTERS)
      this.#halt('GW_SOAP_ACTION', `A wsa:Action of more than ${ACTION_CHARACTERS} characters`);
  }

  close(): void {
    if (this.#depth <= 3) this.#leave();
    this.#scope.close();
    this.#depth -= 1;
  }

  #leave(): void {
    if (this.#depth === 3 && this.#action !== null) {
      this.#addressing.push(this.#action.trim());
      this.#action = null;
      this.#lexer.wanted = false;
    } else if (this.#depth === 2) {
      if (this.#part === 'body' && this.#result === null)
        this.#result = { kind: 'empty-body', version: this.#version ?? '1.1', addressing: this.#addressing };
      this.#part = this.#part === 'body' ? 'after' : 'none';
    } else if (this.#depth === 1 && this.#result === null) this.#halt('GW_SOAP_SHAPE', 'The Envelope has no Body');
  }
}

// A declaration with generous spaces.
const DECLARATION_CHARACTERS = 256;
const DECLARATION =
  /^\ufeff?<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>/;

/**
 * How many characters of a usual XML declaration the message begins with: none, if it begins otherwise.
 * @returns `odd` when it begins with something else that could be one
 */
export function startOf(kept: string, ended: boolean): number | 'more' | 'odd' {
  const at = kept.charCodeAt(0) === 0xfeff ? 1 : 0;
  if (kept.length < at + 2 && !ended) return 'more';
  if (!kept.startsWith('<?', at)) return 0;
  const head = kept.slice(0, DECLARATION_CHARACTERS);
  const found = DECLARATION.exec(head);
  if (found !== null) return found[0].length;
  return head.length < DECLARATION_CHARACTERS && !ended && !head.includes('?>') ? 'more' : 'odd';
}

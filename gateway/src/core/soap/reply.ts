/**
 * A SOAP answer as JSON, so that two can be compared by what they say: the output as its schema reads it, or
 * `{"fault": {code, reason, detail}}` with SOAP 1.1's codes. Prefixes, white space and the version say nothing.
 */
import { print, type Json } from '../json.ts';
import type { Codec, Decoder } from './codec.ts';
import { readEnvelope } from './envelope.ts';
import { ENVELOPES, type Listener, type Place } from './events.ts';
import { LIMITS } from './limits.ts';
import { clark, type Attribute, type Name, type Scope } from './scope.ts';

/** `because` says why it is no answer of the operation. */
export type Reply =
  { readonly kind: 'reply'; readonly json: string } | { readonly kind: 'unreadable'; readonly because: string };

export interface Codecs {
  /** Null: the Body is empty. */
  readonly output: Codec | null;
  /** Of details, by {@link clark} name. */
  readonly faults: ReadonlyMap<string, Codec>;
}

/** Reads an answer of either version. */
export function readReply(text: string, codecs: Codecs): Reply {
  let reader: ReplyReader | null = null;
  const version = readEnvelope(text, LIMITS, (scope) => (reader = new ReplyReader(codecs, scope)));
  if (typeof version !== 'string') return { kind: 'unreadable', because: version.reason };
  const read = reader as ReplyReader | null;
  return read?.reply() ?? { kind: 'unreadable', because: 'nothing was read' };
}

const CODES: ReadonlyMap<string, string> = new Map([
  ['Sender', 'Client'],
  ['Receiver', 'Server'],
]);

class ReplyReader implements Listener {
  readonly #codecs: Codecs;
  readonly #scope: Scope;
  readonly #names: string[] = [];
  #decoder: Decoder | null = null;
  /** The depth at which the decoder's element stands. */
  #from = 0;
  #fault = false;
  #seen = false;
  readonly #texts = new Map<string, string>();
  #detail: Json = null;
  #unknown: string | null = null;

  constructor(codecs: Codecs, scope: Scope) {
    this.#codecs = codecs;
    this.#scope = scope;
  }

  open(name: Name, attributes: readonly Attribute[], place: Place, depth: number): void {
    if (place === 'header') return;
    if (this.#decoder !== null) return this.#decoder.open(name, attributes, this.#scope);
    this.#names[depth - 3] = name.local;
    this.#names.length = depth - 2;
    if (depth === 3) {
      this.#seen = true;
      this.#fault = name.local === 'Fault' && Object.values(ENVELOPES).includes(name.namespace);
      if (!this.#fault) this.#begin(this.#codecs.output, { name, attributes, depth });
    } else if (depth === 5 && /^[dD]etail$/.test(this.#names[1] ?? '')) {
      this.#begin(this.#codecs.faults.get(clark(name.namespace, name.local)) ?? null, { name, attributes, depth });
    }
  }

  #begin(
    codec: Codec | null,
    { name, attributes, depth }: { name: Name; attributes: readonly Attribute[]; depth: number },
  ): void {
    if (codec === null) {
      this.#unknown ??= name.local;
      return;
    }
    this.#decoder = codec.decoder();
    this.#from = depth;
    this.#decoder.open(name, attributes, this.#scope);
  }

  text(text: string): void {
    if (this.#decoder !== null) return this.#decoder.text(text);
    if (!this.#fault) return;
    const key = this.#names.slice(1).join('/');
    this.#texts.set(key, (this.#texts.get(key) ?? '') + text);
  }

  close(place: Place, depth: number): void {
    if (place === 'header') return;
    if (this.#decoder === null) return void (this.#names.length = Math.max(depth - 3, 0));
    this.#decoder.close();
    if (depth > this.#from) return;
    const { result } = this.#decoder;
    this.#decoder = null;
    if (result?.kind === 'value') this.#detail = result.value;
    else this.#unknown = result === null ? 'it is cut' : `${result.path}: ${result.because}`;
    this.#names.length = Math.max(depth - 3, 0);
  }

  reply(): Reply {
    if (!this.#fault) {
      if (this.#codecs.output === null && !this.#seen) return { kind: 'reply', json: '{}' };
      return this.#unknown === null && this.#seen
        ? { kind: 'reply', json: print(this.#detail) }
        : { kind: 'unreadable', because: this.#unknown ?? 'the Body is empty' };
    }
    const local = (this.#text('faultcode') ?? this.#text('Code/Value') ?? '').replace(/^.*:/, '');
    const reason = this.#text('faultstring') ?? this.#text('Reason/Text') ?? '';
    const fault = new Map<string, Json>([
      ['code', CODES.get(local) ?? local],
      ['reason', reason],
      ['detail', this.#unknown ?? this.#detail],
    ]);
    return { kind: 'reply', json: print(new Map([['fault', fault]])) };
  }

  #text(key: string): string | null {
    return this.#texts.get(key)?.trim() ?? null;
  }
}

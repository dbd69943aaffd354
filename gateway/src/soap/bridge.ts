/**
 * One call to a bridged operation on its way to the REST service and back: the message is decoded when somebody needs the request,
 * once, and the answer becomes an envelope or a fault when it is whole. Where it goes, who answers instead, and what is asked again
 * is decided as for any other request (`obey.ts`).
 */
import { isUtf8 } from 'node:buffer';
import type { Code } from '../error.ts';
import { fieldOf } from '../core/flat.ts';
import type { Fields } from '../core/field.ts';
import type { Json } from '../core/json.ts';
import type { Side } from '../core/side.ts';
import type { Bridge } from '../core/soap/bridge.ts';
import type { Codec } from '../core/soap/codec.ts';
import { contentTypeOf, faultText } from '../core/soap/fault.ts';
import { readLetter } from '../core/soap/letter.ts';
import { LIMITS } from '../core/soap/limits.ts';
import { answerOf, type RestAnswer, type Told } from '../core/soap/outcome.ts';
import type { Refusal, Version } from '../core/soap/refusal.ts';
import { readReply } from '../core/soap/reply.ts';
import { requestOf } from '../core/soap/request.ts';
import { refuse } from '../core/soap/refusal.ts';
import type { Name } from '../core/soap/scope.ts';
import type { Body } from '../forward.ts';
import type { Half } from '../shadow/question.ts';
import { faultOf, type FaultAnswer } from './fault.ts';
import { textOf, tooLarge } from './text.ts';

/** The REST request, or the fault for its sender. */
export type Crossed =
  | {
      readonly kind: 'request';
      readonly method: string;
      readonly path: string;
      /** Names in lower case of the caller's fields that do not go out. */
      readonly drop: ReadonlySet<string>;
      /** What goes out in their place. */
      readonly set: Fields;
      readonly body: Body;
    }
  | { readonly kind: 'refused'; readonly fault: FaultAnswer; readonly refusal: Refusal };

/** An answer for the caller. `code` and `because` are for the log; null where all is as declared. */
export interface Returned {
  readonly status: number;
  readonly fields: Fields;
  readonly body: Buffer;
  readonly code: Code | null;
  readonly because: string | null;
}

// What describes the message that came, negotiates its answer, or makes it depend on an earlier one.
const OF_THE_MESSAGE: ReadonlySet<string> = new Set([
  'soapaction',
  'content-type',
  'content-length',
  'content-encoding',
  'content-language',
  'content-md5',
  'content-digest',
  'digest',
  'repr-digest',
  'mime-version',
  'accept',
  'accept-charset',
  'accept-encoding',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'range',
]);

/** What came. */
export interface Message {
  /** All of it; null of one that is too large to be decoded. */
  readonly bytes: Buffer | null;
  /** Its characters, where they are in hand. */
  readonly text: string | null;
  readonly headers: Fields;
  readonly version: Version;
}

export class Crossing {
  readonly #bridge: Bridge<Codec>;
  readonly #message: Message;
  #input: Json = new Map();
  #crossed: Crossed | null = null;

  constructor(bridge: Bridge<Codec>, message: Message) {
    this.#bridge = bridge;
    this.#message = message;
  }

  /** Never throws; made once. */
  cross(): Crossed {
    return (this.#crossed ??= this.#made());
  }

  #made(): Crossed {
    const { bytes, headers } = this.#message;
    const text =
      bytes === null
        ? tooLarge(LIMITS.bridgedBytes)
        : (this.#message.text ?? textOf(bytes, headers, LIMITS.bridgedBytes));
    if (typeof text !== 'string') return this.#refused(text);
    const { input, request } = this.#bridge;
    const letter = readLetter(text, { limits: LIMITS, input, understood: request.blocks });
    if (letter.kind === 'refused') return this.#refused(letter.refusal, letter.notUnderstood);
    this.#input = letter.input;
    const asked = requestOf(request, letter.input, letter.blocks);
    if (asked.kind === 'refused') return this.#refused(refuse('GW_BRIDGE_INPUT', asked.because));
    const body: Body = asked.body === null ? { kind: 'none' } : { kind: 'whole', bytes: Buffer.from(asked.body) };
    const set = ['accept', 'application/json, application/problem+json', 'accept-encoding', 'identity'];
    if (asked.body !== null) set.push('content-type', 'application/json');
    for (const [name, value] of asked.headers) set.push(name, value);
    const own = asked.headers.length === 0 ? null : asked.headers.map(([name]) => name);
    const drop = own === null ? OF_THE_MESSAGE : new Set([...OF_THE_MESSAGE, ...own]);
    return { kind: 'request', method: asked.method, path: asked.path, drop, set, body };
  }

  #refused(refusal: Refusal, notUnderstood: readonly Name[] = []): Crossed {
    const { version } = this.#message;
    const { faultcode: code, reason, because: gw, status } = refusal;
    const body = Buffer.from(faultText(version, { code, reason, gw, notUnderstood }));
    return { kind: 'refused', refusal, fault: { ...faultOf(version, { code, reason, gw }, status), body } };
  }

  /** The answer for the caller. To be asked once the request has been made. */
  back(status: number, fields: Fields, body: Buffer): Returned {
    const { version } = this.#message;
    const told = this.#told(restOf(status, fields, body));
    if (told.kind === 'accepted')
      return { status: 202, fields: ['content-length', '0'], body: NOTHING, code: null, because: null };
    const bytes = Buffer.from(told.text);
    const answer = ['content-type', contentTypeOf(version), 'content-length', String(bytes.length)];
    if (told.kind === 'envelope') return { status: 200, fields: answer, body: bytes, code: null, because: null };
    const again = fieldOf(fields, 'retry-after') ?? '';
    if ((status === 429 || status === 503) && /^\d{1,6}$/.test(again)) answer.push('retry-after', again);
    answer.push('cache-control', 'no-store');
    // Many clients read a fault on 500 only.
    return { status: 500, fields: answer, body: bytes, code: told.code, because: told.because };
  }

  #told(answer: RestAnswer): Told {
    return answerOf(this.#bridge.answer, answer, this.#input, this.#message.version);
  }

  /** Either side's answer by what it says, as JSON, for a comparison: legacy's as it came, new's as its caller would have it. */
  view(half: Half, side: Side): Half {
    if (half.kind !== 'answered') return half;
    const said = side === 'new' ? this.#saidByNew(half) : saidByLegacy(half);
    if (typeof said !== 'string') return said;
    const { output, details } = this.#bridge.answer;
    const reply = said === '' ? ({ kind: 'reply', json: '' } as const) : readReply(said, { output, faults: details });
    if (reply.kind === 'unreadable')
      return { kind: 'failed', because: `no answer of this operation: ${reply.because}` };
    const status = side === 'new' ? this.back(half.status, half.fields, half.body).status : half.status;
    const fields = reply.json === '' ? [] : ['content-type', 'application/json'];
    return { ...half, status, fields, body: Buffer.from(reply.json) };
  }

  #saidByNew({ status, fields, body }: Extract<Half, { kind: 'answered' }>): string {
    const told = this.#told(restOf(status, fields, body));
    return told.kind === 'accepted' ? '' : told.text;
  }
}

const NOTHING = Buffer.alloc(0);

function restOf(status: number, fields: Fields, body: Buffer): RestAnswer {
  const coding = fieldOf(fields, 'content-encoding')?.trim().toLowerCase() ?? '';
  const readable = (coding === '' || coding === 'identity') && isUtf8(body);
  return { status, contentType: fieldOf(fields, 'content-type'), text: readable ? body.toString('utf8') : null };
}

function saidByLegacy({ fields, body }: Extract<Half, { kind: 'answered' }>): string | Half {
  if (body.length === 0) return '';
  const text = textOf(body, fields, LIMITS.inflatedBytes);
  return typeof text === 'string' ? text : { kind: 'failed', because: text.reason };
}

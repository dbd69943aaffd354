/**
 * Says which SOAP operation a request calls, by its body, before a byte of it is sent anywhere; and goes on watching the rest
 * of a long one. The bytes that came are kept as they came: what goes on is byte for byte what was received.
 *
 * Never throws. Every path ends in `operation`, `unclassified` (no SOAP message, or one that names no operation), `refused` or
 * `departed`.
 */
import type { Readable } from 'node:stream';
import { LIMITS, type Limits } from '../core/soap/limits.ts';
import { actionsOf, isSoap, versionOf, type Media } from '../core/soap/media.ts';
import { refuse, type Refusal, type Version } from '../core/soap/refusal.ts';
import type { EmptyBody, Found } from '../core/soap/scan.ts';
import { clark } from '../core/soap/scope.ts';
import { classify, type Operation, type Service } from '../core/soap/service.ts';
import { readHead } from './head.ts';
import { codingOf } from './inflate.ts';
import { Message, type Objection } from './message.ts';
import type { Passage, Refused, Verdict } from './passage.ts';
import { Reader } from './reader.ts';

export interface Input {
  readonly method: string;
  /** Names and values in turn, as `IncomingMessage.rawHeaders`. */
  readonly rawHeaders: readonly string[];
  /** The body, unread. It is paused when `identify` returns, and may be read on by anybody. */
  readonly body: Readable;
}

export interface IdentifyOptions {
  /** `whole`: to the end of the message. `operation`: no further than its operation. */
  readonly check: 'whole' | 'operation';
  /** What becomes of a message whose action names another operation than its body. */
  readonly actionMismatch: 'refuse' | 'body-wins';
  /** What becomes of a SOAP 1.2 envelope under text/xml, and the reverse. Default: refuse. */
  readonly versionMismatch?: 'refuse' | 'allow';
  /** For everything that is read before the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the message's text is wanted. */
  readonly keep?: boolean;
  readonly limits?: Partial<Limits>;
}

export interface IdentifiedOperation extends Passage {
  readonly kind: 'operation';
  readonly version: Version;
  /** The first child of the body; for an empty body, the input element of its operation. */
  readonly namespace: string;
  readonly name: string;
  /**
   * What of the service it calls: none (an unknown operation), one, or several that share their input element when no action
   * says which (the service was accepted only because they go to the same place).
   */
  readonly operations: readonly Operation[];
  /** The first action that came with it, whatever it says; null: none, or empty. */
  readonly action: string | null;
  /** All of the message, decoded: where it was to be kept, was checked to its end, and is not too long. Else null. */
  readonly text: string | null;
}

export interface Unclassified extends Passage {
  readonly kind: 'unclassified';
  /** What its sender is told if it is refused. */
  readonly refused: Refused;
}

/** What can be said of a message whose sender is still there. */
export type Answered = IdentifiedOperation | Unclassified | Refused;

export type Identified =
  | Answered
  /** The sender has left; there is nobody to answer. */
  | { readonly kind: 'departed' };

// Raw bytes for one character of the head: three in UTF-8, two in UTF-16, and room for MIME and compression's own.
const RAW_BYTES_PER_CHARACTER = 4;

/**
 * @param service what is known of the operations; `bareService([])` where nothing is
 */
export async function identify(input: Input, service: Service, options: IdentifyOptions): Promise<Identified> {
  const opened = open(input.rawHeaders, service, options);
  if (opened.kind === 'refused') return opened;
  const { message, fallback } = opened;
  if (input.method !== 'POST') {
    return pass(
      { message, fallback, held: [], complete: false },
      refuse('GW_SOAP_METHOD', 'A SOAP message is sent by POST'),
    );
  }
  const opening = new Opening(opened, service, options);
  const reader = new Reader(input.body, options.timeoutMs);
  try {
    for (;;) {
      const next = await reader.next();
      switch (next.kind) {
        case 'gone':
          message.close();
          return { kind: 'departed' };
        case 'slow':
          return opening.slow();
        case 'end':
          return await opening.end();
        case 'chunk': {
          const taken = opening.take(next.chunk);
          const answer = taken instanceof Promise ? await taken : taken;
          if (answer !== null) return answer;
          break;
        }
        default:
          next satisfies never;
      }
    }
  } finally {
    reader.release();
  }
}

/**
 * The same of a body that is in hand, at once.
 * @param bytes all of it; null when it did not arrive in time
 * @throws TypeError when a Content-Encoding has to be undone, which takes its time
 */
export function identifyWhole(
  { rawHeaders, bytes }: { readonly rawHeaders: readonly string[]; readonly bytes: Buffer | null },
  service: Service,
  options: IdentifyOptions,
): Answered {
  const opened = open(rawHeaders, service, options);
  if (opened.kind === 'refused') return opened;
  const { message, fallback, actions, media } = opened;
  if (bytes === null) return new Opening(opened, service, options).slow();
  const objection = message.push(bytes) ?? message.end();
  if (objection instanceof Promise) throw new TypeError('a message that is compressed');
  return judge({ message, fallback, actions, media, held: [bytes], complete: true, objection }, service, options);
}

/** A message of which the head has been read. */
export interface Opened {
  readonly kind: 'opened';
  readonly message: Message;
  readonly fallback: Version;
  readonly actions: readonly string[];
  readonly media: Media | null;
  readonly limits: Limits;
}

/** Reads a message's head. @returns a refusal when that alone rules it out */
export function open(rawHeaders: readonly string[], service: Service, options: IdentifyOptions): Opened | Refused {
  const limits = options.limits === undefined ? LIMITS : { ...LIMITS, ...options.limits };
  const { media, encoding, actions, refusal } = readHead(rawHeaders, limits);
  const fallback = versionOf(media) ?? '1.1';
  if (refusal !== null) return refused(refusal, fallback);
  const coding = codingOf(encoding);
  if (coding === 'unknown')
    return refused(refuse('GW_SOAP_ENCODING', `The Content-Encoding ${encoding ?? ''} is not accepted`), fallback);
  const isOperation = (namespace: string, name: string): boolean => service.byInput.has(clark(namespace, name));
  const message = Message.open({
    limits,
    media,
    coding,
    check: options.check,
    isOperation,
    keep: options.keep ?? false,
  });
  if (!(message instanceof Message)) return refused(message, fallback);
  return { kind: 'opened', message, fallback, actions, media, limits };
}

/** A message that is being read: until it is complete, or is known and too long to be held, or is refused. */
export class Opening {
  readonly #opened: Opened;
  readonly #service: Service;
  readonly #options: IdentifyOptions;
  readonly #held: Buffer[] = [];
  #bytes = 0;

  constructor(opened: Opened, service: Service, options: IdentifyOptions) {
    this.#opened = opened;
    this.#service = service;
    this.#options = options;
  }

  /** Takes the next bytes as they came. Null: more is needed. Compressed bytes are judged later. */
  take(chunk: Buffer): Answered | null | Promise<Answered | null> {
    this.#held.push(chunk);
    this.#bytes += chunk.length;
    const pushed = this.#opened.message.push(chunk);
    return pushed instanceof Promise ? pushed.then((objection) => this.#after(objection)) : this.#after(pushed);
  }

  /** The body is over. */
  end(): Answered | Promise<Answered> {
    const ended = this.#opened.message.end();
    return ended instanceof Promise
      ? ended.then((objection) => this.#judge(objection, true))
      : this.#judge(ended, true);
  }

  /** It did not arrive in time. */
  slow(): Answered {
    return this.#judge(refuse('GW_SOAP_SLOW', 'The message did not arrive in time'), false);
  }

  #after(objection: Objection): Answered | null {
    if (objection !== null) return this.#judge(objection, false);
    const { message, limits } = this.#opened;
    if (message.known !== null) {
      const enough = this.#options.check === 'operation' || this.#bytes > limits.wholeBytes;
      return enough ? this.#judge(null, false) : null;
    }
    if (this.#bytes <= limits.headCharacters * RAW_BYTES_PER_CHARACTER) return null;
    const reason = `No operation within the first ${this.#bytes} bytes`;
    return this.#judge(refuse('GW_SOAP_HEAD_TOO_LARGE', reason), false);
  }

  #judge(objection: Objection, complete: boolean): Answered {
    const { message, fallback, actions, media } = this.#opened;
    const reading = { message, fallback, actions, media, held: this.#held, complete, objection };
    return judge(reading, this.#service, this.#options);
  }
}

interface Subject {
  readonly message: Message;
  /** The version that the Content-Type announces, or 1.1. */
  readonly fallback: Version;
}

interface Reading extends Subject {
  readonly held: Buffer[];
  readonly complete: boolean;
}

interface Judged extends Reading {
  readonly objection: Objection;
  readonly actions: readonly string[];
  readonly media: Media | null;
}

/**
 * What the message is. A contradiction between its head and its operation comes before whatever is wrong further on, so that
 * the answer does not depend on how much arrived at once.
 */
function judge(reading: Judged, service: Service, options: IdentifyOptions): Answered {
  const { message, objection, media } = reading;
  const { known } = message;
  if (known === null) {
    // A body that ends without an operation has been objected to.
    const refusal = objection ?? refuse('GW_SOAP_MALFORMED', 'The message ends too early');
    const noSoap = !isSoap(media) && message.version === null;
    if (refusal.because === 'GW_SOAP_NOT_AN_ENVELOPE') return pass(reading, refusal);
    if (noSoap && (refusal.because === 'GW_SOAP_MALFORMED' || refusal.because === 'GW_SOAP_CHARSET')) {
      const type = media?.type ?? 'none';
      return pass(reading, refuse('GW_SOAP_MEDIA_TYPE', `A SOAP envelope is expected; the Content-Type is ${type}`));
    }
    return stop(reading, refusal);
  }
  const announced = versionOf(message.rootMedia) ?? versionOf(media);
  if (announced !== null && announced !== known.version && options.versionMismatch !== 'allow') {
    const reason = `A SOAP ${known.version} envelope came under the media type of SOAP ${announced}`;
    return stop(reading, refuse('GW_SOAP_VERSION', reason));
  }
  const operation = operationOf(reading, known, { service, options });
  if (operation.kind === 'refused') return stop(reading, operation.refusal);
  if (objection !== null) return stop(reading, objection);
  if (operation.kind !== 'operation') return pass(reading, operation.refusal);
  const text = reading.complete && options.check === 'whole' ? message.characters : null;
  const { version, namespace, name, operations, action } = operation;
  const { held, complete, immediate, settled, watch, finish } = passage(reading);
  // One by one: spread, they would cost more than all that is judged here.
  return {
    kind: 'operation',
    version,
    namespace,
    name,
    operations,
    action,
    text,
    held,
    complete,
    immediate,
    settled,
    watch,
    finish,
  };
}

type Outcome =
  | Omit<IdentifiedOperation, keyof Passage | 'text'>
  | { readonly kind: 'unclassified' | 'refused'; readonly refusal: Refusal };

function operationOf(
  reading: Judged,
  known: Found | EmptyBody,
  { service, options }: { service: Service; options: IdentifyOptions },
): Outcome {
  const actions = actionsIn(reading, known.addressing);
  const element = known.kind === 'found' ? { namespace: known.namespace, local: known.name } : null;
  const seen = classify(service, element, actions);
  const found =
    seen.kind !== 'mismatch' ? seen : options.actionMismatch === 'refuse' ? seen : classify(service, element, []);
  switch (found.kind) {
    case 'mismatch': {
      const named = found.named.map(({ name }) => name).join(', ');
      const body = element === null ? 'is empty' : `calls ${clark(element.namespace, element.local)}`;
      return { kind: 'refused', refusal: refuse('GW_SOAP_ACTION', `The action names ${named}, but the body ${body}`) };
    }
    case 'undecided':
      return {
        kind: 'unclassified',
        refusal: refuse('GW_SOAP_EMPTY_BODY', 'The Body is empty, and no action says which operation it stands for'),
      };
    case 'unknown':
    case 'known': {
      const operations = found.kind === 'known' ? found.operations : [];
      const { namespace, local } = element ??
        operations[0]?.input ?? { namespace: '', local: operations[0]?.name ?? '' };
      const { version } = known;
      return { kind: 'operation', version, namespace, name: local, operations, action: actions[0] ?? null };
    }
    default:
      return found satisfies never;
  }
}

const NO_ACTIONS: readonly string[] = [];

/** Every action that came with a message, once; the empty ones left out. */
function actionsIn({ actions, message, media }: Judged, addressing: readonly string[]): readonly string[] {
  const { rootMedia } = message;
  const own = rootMedia === media ? NO_ACTIONS : actionsOf(rootMedia);
  if (actions.length + own.length + addressing.length === 0) return NO_ACTIONS;
  const all = [...actions, ...own, ...addressing];
  return [...new Set(all.map((action) => action.trim()).filter((action) => action !== ''))];
}

function refused(refusal: Refusal, version: Version): Refused {
  return { kind: 'refused', version, ...refusal };
}

function stop({ message, fallback }: Subject, refusal: Refusal): Refused {
  message.close();
  return refused(refusal, message.version ?? fallback);
}

function pass(reading: Reading, refusal: Refusal): Unclassified {
  reading.message.mute();
  const version = reading.message.version ?? reading.fallback;
  return { kind: 'unclassified', refused: refused(refusal, version), ...passage(reading) };
}

function passage({ message, fallback, held, complete }: Reading): Passage {
  const verdict = (objection: Objection): Verdict =>
    objection === null ? 'ok' : stop({ message, fallback }, objection);
  const later = (objection: Objection | Promise<Objection>): Verdict | Promise<Verdict> =>
    objection instanceof Promise ? objection.then(verdict) : verdict(objection);
  return {
    held,
    complete,
    immediate: message.immediate,
    settled: message.done,
    watch: (chunk) => later(message.push(chunk)),
    finish: () => (complete ? 'ok' : later(message.end())),
  };
}

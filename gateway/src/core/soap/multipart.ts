/**
 * Finds the root part of a multipart/related message (MTOM, SOAP with attachments) as its bytes arrive. Nothing is decoded or
 * kept: what is found are stretches of the bytes that were pushed.
 *
 * Where two MIME readers could see different parts the message is refused: text before the first boundary, a boundary with
 * something behind it, line ends that change, two parts with the root's Content-ID.
 *
 *   start ── boundary ──▶ head ── blank line ──▶ open ──▶ body ── boundary ──▶ head … ── closing boundary ──▶ epilogue
 */
import { PART_HEAD_BYTES } from './limits.ts';
import { parseMedia, type Media } from './media.ts';
import { refuse, type Refusal } from './refusal.ts';

const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;
const SPACE = 0x20;
const TAB = 0x09;

/** White space behind a boundary, which transports may add. */
const PADDING_BYTES = 128;

export interface MultipartOptions {
  /** 1 to 70 characters of ASCII: see {@link isBoundary}. */
  readonly boundary: string;
  /** `start=` of the Content-Type; null: the first part is the root. */
  readonly start: string | null;
  /** Most bytes before the root part. */
  readonly headBytes: number;
  /** Called once, before any root bytes, with the root part's Content-Type (null: none, or not readable). */
  readonly onRoot: (media: Media | null) => Refusal | null;
  /** Called with the root part's bytes, in order. */
  readonly onBytes: (bytes: Uint8Array) => Refusal | null;
  /** Called when the root part is over. */
  readonly onRootEnd: () => Refusal | null;
}

/** Whether `text` can be a boundary at all (RFC 2046: 1 to 70 characters, no space at the end). */
export function isBoundary(text: string): boolean {
  return /^[\x20-\x7e]{0,69}[\x21-\x7e]$/.test(text);
}

type Outcome = Refusal | 'on' | 'more';

export class Multipart {
  readonly #options: MultipartOptions;
  readonly #start: string | null;
  /** `\n--boundary`: how the line before ended is looked at afterwards. */
  readonly #marker: Uint8Array;
  #state: 'start' | 'head' | 'open' | 'body' | 'epilogue' = 'start';
  #rest: Uint8Array = new Uint8Array(0);
  #crlf = true;
  #root: 'ahead' | 'inside' | 'over' = 'ahead';
  #bytesBefore = 0;

  constructor(options: MultipartOptions) {
    this.#options = options;
    this.#start = options.start === null ? null : bareId(options.start);
    this.#marker = Uint8Array.from(`\n--${options.boundary}`, (character) => character.charCodeAt(0));
  }

  push(bytes: Uint8Array): Refusal | null {
    this.#rest = joined(this.#rest, bytes);
    for (;;) {
      const outcome = this.#advance();
      if (outcome === 'on') continue;
      if (outcome !== 'more') return outcome;
      break;
    }
    // A view would keep the whole chunk alive; what is left over is short.
    this.#rest = this.#rest.slice();
    const { headBytes } = this.#options;
    if (this.#root !== 'ahead' || this.#bytesBefore + this.#rest.length <= headBytes) return null;
    return refuse('GW_SOAP_HEAD_TOO_LARGE', `No root part within the first ${headBytes} bytes`);
  }

  end(): Refusal | null {
    if (this.#state !== 'epilogue') return broken('it ends without its closing boundary');
    return this.#root === 'over' ? null : broken('no part has the Content-ID that start= names');
  }

  #advance(): Outcome {
    switch (this.#state) {
      case 'start':
        return this.#readStart();
      case 'head':
        return this.#readHead();
      case 'open':
        return this.#readOpen();
      case 'body':
        return this.#readBody();
      case 'epilogue':
        this.#rest = new Uint8Array(0);
        return 'more';
    }
  }

  /** The message begins with its boundary, after at most one line end. */
  #readStart(): Outcome {
    const [first, second] = this.#rest;
    if (first === undefined || (first === CR && second === undefined)) return 'more';
    const skip = first === LF ? 1 : first === CR && second === LF ? 2 : 0;
    switch (this.#boundaryAt(skip)) {
      case 'no':
        return broken('it does not begin with its boundary');
      case 'more':
        return 'more';
      case 'yes':
        return this.#pass(skip + this.#marker.length - 1, 0);
    }
  }

  /** Whether `--boundary` stands at `at`. */
  #boundaryAt(at: number): 'yes' | 'no' | 'more' {
    const wanted = this.#marker.subarray(1);
    const seen = this.#rest.subarray(at, at + wanted.length);
    if (!seen.every((byte, index) => byte === wanted[index])) return 'no';
    return seen.length === wanted.length ? 'yes' : 'more';
  }

  /** Goes past a boundary that ends at `at`; the part before it had `content` bytes left. */
  #pass(at: number, content: number): Outcome {
    const next = behind(this.#rest, at);
    if (next.kind === 'other') return broken('a boundary is followed by more than white space');
    if (next.kind === 'open') {
      const refusal = this.#emit(content);
      return refusal ?? 'more';
    }
    if (next.kind === 'part') {
      if (this.#state === 'start') this.#crlf = next.crlf;
      else if (this.#crlf !== next.crlf) return broken('its lines end now in CRLF, now in LF');
    }
    const refusal = this.#emit(content) ?? this.#leaveRoot();
    if (refusal !== null) return refusal;
    this.#drop(next.end - content);
    this.#state = next.kind === 'closing' ? 'epilogue' : 'head';
    return 'on';
  }

  #leaveRoot(): Refusal | null {
    if (this.#root !== 'inside') return null;
    this.#root = 'over';
    return this.#options.onRootEnd();
  }

  #readHead(): Outcome {
    const newline = this.#crlf ? [CR, LF] : [LF];
    const empty = newline.every((byte, index) => this.#rest[index] === byte);
    const at = empty ? 0 : indexOf(this.#rest, Uint8Array.from([...newline, ...newline]), 0);
    if ((at === -1 ? this.#rest.length : at) > PART_HEAD_BYTES) {
      return broken(`the head of a part is longer than ${PART_HEAD_BYTES} bytes`);
    }
    if (at === -1) return 'more';
    const head = parseHead(String.fromCharCode(...this.#rest.subarray(0, at)));
    if (head === null) return broken('the head of a part cannot be read, or has a header twice');
    this.#drop(at + (empty ? 1 : 2) * newline.length);
    this.#state = 'open';
    const isRoot = this.#start === null ? this.#root === 'ahead' : bareId(head.get('content-id') ?? '') === this.#start;
    if (!isRoot) return 'on';
    if (this.#root !== 'ahead') return broken('two parts have the Content-ID of the root');
    this.#root = 'inside';
    return this.#enterRoot(head) ?? 'on';
  }

  #enterRoot(head: ReadonlyMap<string, string>): Refusal | null {
    const transfer = head.get('content-transfer-encoding')?.toLowerCase() ?? 'binary';
    if (!['binary', '8bit', '7bit'].includes(transfer)) {
      return refuse('GW_SOAP_ENCODING', `The root part is sent as ${transfer}; send it as binary or 8bit`);
    }
    const { headBytes } = this.#options;
    if (this.#bytesBefore > headBytes) {
      return refuse('GW_SOAP_HEAD_TOO_LARGE', `No root part within the first ${headBytes} bytes`);
    }
    return this.#options.onRoot(parseMedia(head.get('content-type') ?? ''));
  }

  /** A part without content: its boundary stands right behind the blank line. */
  #readOpen(): Outcome {
    switch (this.#boundaryAt(0)) {
      case 'more':
        return 'more';
      case 'yes':
        return this.#pass(this.#marker.length - 1, 0);
      case 'no':
        this.#state = 'body';
        return 'on';
    }
  }

  #readBody(): Outcome {
    const at = indexOf(this.#rest, this.#marker, 0);
    if (at === -1) {
      // A boundary may have begun: as many bytes stay, and one for a CR.
      const safe = this.#rest.length - this.#marker.length;
      return safe > 0 ? (this.#emit(safe) ?? 'more') : 'more';
    }
    if (this.#crlf && this.#rest[at - 1] !== CR) return broken('its lines end now in CRLF, now in LF');
    return this.#pass(at + this.#marker.length, this.#crlf ? at - 1 : at);
  }

  /** Hands on, and drops, the first `count` bytes of the rest: content of the part. */
  #emit(count: number): Refusal | null {
    if (count <= 0) return null;
    const bytes = this.#rest.subarray(0, count);
    this.#drop(count);
    return this.#root === 'inside' ? this.#options.onBytes(bytes) : null;
  }

  #drop(count: number): void {
    if (this.#root === 'ahead') this.#bytesBefore += count;
    this.#rest = this.#rest.subarray(count);
  }
}

type Behind =
  | { readonly kind: 'open' }
  | { readonly kind: 'other' }
  | { readonly kind: 'part'; readonly crlf: boolean; readonly end: number }
  | { readonly kind: 'closing'; readonly end: number };

/** What stands behind a boundary that ends at `at`: a line end, `--`, not enough yet, or something else. */
function behind(bytes: Uint8Array, at: number): Behind {
  if (bytes[at] === DASH) {
    if (bytes[at + 1] === undefined) return { kind: 'open' };
    return bytes[at + 1] === DASH ? { kind: 'closing', end: at + 2 } : { kind: 'other' };
  }
  let end = at;
  while ((bytes[end] === SPACE || bytes[end] === TAB) && end - at <= PADDING_BYTES) end += 1;
  if (bytes[end] === LF) return { kind: 'part', crlf: false, end: end + 1 };
  if (bytes[end] === CR && bytes[end + 1] === LF) return { kind: 'part', crlf: true, end: end + 2 };
  const more = bytes[end] === undefined || (bytes[end] === CR && bytes[end + 1] === undefined);
  return { kind: more ? 'open' : 'other' };
}

/** Reads a part's header lines, names in lower case, folded lines joined. Null: a line is no header, or a header came twice. */
function parseHead(text: string): ReadonlyMap<string, string> | null {
  const head = new Map<string, string>();
  const lines = text.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
  for (const line of lines) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon === -1 || head.has(name)) return null;
    head.set(name, line.slice(colon + 1).trim());
  }
  return head;
}

/** A Content-ID without its angle brackets, which `start=` has or has not. */
function bareId(id: string): string {
  return id.trim().replace(/^<(.*)>$/, '$1');
}

function broken(why: string): Refusal {
  return refuse('GW_SOAP_MULTIPART', `The multipart message is broken: ${why}`);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Where `wanted` begins in `bytes`, or -1. Leaps from one first byte to the next by the engine's own search. */
function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  const [first] = wanted;
  if (first === undefined) return from;
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    let length = 1;
    while (length < wanted.length && bytes[at + length] === wanted[length]) length += 1;
    if (length === wanted.length) return at;
  }
  return -1;
}

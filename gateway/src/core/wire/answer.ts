/**
 * Reads the answers of one HTTP/1 connection as bytes arrive: heads (interim ones too), bodies with their framing undone, trailers.
 * What is told depends on the bytes alone, never on how they were cut. Work is linear in the bytes, and what is held is bounded by
 * the limit of a head.
 *
 *     idle ──begin──▶ head ──▶ body ──▶ idle
 *                      ▲└─1xx─┘
 */
import type { Fields } from '../field.ts';
import { Chunks, type Chunked, type TextOf } from './chunk.ts';
import { framingOf, keepingOf, readHead, type Framing, type Head } from './head.ts';

export type { TextOf } from './chunk.ts';

/** Is told of the answer, in order. May `begin` the next one when it is told of the end. */
export interface Listener {
  /** A head; below 200 it is an interim answer, and another follows. */
  head(head: Head, framing: Framing): void;
  data(bytes: Uint8Array): void;
  /** The answer is whole. @param kept whether the connection may carry another request; @param idleSeconds for how long, when it is told */
  end(trailers: Fields | null, kept: boolean, idleSeconds: number | null): void;
  /** The bytes are no answer: nothing that comes from this connection can be trusted. */
  bad(because: string): void;
}

export interface AnswerOptions {
  readonly text: TextOf;
  /** Most bytes of a head, of all interim heads' each, and of trailers. */
  readonly mostHead: number;
}

// Nearly all heads are shorter; with more, the body behind a head would be made text for nothing.
const FIRST_LOOK_BYTES = 2 * 1024;
const CRLF = '\r\n';
const END = '\r\n\r\n';
const START = 'HTTP/1.';

type State = 'idle' | 'head' | 'length' | 'chunked' | 'close' | 'over';

export class Answers {
  readonly #options: AnswerOptions;
  readonly #listener: Listener;
  #state: State = 'idle';
  #method = '';
  /** What has come of a head that is not all there: joined once it is, since each joining costs as much as all of it. */
  #pieces: string[] = [];
  #held = 0;
  /** Its first characters, and its last. */
  #start = '';
  #tail = '';
  #left = 0;
  #chunks: Chunks | null = null;
  #kept = true;
  #idleSeconds: number | null = null;
  #began = false;

  constructor(listener: Listener, options: AnswerOptions) {
    this.#listener = listener;
    this.#options = options;
  }

  /** An answer is due. */
  begin(method: string): void {
    this.#method = method;
    this.#state = 'head';
    this.#began = false;
  }

  /** Whether a byte of the answer has come. */
  get began(): boolean {
    return this.#began;
  }

  /** Takes the next bytes. */
  take(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#state) {
        case 'head':
          this.#began = true;
          at = this.#head(bytes, at);
          break;
        case 'length':
          at = this.#sized(bytes, at);
          break;
        case 'chunked':
          at = this.#chunked(bytes, at);
          break;
        case 'close':
          this.#listener.data(at === 0 ? bytes : bytes.subarray(at));
          return;
        case 'idle':
          return this.#bad('bytes came that nobody asked for');
        case 'over':
          return;
      }
    }
  }

  /** No more bytes will come. @returns whether that ended an answer, which has been told of */
  finish(): boolean {
    if (this.#state !== 'close') return false;
    this.#end(null, true);
    return true;
  }

  /** @returns where the bytes go on */
  #head(bytes: Uint8Array, from: number): number {
    const { text, mostHead } = this.#options;
    const held = this.#held;
    const to = held === 0 ? Math.min(bytes.length, from + FIRST_LOOK_BYTES) : bytes.length;
    const piece = text(bytes, from, to);
    const tail = this.#tail;
    const found = (tail === '' ? piece : tail + piece).indexOf(END);
    const whole = found !== -1;
    const end = found - tail.length;
    // What has come of the empty line does not count, however much of it that is.
    if (held + (whole ? end : piece.length + 1 - END.length) > mostHead) {
      this.#bad(`the head of the answer has more than ${mostHead} bytes`);
      return bytes.length;
    }
    if (!whole) {
      this.#start = (this.#start + piece).slice(0, START.length);
      if (!START.startsWith(this.#start)) {
        // Not to be waited for: it has no head.
        this.#bad('what came is no answer of HTTP/1');
        return bytes.length;
      }
      this.#pieces.push(piece);
      this.#held += piece.length;
      this.#tail = (tail + piece).slice(1 - END.length);
      return to;
    }
    const at = from + end + END.length;
    this.#read(held === 0 ? piece.slice(0, end + CRLF.length) : this.#joined(piece, end), at === bytes.length);
    return at;
  }

  /** @param end where the head ends in the last piece; below 0, before it */
  #joined(piece: string, end: number): string {
    const text = [...this.#pieces, piece].join('').slice(0, this.#held + end + CRLF.length);
    this.#pieces = [];
    this.#held = 0;
    this.#start = '';
    this.#tail = '';
    return text;
  }

  /** @param last whether nothing has come behind it */
  #read(text: string, last: boolean): void {
    const head = readHead(text);
    if (head.kind === 'bad') return this.#bad(head.because);
    // Nobody asked for another protocol.
    if (head.status === 101) return this.#bad('the answer changes the protocol, which was not asked for');
    const framing = framingOf(this.#method, head);
    if (framing.kind === 'bad') return this.#bad(framing.because);
    if (head.status < 200) return this.#listener.head(head, framing);
    const { kept, idleSeconds } = keepingOf(head);
    this.#kept = kept && framing.kind !== 'close' && !(framing.kind === 'none' && framing.announced);
    this.#idleSeconds = idleSeconds;
    this.#enter(framing);
    this.#listener.head(head, framing);
    // The listener may have had enough of it.
    if (this.#left === 0 && this.#state === 'length') this.#end(null, last);
  }

  #enter(framing: Framing): void {
    this.#left = framing.kind === 'length' ? framing.bytes : 0;
    switch (framing.kind) {
      case 'none':
      case 'length':
        this.#state = 'length';
        return;
      case 'chunked': {
        const { text, mostHead: mostTrailers } = this.#options;
        this.#chunks = new Chunks({ text, mostTrailers, onData: (bytes) => this.#listener.data(bytes) });
        this.#state = 'chunked';
        return;
      }
      case 'close':
        this.#state = 'close';
    }
  }

  #sized(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    this.#listener.data(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#left === 0 && this.#state === 'length') this.#end(null, end === bytes.length);
    return end;
  }

  #chunked(bytes: Uint8Array, at: number): number {
    const step: Chunked = this.#chunks?.take(bytes, at) ?? { kind: 'bad', because: 'there are no chunks' };
    if (step.kind === 'bad') this.#bad(step.because);
    else if (step.kind === 'end' && this.#state === 'chunked') {
      this.#end(step.trailers.length === 0 ? null : step.trailers, step.used === bytes.length);
      return step.used;
    }
    return bytes.length;
  }

  /** @param last whether nothing has come behind it: what has would be taken for the answer to the next request */
  #end(trailers: Fields | null, last: boolean): void {
    this.#state = last ? 'idle' : 'over';
    this.#chunks = null;
    this.#listener.end(trailers, this.#kept && last, this.#idleSeconds);
  }

  #bad(because: string): void {
    this.#state = 'over';
    this.#listener.bad(because);
  }

  /** Nothing more is told of. */
  stop(): void {
    this.#state = 'over';
  }
}

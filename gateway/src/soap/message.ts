/**
 * One SOAP message on its way from raw bytes to a verdict: Content-Encoding, then MIME, then charset, then XML, each fed by the
 * one before as bytes arrive. It reads along; it keeps and changes nothing.
 *
 *   push(chunk) ─▶ inflate? ─▶ multipart? ─▶ detect + decode ─▶ scan
 */
import { detect } from '../core/soap/charset.ts';
import type { Limits } from '../core/soap/limits.ts';
import type { Media } from '../core/soap/media.ts';
import { isBoundary, Multipart } from '../core/soap/multipart.ts';
import { QuickScanner } from '../core/soap/quick.ts';
import { refuse, type Refusal, type Version } from '../core/soap/refusal.ts';
import type { EmptyBody, Found, ScanOptions, Step } from '../core/soap/scan.ts';
import { Decoder } from './decode.ts';
import { Inflater, type Coding } from './inflate.ts';

export interface MessageOptions extends ScanOptions {
  readonly limits: Limits;
  readonly media: Media | null;
  readonly coding: Coding | null;
  /** Whether the characters are kept, up to `headCharacters` of them. */
  readonly keep?: boolean;
}

/** A refusal, or null: nothing to object to so far. Compressed bytes are judged asynchronously. */
export type Objection = Refusal | null;

const NOTHING = Buffer.alloc(0);
// Most operations are known by here; a chunk of a socket is sixty times as large.
const STEP_BYTES = 1024;

export class Message {
  readonly #limits: Limits;
  readonly #check: 'whole' | 'operation';
  readonly #inflater: Inflater | null;
  readonly #multipart: Multipart | null;
  readonly #scanner: QuickScanner;
  /** Null: not to be kept, or too many. */
  #characters: string | null;
  #scanning: boolean;
  #bytes = 0;
  #rootMedia: Media | null;
  #head: Buffer = NOTHING;
  #decoder: Decoder | null = null;
  #known: Found | EmptyBody | null = null;
  #refusal: Objection = null;

  /** @returns a refusal when the Content-Type alone rules the message out */
  static open(options: MessageOptions): Message | Refusal {
    const { media } = options;
    if (media?.type === 'multipart/related' && !isBoundary(media.parameters.get('boundary') ?? '')) {
      return refuse('GW_SOAP_MULTIPART', 'The Content-Type multipart/related has no boundary');
    }
    return new Message(options);
  }

  private constructor(options: MessageOptions) {
    const { limits, media, coding, check } = options;
    this.#limits = limits;
    this.#check = check;
    this.#rootMedia = media;
    this.#scanning = true;
    this.#characters = options.keep === true ? '' : null;
    this.#scanner = new QuickScanner(options);
    // An objection to the text stops the scan, not the decompression: the message may still go on unclassified.
    const onBytes = (bytes: Buffer): void => void this.#unpacked(bytes);
    this.#inflater = coding === null ? null : new Inflater({ coding, limitBytes: limits.inflatedBytes, onBytes });
    this.#multipart =
      media?.type !== 'multipart/related'
        ? null
        : new Multipart({
            boundary: media.parameters.get('boundary') ?? '',
            start: media.parameters.get('start') ?? null,
            headBytes: limits.headCharacters,
            onRoot: (root) => this.#enterRoot(root),
            onBytes: (bytes) => this.#read(buffer(bytes)),
            onRootEnd: () => this.#endText(),
          });
  }

  /** What was found so far. */
  get known(): Found | EmptyBody | null {
    return this.#known;
  }

  /** Of the envelope; null before it was seen. */
  get version(): Version | null {
    return this.#scanner.version;
  }

  /** All characters so far; null where they are not kept, or are more than one looks into. */
  get characters(): string | null {
    return this.#characters;
  }

  /** Whether bytes are judged in the turn in which they come. */
  get immediate(): boolean {
    return this.#inflater === null;
  }

  /** The media type of the envelope: of the root part where there are parts. */
  get rootMedia(): Media | null {
    return this.#rootMedia;
  }

  /** From here on only size and Content-Encoding are looked at: it is no SOAP message, but may go on all the same. */
  mute(): void {
    this.#scanning = false;
    this.#refusal = null;
  }

  /** Takes the next bytes as they came. The first refusal is repeated for ever. */
  push(chunk: Buffer): Objection | Promise<Objection> {
    if (this.#refusal !== null) return this.#refusal;
    this.#bytes += chunk.length;
    const { bodyBytes } = this.#limits;
    if (this.#bytes > bodyBytes) {
      return this.#keep(refuse('GW_SOAP_TOO_LARGE', `The body is larger than ${bodyBytes} bytes`));
    }
    if (this.done) return null;
    if (this.#inflater !== null) return this.#inflater.write(chunk).then((objection) => this.#keep(objection));
    return this.#unpacked(chunk);
  }

  /** The body is over. */
  end(): Objection | Promise<Objection> {
    if (this.#refusal !== null) return this.#refusal;
    if (this.done) return null;
    if (this.#inflater === null) return this.#endUnpacked();
    return this.#inflater.end().then((objection) => this.#keep(objection) ?? this.#endUnpacked());
  }

  /** Frees what is held for a message that is not read to its end. */
  close(): void {
    this.#inflater?.close();
  }

  /** With `check: operation`, nothing matters once the operation is known. */
  get done(): boolean {
    return this.#check === 'operation' && this.#known?.kind === 'found';
  }

  #keep(objection: Objection): Objection {
    this.#refusal ??= objection;
    return this.#refusal;
  }

  #unpacked(bytes: Buffer): Objection {
    if (!this.#scanning || this.done || this.#refusal !== null) return this.#refusal;
    return this.#keep(this.#multipart === null ? this.#read(bytes) : this.#multipart.push(bytes));
  }

  #endUnpacked(): Objection {
    if (!this.#scanning || this.done) return null;
    return this.#keep(this.#multipart === null ? this.#endText() : this.#multipart.end());
  }

  #enterRoot(media: Media | null): Objection {
    this.#rootMedia = media;
    const twice = media?.twice ?? null;
    return twice === null ? null : refuse('GW_SOAP_HEADERS', `The root part's Content-Type has ${twice} twice`);
  }

  /** Where only the operation matters, what is behind it is not even decoded. */
  #read(bytes: Buffer): Objection {
    if (this.#check === 'whole') return this.#text(bytes);
    for (let at = 0; at < bytes.length && !this.done; at += STEP_BYTES) {
      const objection = this.#text(bytes.subarray(at, at + STEP_BYTES));
      if (objection !== null) return objection;
    }
    return null;
  }

  #text(bytes: Buffer): Objection {
    if (this.#decoder !== null) return this.#decode(this.#decoder, bytes);
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    return this.#detect(false);
  }

  #detect(ended: boolean): Objection {
    const declared = this.#rootMedia?.parameters.get('charset')?.trim() ?? '';
    const found = detect(this.#head, declared === '' ? null : declared, ended);
    if (found.kind === 'more') return null;
    if (found.kind === 'refused') return refuse('GW_SOAP_CHARSET', found.reason);
    this.#decoder = new Decoder(found.charset);
    const head = this.#head;
    this.#head = NOTHING;
    return this.#decode(this.#decoder, head);
  }

  #decode(decoder: Decoder, bytes: Buffer): Objection {
    const { text, sound } = decoder.write(bytes);
    if (this.#characters !== null) {
      // What a small body inflates to may be large.
      const isLong = this.#characters.length + text.length > this.#limits.headCharacters;
      this.#characters = isLong ? null : this.#characters + text;
    }
    const objection = this.#see(this.#scanner.write(text));
    if (objection !== null || sound) return objection;
    return refuse('GW_SOAP_CHARSET', 'The message has bytes that are not in its charset');
  }

  #endText(): Objection {
    if (this.#decoder === null) {
      const objection = this.#detect(true);
      if (objection !== null) return objection;
    }
    if (this.#decoder?.end() === false) return refuse('GW_SOAP_CHARSET', 'The message ends within a character');
    return this.#see(this.#scanner.end());
  }

  #see(step: Step): Objection {
    switch (step.kind) {
      case 'more':
        return null;
      case 'found':
      case 'empty-body':
        this.#known = step;
        return null;
      case 'refused':
        this.#known ??= step.known;
        return step.refusal;
      default:
        return step satisfies never;
    }
  }
}

/** The same bytes as a Buffer, not copied. */
function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

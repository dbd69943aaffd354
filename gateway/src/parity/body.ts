/**
 * From an answer's bytes to the body that the comparator takes: undoes the content encoding, decodes text by its charset, and
 * digests what is not text.
 */
import { createHash } from 'node:crypto';
import { promisify, TextDecoder } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { Body } from '../core/answer.ts';
import { formOf, parseMedia, unquoted, type Form, type Media } from '../core/media.ts';

const DECODERS: ReadonlyMap<string, (bytes: Buffer, limit: { maxOutputLength: number }) => Promise<Buffer>> = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
]);

/**
 * @param header the value of a header, joined; null when there is none
 * @param maxBytes of the body once decoded
 */
export async function readBody(
  bytes: Buffer,
  header: (name: string) => string | null,
  maxBytes: number,
): Promise<Body> {
  if (bytes.length === 0) return { kind: 'none' };
  const plain = await decompress(bytes, header('content-encoding') ?? '', maxBytes);
  if (!Buffer.isBuffer(plain)) return plain;
  if (plain.length === 0) return { kind: 'none' };
  const type = header('content-type');
  const media = parseMedia(type ?? '');
  const form = type === null ? 'text' : formOf(media);
  return form === 'binary' ? digest(plain) : decode(plain, form, media, type !== null);
}

async function decompress(bytes: Buffer, encodings: string, maxBytes: number): Promise<Buffer | Body> {
  let plain = bytes;
  // The last one named was applied last.
  for (const encoding of encodings
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .toReversed()) {
    if (encoding === '' || encoding === 'identity') continue;
    const decoder = DECODERS.get(encoding);
    if (decoder === undefined) return digest(bytes);
    try {
      plain = await decoder(plain, { maxOutputLength: maxBytes });
    } catch (error) {
      if (error instanceof RangeError) return { kind: 'large' };
      return { kind: 'broken', because: `not ${encoding}, as content-encoding says: ${messageOf(error)}` };
    }
  }
  return plain;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const digest = (bytes: Buffer): Body => ({
  kind: 'binary',
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.length,
});

/** @param isTyped whether there is a Content-Type, which the bytes then have to fit */
function decode(bytes: Buffer, form: Form, media: Media, isTyped: boolean): Body {
  const declared = media.params.get('charset') ?? (form === 'xml' ? charsetOfXml(bytes) : undefined);
  const decoder = decoderOf(declared ?? 'utf-8');
  if (decoder === null) return digest(bytes);
  try {
    return { kind: 'text', text: textOf(bytes, decoder) };
  } catch {
    if (!isTyped) return digest(bytes);
    // Text that names no charset may be of the time when that meant Latin-1. JSON and XML are UTF-8.
    if (declared === undefined && form === 'text')
      return { kind: 'text', text: textOf(bytes, new TextDecoder('windows-1252')) };
    return { kind: 'broken', because: `not ${declared ?? 'utf-8'}, the charset of its content type` };
  }
}

// Some versions of node take windows-1252 for Latin-1, and so miss the characters that it has from 0x80 to 0x9f.
const WINDOWS = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—˜™š›œ\u009DžŸ';

function textOf(bytes: Buffer, decoder: TextDecoder): string {
  const text = decoder.decode(bytes);
  if (decoder.encoding !== 'windows-1252') return text;
  return text.replace(/[\u0080-\u009F]/g, (character) => WINDOWS.charAt(character.charCodeAt(0) - 0x80));
}

/** Fatal, and without the byte order mark. Null when no such charset is known. */
function decoderOf(charset: string): TextDecoder | null {
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

const MAX_DECLARATION_BYTES = 200; // An XML declaration comes first and has three short parts.

/** What the bytes of XML say of their charset: by a mark of UTF-16, or in their declaration. */
function charsetOfXml(bytes: Buffer): string | undefined {
  const [first, second] = bytes;
  if ((first === 0xfe && second === 0xff) || (first === 0 && second === 0x3c)) return 'utf-16be';
  if ((first === 0xff && second === 0xfe) || (first === 0x3c && second === 0)) return 'utf-16le';
  const head = bytes.toString('latin1', 0, MAX_DECLARATION_BYTES);
  const written = /^(?:\u00EF\u00BB\u00BF)?<\?xml[^>]*?encoding\s*=\s*("[^"]*"|'[^']*')/.exec(head)?.[1];
  return written === undefined ? undefined : unquoted(written.replaceAll("'", '"'));
}

/**
 * The text of a SOAP message of which all bytes are in hand: Content-Encoding, MIME and charset undone at once, by the rules that
 * `message.ts` has for streams. For messages that are decoded, which are small.
 */
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { fieldOf } from '../core/flat.ts';
import type { Fields } from '../core/field.ts';
import { detect } from '../core/soap/charset.ts';
import { LIMITS } from '../core/soap/limits.ts';
import { parseMedia, type Media } from '../core/soap/media.ts';
import { isBoundary, Multipart } from '../core/soap/multipart.ts';
import { refuse, type Refusal } from '../core/soap/refusal.ts';
import { decode } from './decode.ts';
import { codingOf, type Coding } from './inflate.ts';

/** @param limitBytes of the message, once its Content-Encoding is undone */
export function textOf(bytes: Buffer, headers: Fields, limitBytes: number): string | Refusal {
  const media = parseMedia(fieldOf(headers, 'content-type') ?? '');
  const plain = inflated(bytes, codingOf(fieldOf(headers, 'content-encoding')), limitBytes);
  if (!Buffer.isBuffer(plain)) return plain;
  if (plain.length > limitBytes) return tooLarge(limitBytes);
  if (media?.type !== 'multipart/related') return charactersOf(plain, media);
  return rootOf(plain, media);
}

/** Of a message that is not decoded for its size. */
export function tooLarge(limitBytes: number): Refusal {
  return refuse('GW_SOAP_TOO_LARGE', `A message to this operation has at most ${limitBytes} bytes`);
}

function inflated(bytes: Buffer, coding: Coding | null | 'unknown', maxOutputLength: number): Buffer | Refusal {
  const options = { maxOutputLength };
  try {
    switch (coding) {
      case null:
        return bytes;
      case 'gzip':
        return gunzipSync(bytes, options);
      case 'deflate':
        // As `inflate.ts`: zlib's wrapper has CM 8 in its first half-byte; some send the stream bare.
        return ((bytes[0] ?? 0) & 0x0f) === 8 ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
      case 'br':
        return brotliDecompressSync(bytes, options);
      case 'unknown':
        return refuse('GW_SOAP_ENCODING', 'The Content-Encoding is not accepted');
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(maxOutputLength);
    return refuse('GW_SOAP_COMPRESSION', 'The body is not what its Content-Encoding says');
  }
}

function charactersOf(bytes: Buffer, media: Media | null): string | Refusal {
  const declared = media?.parameters.get('charset')?.trim() ?? '';
  const found = detect(bytes, declared === '' ? null : declared, true);
  if (found.kind !== 'charset')
    return refuse('GW_SOAP_CHARSET', found.kind === 'refused' ? found.reason : 'The charset cannot be told');
  return decode(found.charset, bytes) ?? refuse('GW_SOAP_CHARSET', 'The message has bytes that are not in its charset');
}

function rootOf(bytes: Buffer, media: Media): string | Refusal {
  const boundary = media.parameters.get('boundary') ?? '';
  if (!isBoundary(boundary)) return refuse('GW_SOAP_MULTIPART', 'The Content-Type multipart/related has no boundary');
  const chunks: Buffer[] = [];
  let root: Media | null = null;
  const multipart = new Multipart({
    boundary,
    start: media.parameters.get('start') ?? null,
    headBytes: LIMITS.headCharacters,
    onRoot: (found) => {
      root = found;
      return null;
    },
    onBytes: (part) => {
      chunks.push(Buffer.from(part));
      return null;
    },
    onRootEnd: () => null,
  });
  return multipart.push(bytes) ?? multipart.end() ?? charactersOf(Buffer.concat(chunks), root);
}

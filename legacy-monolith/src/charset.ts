/**
 * Which characters the bytes of an XML message are: by the byte order mark, then the Content-Type, then the XML declaration,
 * then UTF-8, as XML and its media types say.
 */

// What XML clients in the field send. Anything else is refused rather than guessed.
const KNOWN: Readonly<Record<string, string>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'utf-16': 'utf-16le', // Without a mark; with one, the mark has decided already.
  'utf-16le': 'utf-16le',
  'utf-16be': 'utf-16be',
  'iso-8859-1': 'windows-1252', // As every browser and TextDecoder reads it.
  'us-ascii': 'utf-8',
  'windows-1252': 'windows-1252',
};

// A declaration stands at the very beginning and is in ASCII.
const DECLARATION_LIMIT_BYTES = 200;

/** The text of an XML message, without its byte order mark; null when the encoding is unknown or the bytes do not fit it. */
export function decodeXml(bytes: Uint8Array, contentType: string): string | null {
  const encoding = encodingOf(bytes, contentType);
  if (encoding === null) return null;
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null; // The bytes are not in the encoding that they claim.
  }
}

function encodingOf(bytes: Uint8Array, contentType: string): string | null {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const declared = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType)?.[1] ?? declaredIn(bytes) ?? 'utf-8';
  return KNOWN[declared.toLowerCase()] ?? null;
}

function declaredIn(bytes: Uint8Array): string | undefined {
  const head = new TextDecoder('windows-1252').decode(bytes.subarray(0, DECLARATION_LIMIT_BYTES));
  return /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/.exec(head)?.[1];
}

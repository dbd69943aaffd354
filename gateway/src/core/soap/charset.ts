/**
 * Which charset a message is in, from its first bytes: BOM, then the Content-Type, then the look of UTF-16, then the XML
 * declaration, then UTF-8. Only charsets are accepted whose markup no two parsers can read differently.
 */

export type Charset = 'utf-8' | 'utf-16le' | 'utf-16be' | 'iso-8859-1' | 'us-ascii' | 'windows-1252';

const NAMES: ReadonlyMap<string, Charset | 'utf-16'> = new Map([
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['utf-16', 'utf-16'],
  ['utf16', 'utf-16'],
  ['utf-16le', 'utf-16le'],
  ['utf-16be', 'utf-16be'],
  ['iso-8859-1', 'iso-8859-1'],
  ['iso8859-1', 'iso-8859-1'],
  ['iso_8859-1', 'iso-8859-1'],
  ['latin1', 'iso-8859-1'],
  ['us-ascii', 'us-ascii'],
  ['ascii', 'us-ascii'],
  ['windows-1252', 'windows-1252'],
  ['cp1252', 'windows-1252'],
]);

export type Detection =
  | { readonly kind: 'charset'; readonly charset: Charset }
  /** Not yet: more bytes are needed. */
  | { readonly kind: 'more' }
  | { readonly kind: 'refused'; readonly reason: string };

// `<?xml version="1.0" encoding="…" standalone="no"?>` with generous spaces.
const DECLARATION_BYTES = 512;
const ENCODING = /^<\?xml\s[^>]*?\sencoding\s*=\s*(?:"([^"]*)"|'([^']*)')/;

/**
 * @param head the first bytes of the message, as many as there are
 * @param declared the charset of the Content-Type; null when it names none
 * @param ended whether `head` is all there is
 */
export function detect(head: Uint8Array, declared: string | null, ended: boolean): Detection {
  if (head.length < 4 && !ended) return { kind: 'more' };
  const marked = ofBom(head);
  if (marked !== null) return marked;
  if (declared !== null) return named(declared, head, 'the Content-Type');
  const wide = ofNulls(head);
  if (wide !== null) return wide;
  return ofDeclaration(head, ended);
}

function ofBom(head: Uint8Array): Detection | null {
  const [a, b, c, d] = head;
  const utf32 = (a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff);
  if (utf32) return { kind: 'refused', reason: 'UTF-32 is not accepted; send UTF-8' };
  if (a === 0xef && b === 0xbb && c === 0xbf) return { kind: 'charset', charset: 'utf-8' };
  if (a === 0xff && b === 0xfe) return { kind: 'charset', charset: 'utf-16le' };
  if (a === 0xfe && b === 0xff) return { kind: 'charset', charset: 'utf-16be' };
  return null;
}

/** Markup and white space are ASCII: in UTF-16 every other byte at the start is zero, in anything else none is. */
function ofNulls(head: Uint8Array): Detection | null {
  const [a, b, c, d] = head;
  if (a !== 0 && b === 0) {
    if (c === 0 && d === 0) return { kind: 'refused', reason: 'UTF-32 is not accepted; send UTF-8' };
    return { kind: 'charset', charset: 'utf-16le' };
  }
  if (a === 0 && b !== undefined && b !== 0) return { kind: 'charset', charset: 'utf-16be' };
  return null;
}

function named(name: string, head: Uint8Array, where: string): Detection {
  const charset = NAMES.get(name.trim().toLowerCase());
  if (charset === undefined) {
    return { kind: 'refused', reason: `The charset ${name} of ${where} is not accepted; send UTF-8` };
  }
  if (charset !== 'utf-16') return { kind: 'charset', charset };
  // Without a BOM it is big-endian (RFC 2781), unless the zeros are on the other side.
  const seen = ofNulls(head);
  return seen ?? { kind: 'charset', charset: 'utf-16be' };
}

function ofDeclaration(head: Uint8Array, ended: boolean): Detection {
  const text = String.fromCharCode(...head.subarray(0, DECLARATION_BYTES));
  const declaration = '<?xml';
  if (!text.startsWith(declaration.slice(0, text.length))) return { kind: 'charset', charset: 'utf-8' };
  if (!text.includes('>') && !ended) {
    return head.length < DECLARATION_BYTES ? { kind: 'more' } : { kind: 'charset', charset: 'utf-8' };
  }
  const encoding = ENCODING.exec(text);
  const name = encoding?.[1] ?? encoding?.[2];
  if (name === undefined) return { kind: 'charset', charset: 'utf-8' };
  const found = named(name, head, 'the XML declaration');
  if (found.kind === 'charset' && found.charset.startsWith('utf-16')) {
    // It was just read byte by byte.
    return { kind: 'refused', reason: `The XML declaration says ${name}, but the message is not in it` };
  }
  return found;
}

/** What the text of a record may be, and how the log keeps its headers. */

export interface Header {
  readonly key: string;
  readonly value: string;
}

/**
 * Why `text` cannot be kept as it is, in words; null when it can. Postgres' text holds no 0x00, and half a surrogate pair has
 * no UTF-8 form: Kafka's clients would put U+FFFD in its place without a word.
 */
export function refusalOfText(text: string): string | null {
  if (text.includes('\0')) return 'it contains the character 0x00, which the log cannot hold';
  if (!text.isWellFormed()) return 'it contains half of a surrogate pair, which has no UTF-8 form';
  return null;
}

/** The log's form of headers: a flat JSON array, or null for none. */
export function packHeaders(headers: readonly Header[]): string | null {
  if (headers.length === 0) return null;
  const flat: string[] = [];
  for (const { key, value } of headers) flat.push(key, value);
  return JSON.stringify(flat);
}

const NO_HEADERS: readonly Header[] = [];

/**
 * The inverse of {@link packHeaders}.
 *
 * @throws SyntaxError when `text` was not written by it
 */
export function unpackHeaders(text: string | null): readonly Header[] {
  if (text === null) return NO_HEADERS;
  const flat = JSON.parse(text) as readonly string[];
  const headers: Header[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    headers.push({ key: flat[index] ?? '', value: flat[index + 1] ?? '' });
  }
  return headers;
}

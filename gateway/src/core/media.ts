/**
 * What a Content-Type says: the media type, its parameters, the form that a body of it has, and when two of them are the same.
 */

/** How a body is read. `binary` is not read: only whether it is the same. */
export type Form = 'json' | 'xml' | 'text' | 'binary';

/** A Content-Type; everything in lower case. `params` are sorted by name. */
export interface Media {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
}

/** Reads a Content-Type leniently: what is not `name=value` is left out. */
export function parseMedia(text: string): Media {
  const [type = '', ...rest] = split(text, ';');
  const params = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals > 0)
      params.set(part.slice(0, equals).trim().toLowerCase(), unquoted(part.slice(equals + 1).trim()).toLowerCase());
  }
  return { type: type.trim().toLowerCase(), params: new Map([...params].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

/** Splits at `separator`, but not inside quotes. */
export function split(text: string, separator: ',' | ';'): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') quoted = !quoted;
    else if (quoted && character === '\\') at += 1;
    else if (!quoted && character === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

/** A quoted string's content; other text as it is. */
export function unquoted(text: string): string {
  const isQuoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"');
  return isQuoted ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}

// Types outside of text/ whose bodies people read.
const TEXTS = new Set([
  'application/javascript',
  'application/x-javascript',
  'application/x-www-form-urlencoded',
  'application/yaml',
  'application/x-yaml',
  'application/x-ndjson',
  'application/graphql',
]);

/** Which form bodies of a media type have. */
export function formOf({ type }: Media): Form {
  if (type === 'application/json' || type === 'text/json' || type.endsWith('+json')) return 'json';
  if (type === 'application/xml' || type === 'text/xml' || type.endsWith('+xml')) return 'xml';
  return type.startsWith('text/') || type.endsWith('+yaml') || TEXTS.has(type) ? 'text' : 'binary';
}

/** One text for all spellings of one Content-Type: JSON and XML without a charset are UTF-8. */
export function mediaKey(media: Media): string {
  const form = formOf(media);
  const params = new Map(media.params);
  if ((form === 'json' || form === 'xml') && !params.has('charset')) params.set('charset', 'utf-8');
  if (params.get('charset') === 'utf8') params.set('charset', 'utf-8');
  const list = [...params].map(([name, value]) => `${name}=${JSON.stringify(value)}`).toSorted();
  return [media.type, ...list].join(';');
}

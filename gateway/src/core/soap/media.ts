/**
 * Content-Type and actions as clients really write them: quoted, single-quoted or bare, in any case, with parameters twice.
 * Reads leniently, and says so where two readers could disagree.
 */
import type { Version } from './refusal.ts';

export interface Media {
  /** `text/xml`, in lower case. */
  readonly type: string;
  /** By lower-case name; quotes removed. Of a parameter that came twice, the first. */
  readonly parameters: ReadonlyMap<string, string>;
  /** A parameter that came twice with different values: which one counts depends on the reader. Null: none. */
  readonly twice: string | null;
}

const TYPE = /^\s*([^\s;,/]+\/[^\s;,/]+)\s*(?:;|$)/;
// A bare value may hold anything but what ends it: unquoted actions are URIs, which are no tokens.
const PARAMETER = /\s*([^\s=;,]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^;\s]*))\s*(?:;|$)|[^;]*(?:;|$)/y;

/** What was read lately, of texts of usual length: those who call send the same few, for ever. */
const lately = new Map<string, Media | null>();
const MAX_LATELY = 64;
const MAX_LATELY_CHARACTERS = 256;

/** Reads a Content-Type. Returns null when there is no media type in it. */
export function parseMedia(text: string): Media | null {
  const known = lately.get(text);
  if (known !== undefined) return known;
  const media = mediaOf(text);
  if (text.length > MAX_LATELY_CHARACTERS) return media;
  // Whoever sends another one each time gets nothing of it, and costs the others one reading in as many.
  if (lately.size >= MAX_LATELY) lately.clear();
  lately.set(text, media);
  return media;
}

function mediaOf(text: string): Media | null {
  const type = TYPE.exec(text);
  if (type?.[1] === undefined) return null;
  const parameters = new Map<string, string>();
  let twice: string | null = null;
  PARAMETER.lastIndex = type[0].length;
  while (PARAMETER.lastIndex < text.length) {
    const [, name, quoted, single, bare] = PARAMETER.exec(text) ?? [];
    if (name === undefined) continue;
    const key = name.toLowerCase();
    const value = quoted === undefined ? (single ?? bare ?? '') : quoted.replace(/\\(.)/g, '$1');
    const before = parameters.get(key);
    if (before === undefined) parameters.set(key, value);
    else if (before !== value) twice ??= key;
  }
  return { type: type[1].toLowerCase(), parameters, twice };
}

/** The SOAP version that a media type announces; null when it announces none (the envelope decides). */
export function versionOf(media: Media | null): Version | null {
  switch (media?.type) {
    case 'text/xml':
      return '1.1';
    case 'application/soap+xml':
      return '1.2';
    case 'application/xop+xml':
    case 'multipart/related': {
      // MTOM and SwA: the root part's own type. `type="application/soap+xml; action=…"` occurs.
      const inner = parseMedia(media.parameters.get('type') ?? '');
      return inner === null || inner.type === 'application/xop+xml' ? null : versionOf(inner);
    }
    default:
      return null;
  }
}

/** Whether a media type announces SOAP at all. Of another one, a body that is no envelope is no broken envelope. */
export function isSoap(media: Media | null): boolean {
  return versionOf(media) !== null || media?.type === 'multipart/related' || media?.type === 'application/xop+xml';
}

const NO_ACTIONS: readonly string[] = [];

/** The actions in a Content-Type: `action=`, also of an inner type in `type=` or `start-info=`. */
export function actionsOf(media: Media | null): readonly string[] {
  if (media === null) return NO_ACTIONS;
  const { parameters } = media;
  if (!parameters.has('action') && !parameters.has('type') && !parameters.has('start-info')) return NO_ACTIONS;
  const inner = ['type', 'start-info'].map((name) =>
    parseMedia(media.parameters.get(name) ?? '')?.parameters.get('action'),
  );
  return [media.parameters.get('action'), ...inner].filter((action) => action !== undefined);
}

export type Action =
  | { readonly kind: 'none' }
  | { readonly kind: 'action'; readonly action: string }
  /** Two values in one header (`"a", "b"`): proxies join headers that came twice. */
  | { readonly kind: 'several' };

/** Reads a SOAPAction header's value. An empty one, and `""`, say nothing. */
export function parseAction(text: string): Action {
  const trimmed = text.trim();
  const quote = trimmed[0];
  if (quote !== '"' && quote !== "'") {
    return trimmed === '' ? { kind: 'none' } : { kind: 'action', action: trimmed };
  }
  const inner = trimmed.slice(1, -1);
  if (trimmed.length < 2 || !trimmed.endsWith(quote) || inner.includes(quote)) return { kind: 'several' };
  const action = inner.trim();
  return action === '' ? { kind: 'none' } : { kind: 'action', action };
}

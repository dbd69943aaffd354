/**
 * Compares the headers that matter: content-type, location, cache-control and set-cookie, and whichever else is asked for. Each
 * by what it means, not by how it is spelt; the differences show both as they were sent.
 */
import { headerOf, type Answer } from './answer.ts';
import { cookiesOf, type Attributes } from './cookie.ts';
import type { Difference } from './difference.ts';
import { mediaKey, parseMedia, split, unquoted } from './media.ts';
import type { Step } from './path.ts';

/** Says of two values of one header whether they mean the same; equal keys do. */
type Meaning = (value: string, origin: string) => string;

const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['content-type', (value) => mediaKey(parseMedia(value))],
  ['location', (value, origin) => withoutOrigin(value, origin)],
  ['cache-control', (value) => directives(value)],
]);

/** @param also names of further headers, in lower case; compared letter by letter */
export function compareHeaders(control: Answer, candidate: Answer, also: readonly string[]): readonly Difference[] {
  const names = new Set([...MEANINGS.keys(), ...also.filter((name) => name !== 'set-cookie')]);
  const found = [...names].flatMap((name) => compareHeader(name, control, candidate));
  return [...found, ...compareCookies(control, candidate)];
}

function compareHeader(name: string, control: Answer, candidate: Answer): readonly Difference[] {
  const [mine, its] = [headerOf(control, name), headerOf(candidate, name)];
  const path = { root: 'headers', steps: [name] } as const;
  if (mine === null) return its === null ? [] : [{ path, kind: 'extra', control: undefined, candidate: its }];
  if (its === null) return [{ path, kind: 'missing', control: mine, candidate: undefined }];
  const meaning = MEANINGS.get(name) ?? ((value: string) => value);
  const same = meaning(mine, control.origin) === meaning(its, candidate.origin);
  return same ? [] : [{ path, kind: 'changed', control: mine, candidate: its }];
}

const ADDRESS = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?\/\/([^/?#]*)/;
const PORTS = new Map([
  ['http', ':80'],
  ['https', ':443'],
]);

/** A Location without the side's own scheme, host and port; one that leads elsewhere stays whole. */
function withoutOrigin(location: string, origin: string): string {
  const parts = ADDRESS.exec(location);
  const own = ADDRESS.exec(origin);
  if (parts === null || own === null) return location;
  const scheme = (own[1] ?? '').toLowerCase();
  const isOwn = authority(parts[2] ?? '', scheme) === authority(own[2] ?? '', scheme);
  if (!isOwn || (parts[1] ?? scheme).toLowerCase() !== scheme) return location;
  const rest = location.slice(parts[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function authority(text: string, scheme: string): string {
  const port = PORTS.get(scheme);
  const lower = text.toLowerCase();
  return port !== undefined && lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}

/** Directives in one order, each once; the case of their names does not count, and neither do quotes around their values. */
function directives(value: string): string {
  const list = split(value, ',').flatMap((part) => {
    const [name = '', ...rest] = part.split('=');
    const key = name.trim().toLowerCase();
    return key === '' ? [] : [rest.length === 0 ? key : `${key}=${unquoted(rest.join('=').trim())}`];
  });
  return [...new Set(list)].toSorted().join(',');
}

function compareCookies(control: Answer, candidate: Answer): readonly Difference[] {
  const [mine, its] = [cookiesOf(setCookies(control)), cookiesOf(setCookies(candidate))];
  return [...new Set([...mine.keys(), ...its.keys()])].flatMap((name) => {
    const [ours, theirs] = [mine.get(name) ?? [], its.get(name) ?? []];
    const count = Math.max(ours.length, theirs.length);
    // A name that both sides set once has no index; one that comes for several paths is matched by its order.
    return Array.from({ length: count }, (_, index) =>
      compareCookie(count === 1 ? [name] : [name, index], ours[index], theirs[index]),
    ).flat();
  });
}

const setCookies = (answer: Answer): readonly string[] =>
  answer.headers.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value);

function compareCookie(
  steps: readonly Step[],
  control: Attributes | undefined,
  candidate: Attributes | undefined,
): readonly Difference[] {
  const path = { root: 'cookies', steps } as const;
  if (control === undefined || candidate === undefined) {
    const kind = control === undefined ? 'extra' : 'missing';
    return [{ path, kind, control, candidate }];
  }
  return [...new Set([...control.keys(), ...candidate.keys()])].flatMap((name): readonly Difference[] => {
    const [mine, its] = [control.get(name), candidate.get(name)];
    if (mine === its) return [];
    const kind = mine === undefined ? 'extra' : its === undefined ? 'missing' : 'changed';
    return [{ path: { root: 'cookies', steps: [...steps, name] }, kind, control: mine, candidate: its }];
  });
}

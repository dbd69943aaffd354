/**
 * A bridge as a route declares it (`rest`, `response`, `rename`, `values`, `faults` of its `new:`), from text to data. What each
 * means to the operation needs its WSDL, and is proven once that has been read (`core/soap/bridge.ts`).
 */
import { settable } from '../core/field.ts';
import type { BridgeConfig, FaultConfig, ResponseConfig } from '../core/soap/config.ts';
import { parseBelow, parsePick, parseSource, type Block, type Pick, type Wrong } from '../core/soap/pick.ts';
import { parseTarget, targetOf } from '../core/soap/target.ts';
import type { Match } from '../core/table.ts';
import type { Path, Source } from './document.ts';
import type { Report } from './problem.ts';
import type { FileFault, FileSuccessorLong } from './shape.ts';

const KEYS = ['response', 'rename', 'values', 'faults'] as const;

interface Around {
  /** Of the route's `new`. */
  readonly at: Path;
  readonly match: Match | null;
  /** Whether the path of the route has a WSDL. */
  readonly described: boolean;
  readonly report: Report;
  readonly source: Source;
}

/** The bridge that `new:` declares; null when it declares none, or one that cannot be read (which is reported). */
export function bridgeOf(
  entry: FileSuccessorLong,
  { at, match, described, report, source }: Around,
): BridgeConfig | null {
  if (entry.rest === undefined) {
    for (const key of KEYS)
      if (entry[key] !== undefined) report([...at, key], `"${key}" is of a bridge: say in "rest:" what it asks for`);
    return null;
  }
  if (match !== null && match.kind !== 'soap')
    report([...at, 'rest'], 'a bridge is for SOAP routes: "match: SOAP /path Operation"');
  else if (!described && match !== null)
    report([...at, 'rest'], `a bridge needs the WSDL of ${match.path}: name it in wsdls.${match.path}.file`);
  if (entry.path !== undefined) report([...at, 'path'], 'a bridge has its path in "rest:"');
  const reader = new Reader(at, report);
  const { rest } = entry;
  const long = typeof rest === 'string' ? null : rest;
  const target = reader.take(['rest'], typeof rest === 'string' ? parseTarget(rest) : targetOf(rest.method, rest.path));
  const config = {
    query: long?.query === undefined ? null : reader.picks(['rest', 'query'], long.query),
    body: long?.body === undefined ? null : reader.take(['rest', 'body'], reader.ofInput(parsePick(long.body))),
    headers: reader.headers(long?.headers ?? {}),
    drop: long?.drop ?? [],
    response: reader.response(entry.response),
    rename: reader.renames(entry.rename ?? {}),
    values: new Map(Object.entries(entry.values ?? {})),
    faults: reader.faults(entry.faults ?? {}),
    places: placesOf(entry, at, source),
  };
  return target === null ? null : { target, ...config };
}

// What frames or negotiates the facade's own question.
const OWN: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'content-type',
  'content-encoding',
  'host',
  'soapaction',
]);

class Reader {
  readonly #at: Path;
  readonly #report: Report;

  constructor(at: Path, report: Report) {
    this.#at = at;
    this.#report = report;
  }

  take<T extends { readonly kind: string }>(path: Path, read: T | Wrong): T | null {
    if (!isWrong(read)) return read;
    this.#report([...this.#at, ...path], read.because);
    return null;
  }

  /** A request is made of the input alone, which `$` stands for. */
  ofInput(pick: Pick | Wrong): Pick | Wrong {
    return pick.kind === 'pick' && pick.from === 'input' ? { ...pick, from: '$' } : pick;
  }

  picks(path: Path, written: Readonly<Record<string, string>>, input: boolean = true): Map<string, Pick> {
    return new Map(
      Object.entries(written).flatMap(([name, text]): [string, Pick][] => {
        const pick = this.take([...path, name], input ? this.ofInput(parsePick(text)) : parsePick(text));
        return pick === null ? [] : [[name, pick]];
      }),
    );
  }

  headers(written: Readonly<Record<string, string>>): Map<string, Pick | Block> {
    const headers = new Map<string, Pick | Block>();
    for (const [name, text] of Object.entries(written)) {
      const at: Path = ['rest', 'headers', name];
      const key = name.toLowerCase();
      if (!settable(key) || OWN.has(key))
        this.#report([...this.#at, ...at], "is not for a bridge to set: it is the facade's own");
      if (headers.has(key)) this.#report([...this.#at, ...at], 'stands here twice, in other letters');
      const read = parseSource(text);
      const from = this.take(at, read.kind === 'block' ? read : this.ofInput(read));
      if (from !== null) headers.set(key, from);
    }
    return headers;
  }

  response(written: FileSuccessorLong['response']): ResponseConfig {
    if (written === undefined) return { kind: 'whole' };
    if (typeof written === 'string') return { kind: 'field', name: written };
    const entries = Object.entries(written).map(
      ([status, picks]) => [Number(status), this.picks(['response', status], picks, false)] as const,
    );
    return { kind: 'map', by: new Map(entries) };
  }

  renames(written: Readonly<Record<string, string>>): Map<string, readonly string[]> {
    return new Map(
      Object.entries(written).flatMap(([name, text]): [string, readonly string[]][] => {
        const path = parseBelow(text);
        if (!('kind' in path)) return [[name, path]];
        this.#report([...this.#at, 'rename', name], path.because);
        return [];
      }),
    );
  }

  faults(written: Readonly<Record<string, string | FileFault>>): Map<number, FaultConfig> {
    return new Map(
      Object.entries(written).map(([status, fault]) => {
        const { code, detail, map }: FileFault = typeof fault === 'string' ? { detail: fault } : fault;
        const picks = this.picks(['faults', status, 'map'], map ?? {}, false);
        return [Number(status), { code: code ?? null, detail: detail ?? null, map: picks }];
      }),
    );
  }
}

const isWrong = (read: { readonly kind: string }): read is Wrong => read.kind === 'wrong';

/** Where each key below `new:` stands, for problems that are found once the WSDL has been read. */
function placesOf(entry: FileSuccessorLong, at: Path, source: Source): BridgeConfig['places'] {
  const places = new Map<string, { line: number; column: number }>();
  const walk = (value: unknown, path: readonly string[]): void => {
    places.set(path.join('/'), source.placeOf([...at, ...path]));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
  };
  for (const key of ['rest', ...KEYS] as const) if (entry[key] !== undefined) walk(entry[key], [key]);
  return places;
}

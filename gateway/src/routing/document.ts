/**
 * `routing.yaml` as text with places: parses YAML, replaces `${NAME}` in its scalars, and finds line and column of any key or
 * value, so that every problem can point at what it means.
 */
import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Pair,
  type YAMLMap,
} from 'yaml';

/** A place in the file; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Something wrong with the file: where, what was found, and what was expected. */
export interface Problem extends Place {
  readonly message: string;
}

export type Path = readonly PropertyKey[];

// A migration of a thousand routes is about 150 KiB, and reading it takes a tenth of a second in which nothing is served: a file
// of this size holds ten times as many.
export const MAX_FILE_BYTES: number = 2 * 1024 * 1024;
// The file needs no aliases at all; a handful is convenient, thousands are an attack on the reader.
const MAX_ALIASES = 100;
const MAX_EXPANSION_CHARACTERS = 64 * 1024; // Of one scalar, after replacement: longer than any value the schema takes.
const MAX_SHOWN_CHARACTERS = 60; // Of what was written, in a message: enough to know it again.

export class Source {
  /** What is wrong with the text itself. Unless it is not YAML at all, what it means can still be looked at. */
  readonly problems: Problem[] = [];
  readonly #lines = new LineCounter();
  readonly #document: Document;
  readonly #pairs = new WeakMap<YAMLMap, ReadonlyMap<unknown, Pair>>();
  readonly #spoilt = new Set<string>();
  #readable = true;

  /** @param env what `${NAME}` is replaced from */
  constructor(text: string, env: Readonly<Record<string, string | undefined>>) {
    const small = text.length <= MAX_FILE_BYTES;
    this.#document = parseDocument(small ? text : '', {
      lineCounter: this.#lines,
      uniqueKeys: false, // Looked at below, in time that does not grow with the square of a map.
      stringKeys: true,
      prettyErrors: false,
      logLevel: 'error',
    });
    if (!small) this.#refuse(0, `a routing file has at most ${MAX_FILE_BYTES} bytes, and this one has more`);
    for (const error of this.#document.errors)
      this.#refuse(error.pos[0], `not valid YAML: ${error.message.replace(/\s+/g, ' ')}`);
    if (!this.#readable) return;
    for (const { pos, message } of this.#document.warnings)
      this.problems.push({ ...this.#at(pos[0]), message: message.replace(/\s+/g, ' ') });
    this.#checkAliases();
    this.#checkKeys();
    this.#expand(env);
  }

  /** The file's content as plain data; undefined when it could not be read, and `problems` say why. */
  value(): unknown {
    if (!this.#readable) return undefined;
    try {
      return this.#document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
    } catch (error) {
      this.#refuse(0, `too many aliases: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** Whether the text is YAML, and `value` could make data of it. */
  get readable(): boolean {
    return this.#readable;
  }

  /** Whether what stands at a place is not known, so that nothing more can be said of it than `problems` do. */
  spoilt({ line, column }: Place): boolean {
    return this.#spoilt.has(`${line}:${column}`);
  }

  /** Where the value at `path` stands; where nothing does, the nearest key above it. */
  placeOf(path: Path): Place {
    for (let length = path.length; length > 0; length -= 1) {
      const node = this.#get(path.slice(0, length));
      const range = rangeOf(node);
      if (range !== null && !(length < path.length && isMap(node))) return this.#at(range[0]);
      if (range !== null) return this.placeOfKey(path.slice(0, length));
    }
    return { line: 1, column: 1 };
  }

  /** Where the key at the end of `path` stands. */
  placeOfKey(path: Path): Place {
    const parent = this.#get(path.slice(0, -1));
    const range = isMap(parent) ? rangeOf(this.#pairsOf(parent).get(path.at(-1))?.key) : null;
    const nearest = range ?? rangeOf(parent);
    return nearest === null ? { line: 1, column: 1 } : this.#at(nearest[0]);
  }

  /** Start and end of the value at `path` in the text, in UTF-16 units; null when there is none. */
  rangeOf(path: Path): readonly [start: number, end: number] | null {
    const range = rangeOf(this.#get(path));
    return range === null ? null : [range[0], range[1]];
  }

  /** What was written at `path`, cut to one short line in quotes; null when it is a map, a list, absent, or may be a secret. */
  textOf(path: Path): string | null {
    const node = this.#get(path);
    if (!isScalar(node) || isSecret(path)) return null;
    return JSON.stringify(shown(String(node.source ?? node.value)));
  }

  #get(path: Path): unknown {
    let node: unknown = this.#document.contents;
    for (const key of path) {
      if (isMap(node)) node = this.#pairsOf(node).get(key)?.value;
      else if (isSeq(node)) node = node.items[Number(key)];
      else return undefined;
    }
    return node;
  }

  /** The pairs of a map by key. `Map.get` of the yaml package looks at one after the other. */
  #pairsOf(map: YAMLMap): ReadonlyMap<unknown, Pair> {
    let pairs = this.#pairs.get(map);
    if (pairs === undefined) {
      pairs = new Map(map.items.map((pair) => [isScalar(pair.key) ? pair.key.value : pair.key, pair]));
      this.#pairs.set(map, pairs);
    }
    return pairs;
  }

  #spoil(offset: number, message: string): void {
    const place = this.#at(offset);
    this.#spoilt.add(`${place.line}:${place.column}`);
    this.problems.push({ ...place, message });
  }

  #refuse(offset: number, message: string): void {
    this.#readable = false;
    this.problems.push({ ...this.#at(offset), message });
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #checkAliases(): void {
    let count = 0;
    visit(this.#document, {
      Alias: (_, alias) => {
        count += 1;
        const offset = alias.range?.[0] ?? 0;
        if (count > MAX_ALIASES) {
          this.#refuse(offset, `a routing file has at most ${MAX_ALIASES} aliases`);
          return visit.BREAK;
        }
        if (alias.resolve(this.#document) === undefined)
          this.#refuse(offset, `not valid YAML: nothing is called "&${alias.source}" before this`);
        return undefined;
      },
    });
  }

  /** No key twice, and none that a JavaScript object cannot have: it would be dropped on the way without a word. */
  #checkKeys(): void {
    visit(this.#document, {
      Map: (_, { items }) => {
        const seen = new Set<unknown>();
        for (const { key } of items) {
          if (!isScalar(key)) continue;
          const offset = key.range?.[0] ?? 0;
          if (seen.has(key.value))
            this.problems.push({ ...this.#at(offset), message: `"${String(key.value)}" stands here twice` });
          if (key.value === '__proto__') this.#spoil(offset, '"__proto__" is not a name');
          seen.add(key.value);
        }
      },
    });
  }

  #expand(env: Readonly<Record<string, string | undefined>>): void {
    visit(this.#document, {
      Scalar: (key, node) => {
        if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('$')) return;
        const { text, because } = substitute(node.value, env);
        if (because === null) node.value = text;
        else this.#spoil(node.range?.[0] ?? 0, `${JSON.stringify(shown(node.value))} ${because}`);
      },
    });
  }
}

/** Whether the value at `path` is one that a log must not repeat: a secret, or the value of a header. */
const isSecret = (path: Path): boolean => path.at(-1) === 'secret' || path.at(-2) === 'headers';

/** On one short line, without the user and password of a URL. */
function shown(text: string): string {
  const masked = text.replace(/\/\/\S*@/g, '//***@');
  return masked.length > MAX_SHOWN_CHARACTERS ? `${masked.slice(0, MAX_SHOWN_CHARACTERS - 3)}...` : masked;
}

const VARIABLE = /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})/g;

/**
 * Replaces `${NAME}` and `${NAME:-default}`; `$$` is a dollar, and so is a `$` before anything else. What is replaced is not
 * looked at again. `because` says what is wrong, or is null.
 */
function substitute(
  raw: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly text: string; readonly because: string | null } {
  const unset: string[] = [];
  const text = raw.replace(VARIABLE, (whole, name: string | undefined, otherwise: string | undefined) => {
    if (name === undefined) return '$';
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined && (value !== '' || otherwise === undefined)) return value;
    if (otherwise === undefined) unset.push(name);
    return otherwise ?? whole;
  });
  const [missing] = unset;
  if (missing !== undefined)
    return {
      text,
      because: `names ${missing}, which the environment does not set: set it, or write \${${missing}:-default}`,
    };
  if (raw.replace(VARIABLE, '').includes('${'))
    return { text, because: 'has a "${" that is no variable: write ${NAME} or ${NAME:-default}, and $$ for a dollar' };
  return { text, because: text.length > MAX_EXPANSION_CHARACTERS ? 'is too long once replaced' : null };
}

function rangeOf(node: unknown): readonly [number, number, number] | null {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return null;
  const [start, end, after] = node.range as unknown[];
  return typeof start === 'number' && typeof end === 'number' && typeof after === 'number' ? [start, end, after] : null;
}

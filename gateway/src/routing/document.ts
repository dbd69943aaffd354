/**
 * `routing.yaml` as text with places: parses YAML, replaces `${NAME}` in its scalars, and finds line and column of any key or
 * value, so that every problem can point at what it means.
 */
import { isMap, isPair, isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';

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

// A migration of a thousand routes is about 300 KiB; beyond this it is not a routing file.
export const MAX_FILE_BYTES: number = 8 * 1024 * 1024;
// The file needs no aliases at all; a handful is convenient, thousands are an attack on the reader.
const MAX_ALIASES = 100;
const MAX_EXPANSION_CHARACTERS = 64 * 1024; // Of one scalar, after replacement: longer than any value the schema takes.

export class Source {
  readonly problems: Problem[] = [];
  readonly #lines = new LineCounter();
  readonly #document: Document;

  /** @param env what `${NAME}` is replaced from */
  constructor(text: string, env: Readonly<Record<string, string | undefined>>) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      uniqueKeys: true,
      stringKeys: true,
      prettyErrors: false,
    });
    for (const error of this.#document.errors) {
      this.problems.push({
        ...this.#at(error.pos[0]),
        message: `not valid YAML: ${error.message.replace(/\s+/g, ' ')}`,
      });
    }
    if (this.problems.length === 0) this.#expand(env);
  }

  /** The file's content as plain data; undefined when it could not be read. */
  value(): unknown {
    if (this.problems.length > 0) return undefined;
    try {
      return this.#document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
    } catch (error) {
      this.problems.push({
        line: 1,
        column: 1,
        message: `too many aliases: ${error instanceof Error ? error.message : String(error)}`,
      });
      return undefined;
    }
  }

  /** Where the value at `path` stands; where nothing does, the nearest key above it. */
  placeOf(path: Path): Place {
    for (let length = path.length; length > 0; length -= 1) {
      const node = this.#document.getIn(path.slice(0, length), true);
      const range = rangeOf(node);
      if (range !== null && !(length < path.length && isMap(node))) return this.#at(range[0]);
      if (range !== null) return this.placeOfKey(path.slice(0, length));
    }
    return { line: 1, column: 1 };
  }

  /** Where the key at the end of `path` stands. */
  placeOfKey(path: Path): Place {
    const parent = path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true);
    const key = path.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
      const range = isPair(pair) ? rangeOf(pair.key) : null;
      if (range !== null) return this.#at(range[0]);
    }
    const range = rangeOf(parent);
    return range === null ? { line: 1, column: 1 } : this.#at(range[0]);
  }

  /** Start and end of the value at `path` in the text, in UTF-16 units; null when there is none. */
  rangeOf(path: Path): readonly [start: number, end: number] | null {
    const range = rangeOf(this.#document.getIn([...path], true));
    return range === null ? null : [range[0], range[1]];
  }

  /** What was written at `path`, cut to one short line in quotes; null when it is a map, a list or absent. */
  textOf(path: Path): string | null {
    const node = this.#document.getIn([...path], true);
    if (!isScalar(node)) return null;
    const written = String(node.source ?? node.value);
    return JSON.stringify(written.length > 60 ? `${written.slice(0, 57)}...` : written);
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #expand(env: Readonly<Record<string, string | undefined>>): void {
    visit(this.#document, {
      Scalar: (key, node) => {
        if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('$')) return;
        const { text, missing } = substitute(node.value, env);
        if (missing !== null || text.length > MAX_EXPANSION_CHARACTERS) {
          const because =
            missing === null
              ? 'is too long once replaced'
              : `names ${missing}, which the environment does not set: set it, or write \${${missing}:-default}`;
          this.problems.push({ ...this.#at(node.range?.[0] ?? 0), message: `"${node.value}" ${because}` });
        }
        node.value = text;
      },
    });
  }
}

const VARIABLE = /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})/g;

/** Replaces `${NAME}` and `${NAME:-default}`; `$$` is a dollar. What is replaced is not looked at again. */
function substitute(
  raw: string,
  env: Readonly<Record<string, string | undefined>>,
): { text: string; missing: string | null } {
  let missing: string | null = null;
  const text = raw.replace(VARIABLE, (whole, name: string | undefined, otherwise: string | undefined) => {
    if (name === undefined) return '$';
    const value = env[name];
    if (value !== undefined && (value !== '' || otherwise === undefined)) return value;
    if (otherwise === undefined) missing ??= name;
    return otherwise ?? whole;
  });
  return { text, missing };
}

function rangeOf(node: unknown): readonly [number, number, number] | null {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return null;
  const [start, end, after] = node.range as unknown[];
  return typeof start === 'number' && typeof end === 'number' && typeof after === 'number' ? [start, end, after] : null;
}

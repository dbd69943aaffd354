/**
 * Reads `routing.yaml`: text in, a `Table` or every problem out. A file counts only when it has been validated whole; nothing
 * behind this module validates again.
 */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import type { z } from 'zod';
import type { Table } from './core/table.ts';
import { GatewayError } from './error.ts';
import { MAX_FILE_BYTES, Source, type Path, type Problem } from './routing/document.ts';
import { problemsOf } from './routing/problem.ts';
import { resolve } from './routing/resolve.ts';
import { salvage } from './routing/salvage.ts';
import { file, jsonSchema } from './routing/schema.ts';
import { inactive, unsupported } from './routing/support.ts';
import { warningsOf } from './routing/plan.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What came of reading a file. `hash` names the content: the same bytes, the same hash, on every replica. */
export type Loaded =
  | {
      readonly kind: 'accepted';
      readonly table: Table;
      readonly warnings: readonly Problem[];
      readonly text: string;
      readonly hash: string;
    }
  | { readonly kind: 'rejected'; readonly problems: readonly Problem[]; readonly text: string; readonly hash: string };

/**
 * @param env what `${NAME}` is replaced from
 * @param today `YYYY-MM-DD` in UTC; decides which declared differences have expired
 */
export function readRouting(text: string, env: Environment, today: string): Loaded {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const source = new Source(text, env);
  const value = source.value();
  const rejected = (problems: readonly Problem[]): Loaded => ({
    kind: 'rejected',
    problems: told([...source.problems, ...problems.filter((problem) => !source.spoilt(problem))]),
    text,
    hash,
  });
  if (!source.readable) return rejected([]);
  const parsed = file.safeParse(value);
  if (!parsed.success) return rejected(everythingWrong(value, parsed.error.issues, source));
  const { table, problems } = resolve(parsed.data, source);
  const all = [...problems, ...unsupported(parsed.data, source)];
  if (all.length > 0 || source.problems.length > 0) return rejected(all);
  const warnings = told([...warningsOf(parsed.data, table, source, today), ...inactive(parsed.data, source)]);
  return { kind: 'accepted', table, warnings, text, hash };
}

/** Of a file of the wrong shape: what is wrong with its shape, and with what the rest of it means. */
function everythingWrong(value: unknown, issues: readonly z.core.$ZodIssue[], source: Source): Problem[] {
  const shape = problemsOf(issues, source, keysAt);
  const rest = salvage(value, issues);
  if (rest === null) return shape;
  const meaning = [...resolve(rest.file, source).problems, ...unsupported(rest.file, source)];
  return [...shape, ...meaning.filter(({ message }) => !rest.made(message))];
}

/**
 * Reads the file at `path`; its `wsdls` are resolved against its folder.
 * @throws GatewayError GW_BAD_CONFIG when the file cannot be read at all
 */
export async function loadRouting(path: string, env: Environment): Promise<Loaded> {
  return routingOf(path, await readBytes(path), env);
}

/** As {@link loadRouting}, of a content that was read at `path` already. */
export function routingOf(path: string, bytes: Uint8Array, env: Environment): Loaded {
  const text = decodeText(bytes);
  if (text === null) return notText(bytes);
  const loaded = readRouting(text, env, new Date().toISOString().slice(0, 10));
  if (loaded.kind === 'rejected') return loaded;
  const folder = dirname(resolvePath(path));
  const wsdls = new Map(
    [...loaded.table.wsdls].map(([key, wsdl]) => [
      key,
      { ...wsdl, file: wsdl.file === null ? null : resolvePath(folder, wsdl.file) },
    ]),
  );
  return { ...loaded, table: { ...loaded.table, wsdls } };
}

/** Bytes as UTF-8, a byte order mark included; null when they are not. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Tells the first line that is not UTF-8: what was written in another encoding would be read as something else. */
function notText(bytes: Uint8Array): Loaded {
  const text = Buffer.from(bytes).toString('utf8');
  const before = text.slice(0, text.indexOf('\ufffd')).split('\n');
  const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return { kind: 'rejected', problems: [{ ...place, message: 'the file is not UTF-8 from here on' }], text, hash };
}

/**
 * The bytes of the file at `path`, and of a file that is too large no more than show that it is.
 * @throws GatewayError GW_BAD_CONFIG when it cannot be read
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    // Opening a pipe would wait for its writer.
    if (!(await stat(path)).isFile()) throw new GatewayError('GW_BAD_CONFIG', `cannot read ${path}: it is not a file`);
    const handle = await open(path);
    try {
      const { size } = await handle.stat();
      if (size <= MAX_FILE_BYTES) return await handle.readFile();
      const { buffer } = await handle.read({ buffer: Buffer.alloc(MAX_FILE_BYTES + 1, ' '), position: 0 });
      return buffer;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const help = code === 'ENOENT' ? 'there is no such file: name one with --routing FILE or ROUTING_FILE' : code;
    throw new GatewayError('GW_BAD_CONFIG', `cannot read ${path}: ${help}`, { cause: error });
  }
}

// More than anybody reads at once; a file that is wrong in each of ten thousand routes is wrong in one way.
const MAX_PROBLEMS = 200;

/** In the order of the file, each once. */
function told(problems: readonly Problem[]): readonly Problem[] {
  const each = new Map(problems.map((problem) => [`${problem.line}:${problem.column} ${problem.message}`, problem]));
  const all = [...each.values()].toSorted((a, b) => a.line - b.line || a.column - b.column);
  const next = all[MAX_PROBLEMS];
  if (next === undefined) return all;
  return [...all.slice(0, MAX_PROBLEMS), { ...next, message: `and ${all.length - MAX_PROBLEMS} more, from here on` }];
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
}

/** The keys that the schema knows for the map at `path`; none where any name may stand. */
function keysAt(path: Path): readonly string[] {
  let at: readonly JsonSchema[] = [jsonSchema()];
  for (const key of path) {
    at = at.flatMap(alternatives).flatMap((schema) => {
      const next = schema.properties?.[String(key)] ?? schema.items ?? schema.additionalProperties;
      return typeof next === 'object' ? [next] : [];
    });
  }
  return at.flatMap(alternatives).flatMap((schema) => Object.keys(schema.properties ?? {}));
}

const alternatives = (schema: JsonSchema): readonly JsonSchema[] => schema.anyOf ?? [schema];

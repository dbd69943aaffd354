/**
 * The connector's configuration: read once, whole, and with every problem reported at once, each with its line and column.
 * Nothing past this file validates anything, and the environment is read here alone.
 *
 * Keys that Debezium knows have Debezium's names and values; where our default differs from theirs, the schema says so.
 */
import { LineCounter, isMap, isPair, isScalar, parseDocument, visit, type Document } from 'yaml';
import { z } from 'zod';
import { readAddress, type Address, type AddressParts } from './address.ts';
import { parseGlob, type Glob } from './core/glob.ts';
import { nearest } from './core/nearest.ts';
import type { SnapshotMode } from './core/slot.ts';
import type { Skippable } from './core/translate.ts';
import type { Modes } from './core/value.ts';
import { CdcError } from './errors.ts';

export type SinkConfig =
  | { readonly kind: 'log'; readonly url: string; readonly partitions: number; readonly retentionMs: number | null }
  | { readonly kind: 'stdout'; readonly checkpoint: string };

export interface Config {
  readonly database: Address;
  readonly slot: string;
  readonly publication: string;
  /** Whether the publication may be made, and kept to the list of tables. */
  readonly managePublication: boolean;
  readonly viaRoot: boolean;
  readonly tables: readonly Glob[];
  readonly topicPrefix: string;
  readonly snapshot: SnapshotMode;
  readonly snapshotThreads: number;
  readonly fetchRows: number;
  readonly sink: SinkConfig;
  readonly listen: { readonly host: string; readonly port: number };
  /** What `POST /snapshots` asks for; null: nothing. */
  readonly token: string | null;
  readonly modes: Modes;
  readonly skipped: ReadonlySet<Skippable>;
  readonly tombstones: boolean;
  readonly transactions: boolean;
  readonly defaultsForNull: boolean;
  readonly contextHeaders: boolean;
  readonly logLevel: string;
}

const MAX_NAME = 63; // NAMEDATALEN - 1
const name = z
  .string()
  .regex(/^[a-z0-9_]+$/, 'lower-case letters, digits and underscores only')
  .max(MAX_NAME);
const flag = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());
const count = (least: number, most: number): z.ZodType<number> =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.int().min(least).max(most),
  );

const glob = z.string().refine((text) => parseGlob(text) !== null, 'must be schema.table, such as public.*');

const schema = z.strictObject({
  database: z.string(),
  'database.password.file': z.string().optional(),
  'database.sslmode': z.enum(['disable', 'require', 'verify-ca', 'verify-full']).optional(),
  'database.sslrootcert': z.string().optional(),
  'database.sslcert': z.string().optional(),
  'database.sslkey': z.string().optional(),
  slot: name.default('banyan'),
  publication: z.string().min(1).max(MAX_NAME).default('banyan'),
  // Theirs: all_tables.
  'publication.autocreate.mode': z.enum(['filtered', 'disabled']).default('filtered'),
  'publish.via.partition.root': flag.default(false),
  tables: z.array(glob).min(1),
  topicPrefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]+$/, 'letters, digits, ".", "_" and "-" only')
    .max(100),
  snapshot: z.enum(['initial', 'never', 'when_needed']).default('initial'),
  'snapshot.max.threads': count(1, 16).default(2), // Theirs: 1.
  'snapshot.fetch.size': count(1, 1_000_000).default(10_240),
  sink: z.enum(['log', 'stdout', 'kafka']),
  checkpoint: z.string().min(1).optional(),
  log: z.string().optional(),
  'topic.creation.default.partitions': count(1, 1_000).default(1),
  'topic.creation.default.retention.ms': count(1, Number.MAX_SAFE_INTEGER).optional(),
  listen: z.string().default('127.0.0.1:8083'),
  token: z.string().min(1).optional(),
  'decimal.handling.mode': z.enum(['string', 'precise', 'double']).default('string'), // Theirs: precise.
  'time.precision.mode': z.enum(['adaptive']).default('adaptive'),
  'binary.handling.mode': z.enum(['bytes', 'base64', 'base64-url-safe', 'hex']).default('bytes'),
  'interval.handling.mode': z.enum(['numeric', 'string']).default('numeric'),
  'hstore.handling.mode': z.enum(['json']).default('json'),
  'unavailable.value.placeholder': z.string().min(1).default('__debezium_unavailable_value'),
  'skipped.operations': z
    .string()
    .regex(/^(none|[cudt](,\s*[cudt])*)$/, '"none", or some of c, u, d, t')
    .default('none'), // Theirs: t.
  'tombstones.on.delete': flag.default(true),
  'provide.transaction.metadata': flag.default(false),
  'converter.replace.null.with.default': flag.default(false), // Theirs: true.
  'extended.headers.enabled': flag.default(false), // Theirs: true.
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

type Settings = z.infer<typeof schema>;

interface Problem {
  /** Key at the top level; null: the file as a whole. */
  readonly key: string | null;
  readonly says: string;
  /** Offset in the text; null: wherever the key stands. */
  readonly at: number | null;
}

/**
 * Reads the file's text.
 * @param file its name, for messages
 * @param environment what `${NAME}` stands for
 * @throws CdcError CDC_BAD_CONFIG with every problem on a line of its own; CDC_NOT_SUPPORTED
 */
export function readConfig(
  text: string,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Config {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true, strict: true });
  const problems: Problem[] = document.errors.map((error) => {
    return { key: null, says: error.message.split('\n')[0] ?? error.message, at: error.pos[0] };
  });
  if (problems.length === 0) problems.push(...replaceVariables(document, environment));
  const raw: unknown = document.errors.length === 0 ? (document.toJS() ?? {}) : null;
  const parsed = schema.safeParse(raw);
  if (raw !== null) {
    const found = [...(parsed.success ? [] : asProblems(parsed.error)), ...crossCheck(raw)];
    // A variable that is not set is one mistake, not two.
    problems.push(...found.filter(({ key }) => key === null || !problems.some((known) => known.key === key)));
  }
  if (parsed.success && problems.length === 0) return assemble(parsed.data);
  const lines = problems.map((problem) => located(document, counter, problem)).toSorted((a, b) => a.offset - b.offset);
  throw new CdcError('CDC_BAD_CONFIG', lines.map(({ at, says }) => `${file}:${at}: ${says}`).join('\n'));
}

/** Replaces `${NAME}` in scalars by the environment's value, in place; `$${` stands for `${`. */
function replaceVariables(document: Document, environment: Readonly<Record<string, string | undefined>>): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Scalar: (_key, node, path) => {
      const top = path.find(isPair)?.key;
      const key = isScalar(top) && typeof top.value === 'string' ? top.value : null;
      if (typeof node.value !== 'string') return;
      node.value = node.value.replace(/\$(\$?)\{([^}]*)\}/g, (whole, escaped: string, variable: string) => {
        if (escaped === '$') return whole.slice(1);
        const value = environment[variable];
        if (value !== undefined) return value;
        problems.push({ key, says: `\${${variable}} is not set in the environment`, at: node.range?.[0] ?? null });
        return '';
      });
    },
  });
  return problems;
}

function asProblems(error: z.ZodError): readonly Problem[] {
  return error.issues.flatMap((issue): readonly Problem[] => {
    const key = typeof issue.path[0] === 'string' ? issue.path[0] : null;
    if (issue.code === 'unrecognized_keys') return issue.keys.map(unknownKey);
    const inside = issue.path.slice(1).map((part) => `[${String(part)}]`);
    const label = key === null ? '' : `${key}${inside.join('')}: `;
    const missing = issue.code === 'invalid_type' && issue.input === undefined && /undefined/.test(issue.message);
    return [{ key, says: `${label}${missing ? 'is missing' : issue.message}`, at: null }];
  });
}

function unknownKey(key: string): Problem {
  const meant = nearest(key, Object.keys(schema.shape));
  return { key, says: `unknown key "${key}"${meant === null ? '' : `; did you mean "${meant}"?`}`, at: null };
}

interface Located {
  readonly offset: number;
  /** `line:column`. */
  readonly at: string;
  readonly says: string;
}

function located(document: Document, counter: LineCounter, { key, at, says }: Problem): Located {
  const offset = at ?? keyOffset(document, key) ?? 0;
  const { line, col } = counter.linePos(offset);
  return { offset, at: `${Math.max(1, line)}:${Math.max(1, col)}`, says };
}

function keyOffset(document: Document, key: string | null): number | null {
  if (key === null || !isMap(document.contents)) return null;
  for (const pair of document.contents.items)
    if (isScalar(pair.key) && pair.key.value === key) return pair.key.range?.[0] ?? null;
  return null;
}

/** What the schema cannot say: addresses, and keys that depend on each other. Looks at whatever is there, so that all is told at once. */
function crossCheck(raw: unknown): readonly Problem[] {
  if (typeof raw !== 'object' || raw === null) return [];
  const text = (key: string): string | undefined => {
    const value = (raw as Readonly<Record<string, unknown>>)[key];
    return typeof value === 'string' ? value : undefined;
  };
  const problems: Problem[] = [];
  const complain = (key: string, says: string): void => void problems.push({ key, says: `${key}: ${says}`, at: null });
  const url = text('database');
  if (url !== undefined) {
    try {
      readAddress(addressParts(url, text));
    } catch (error) {
      complain('database', (error as Error).message);
    }
  }
  if (listenOf(text('listen') ?? '0') === null) complain('listen', 'must be HOST:PORT, such as 127.0.0.1:8083');
  const sink = text('sink');
  if (sink === 'kafka') complain('sink', '"kafka" is not supported yet; choose log or stdout');
  if (sink === 'stdout' && text('checkpoint') === undefined)
    complain('checkpoint', 'is missing: "sink: stdout" keeps its position in a file');
  if (sink === 'log' && text('log') === undefined)
    complain('log', `is missing: "sink: log" needs the URL of the log's database`);
  return problems;
}

function addressParts(url: string, text: (key: string) => string | undefined): AddressParts {
  return {
    url,
    passwordFile: text('database.password.file'),
    tls: text('database.sslmode'),
    rootCert: text('database.sslrootcert'),
    cert: text('database.sslcert'),
    key: text('database.sslkey'),
  };
}

function assemble(settings: Settings): Config {
  const listen = listenOf(settings.listen);
  if (listen === null) throw new TypeError('"listen" was checked before');
  const database = readAddress(addressParts(settings.database, (key) => settings[key as keyof Settings]?.toString()));
  return { ...plain(settings), database, listen, sink: sinkOf(settings) };
}

function plain(settings: Settings): Omit<Config, 'database' | 'listen' | 'sink'> {
  const skipped = settings['skipped.operations'];
  return {
    slot: settings.slot,
    publication: settings.publication,
    managePublication: settings['publication.autocreate.mode'] === 'filtered',
    viaRoot: settings['publish.via.partition.root'],
    tables: settings.tables.flatMap((text) => parseGlob(text) ?? []),
    topicPrefix: settings.topicPrefix,
    snapshot: settings.snapshot,
    snapshotThreads: settings['snapshot.max.threads'],
    fetchRows: settings['snapshot.fetch.size'],
    modes: {
      decimal: settings['decimal.handling.mode'],
      binary: settings['binary.handling.mode'],
      interval: settings['interval.handling.mode'],
      unavailable: settings['unavailable.value.placeholder'],
    },
    skipped: new Set(skipped === 'none' ? [] : (skipped.split(/,\s*/) as Skippable[])), // The schema admits nothing else.
    tombstones: settings['tombstones.on.delete'],
    transactions: settings['provide.transaction.metadata'],
    defaultsForNull: settings['converter.replace.null.with.default'],
    contextHeaders: settings['extended.headers.enabled'],
    token: settings.token ?? null,
    logLevel: settings.logLevel,
  };
}

function listenOf(text: string): Config['listen'] | null {
  const [, host, port] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return null;
  return { host: (host ?? '127.0.0.1').replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function sinkOf(settings: Settings): SinkConfig {
  if (settings.sink === 'stdout') return { kind: 'stdout', checkpoint: settings.checkpoint ?? '' };
  return {
    kind: 'log',
    url: settings.log ?? '',
    partitions: settings['topic.creation.default.partitions'],
    retentionMs: settings['topic.creation.default.retention.ms'] ?? null,
  };
}

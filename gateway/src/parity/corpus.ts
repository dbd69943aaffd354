/**
 * Finds and reads a corpus: one file, or every `.http`, `.rest`, `.ndjson` and `.jsonl` file of a folder and its folders, in the
 * order of their names.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TextDecoder } from 'node:util';
import { parseHttp, parseNdjson, type Exchange } from '../core/corpus.ts';
import { GatewayError } from '../error.ts';

/** A request with the file that it came from. */
export interface Item {
  readonly file: string;
  readonly request: Exchange;
}

const HTTP = /\.(?:http|rest)$/i;
const NDJSON = /\.(?:ndjson|jsonl)$/i;
const MAX_FILE_BYTES = 64 * 1024 * 1024; // Recorded traffic is cut to the fewest requests; more is not a corpus but a log.
const MAX_REQUESTS = 100_000; // At a hundred a second, a quarter of an hour; and what memory holds easily.
const MAX_SHOWN = 20; // Problems in one message.

/** @throws GatewayError GW_BAD_CORPUS when there is no such file, no request, or one that is not understood; all are listed */
export async function readCorpus(path: string): Promise<readonly Item[]> {
  const files = await filesOf(path);
  const items: Item[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const corpus = NDJSON.test(file) ? parseNdjson(await read(file)) : parseHttp(await read(file));
    for (const request of corpus.requests) items.push({ file, request });
    for (const { line, message } of corpus.problems) problems.push(`${file}:${line}: ${message}`);
    if (items.length > MAX_REQUESTS) throw bad(`${path} holds more than ${MAX_REQUESTS} requests: run its parts`);
  }
  if (problems.length > 0) {
    const more = problems.length > MAX_SHOWN ? [`… and ${problems.length - MAX_SHOWN} more`] : [];
    throw bad([...problems.slice(0, MAX_SHOWN), ...more].join('\n'));
  }
  if (items.length === 0) throw bad(`${path} holds no request: write .http or .ndjson files there`);
  return items;
}

const bad = (message: string, cause?: unknown): GatewayError =>
  new GatewayError('GW_BAD_CORPUS', message, cause === undefined ? undefined : { cause });

async function filesOf(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = await readdir(path, { recursive: true });
    return names
      .filter((name) => HTTP.test(name) || NDJSON.test(name))
      .toSorted()
      .map((name) => join(path, name));
  } catch (error) {
    throw bad(`cannot read the corpus ${path}: ${reason(error)}`, error);
  }
}

async function read(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) throw bad(`${file} has ${size} bytes; a file of a corpus has at most ${MAX_FILE_BYTES}`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw bad(`cannot read ${file}: ${reason(error)}`, error);
  }
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOENT') return 'there is no such file or folder';
  return code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : String(code === '' ? error : code);
}

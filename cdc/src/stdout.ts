/**
 * The sink `stdout`: each event as one line of JSON, its position in a file once the lines are out. Whoever reads the pipe
 * slowly slows the stream down; nothing is kept beyond the queue.
 */
import { open, readFile, rename, type FileHandle } from 'node:fs/promises';
import { fstatSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { topicName } from './core/name.ts';
import { KEY_HEADERS, type Event, type Header } from './core/source.ts';
import { textJson } from './core/value.ts';
import { CdcError } from './errors.ts';
import type { Place, Sink } from './sink.ts';

const STDOUT = 1;
const MAX_CHECKPOINT_BYTES = 1024 * 1024; // A file could take any; a table's entry is some twenty bytes.

/**
 * @param file of the checkpoint; made at the first event, its folder must be there
 * @param descriptor where the lines go
 * @throws CdcError CDC_CHECKPOINT
 */
export async function openStdout(file: string, descriptor: number = STDOUT): Promise<Sink> {
  const output = outletOf(descriptor);
  return {
    checkpoint: await readCheckpointFile(file),
    watermarks: false,
    checkpointBytes: MAX_CHECKPOINT_BYTES,
    send: async (batch, place) => {
      const lines = [...batch, ...sweeping(place)].map(line);
      if (lines.length > 0) await output(Buffer.from(lines.join(''), 'utf8'));
      await keep(file, place);
    },
    close: async () => undefined,
  };
}

/**
 * After a second copy, rows that were deleted while nobody watched have to go: a reader of the lines has nothing else to know it
 * by. (There are no offsets here, so no other watermark would say anything.)
 */
function sweeping({ watermark, swept }: Place): readonly Event[] {
  if (watermark === null || swept === null || swept.incarnation === 1) return [];
  const value = JSON.stringify({ ...watermark, ends: {}, swept });
  return [{ topic: topicName(`${watermark.source}.watermarks`), key: textJson(watermark.source), value, headers: [] }];
}

/** `{"topic","key","value","headers"}` and a newline: key and value as they are, for they are JSON already. */
export function line({ topic, key, value, headers }: Event): string {
  return `{"topic":${textJson(topic)},"key":${key},"value":${value},"headers":[${headers.map(headerJson).join(',')}]}\n`;
}

function headerJson({ key, value }: Header): string {
  return `{"key":${textJson(key)},"value":${KEY_HEADERS.has(key) ? value : textJson(value)}}`;
}

async function readCheckpointFile(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new CdcError('CDC_CHECKPOINT', `the checkpoint ${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Beside it, synced, then renamed over it, and the folder synced: a crash leaves the old one or the new one. */
async function keep(file: string, { checkpoint }: Place): Promise<void> {
  const next = `${file}.next`;
  try {
    await synced(await open(next, 'w'), checkpoint);
    await rename(next, file);
    await synced(await open(dirname(file), 'r'), null);
  } catch (error) {
    throw new CdcError('CDC_CHECKPOINT', `the checkpoint ${file} cannot be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function synced(handle: FileHandle, text: string | null): Promise<void> {
  try {
    if (text !== null) await handle.writeFile(text, 'utf8');
    await handle.sync();
  } finally {
    await handle.close();
  }
}

type Write = (bytes: Buffer) => Promise<void>;

const outlets = new Map<number, Write>();

/** How a descriptor is written to; the same for every sink that is opened on it. */
function outletOf(descriptor: number): Write {
  const known = outlets.get(descriptor);
  if (known !== undefined) return known;
  const status = fstatSync(descriptor);
  const made = status.isFIFO() || status.isSocket() ? pipeOutlet(descriptor) : fileOutlet(descriptor);
  outlets.set(descriptor, made);
  return made;
}

/**
 * A pipe of our own on the descriptor: `process.stdout` writes to one synchronously, and a reader that pauses would stop
 * everything else here, keepalives included; a write in the thread pool would hold up the end of the process.
 */
function pipeOutlet(descriptor: number): Write {
  const pipe = new Socket({ fd: descriptor, readable: false, writable: true });
  pipe.on('error', () => undefined); // Told to whoever writes.
  return (bytes) =>
    new Promise((resolve, reject) => {
      pipe.write(bytes, (error) => {
        if (error instanceof Error) reject(gone(error));
        else resolve();
      });
    });
}

/** A file, or a terminal. */
function fileOutlet(descriptor: number): Write {
  return async (bytes) => {
    let at = 0;
    while (at < bytes.length) {
      try {
        at += await writeSome(descriptor, bytes, at);
      } catch (error) {
        throw gone(error as NodeJS.ErrnoException);
      }
    }
  };
}

function gone(error: NodeJS.ErrnoException): CdcError {
  const why = error.code === 'EPIPE' ? 'nobody reads it any more' : error.message;
  return new CdcError('CDC_SINK_GONE', `standard output: ${why}`, { cause: error });
}

function writeSome(descriptor: number, bytes: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, at, bytes.length - at, null, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

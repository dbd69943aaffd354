/** Reads one answer with `Answers`, however it is cut, and writes down what was told. */
import { Answers, type Listener } from '@banyan/gateway/core/wire/answer';

export interface Told {
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  /** Status and fields of each interim answer. */
  readonly interim: readonly (readonly [status: number, fields: readonly string[]])[];
}

export type Reading =
  | ({ readonly kind: 'whole'; readonly kept: boolean; readonly idleSeconds: number | null } & Told)
  | { readonly kind: 'bad'; readonly because: string }
  /** The connection ended in the middle of it. `head`: whether that had come. */
  | { readonly kind: 'cut'; readonly head: boolean; readonly body: string };

/** Characters made of bytes, of all readers. */
export const work = { characters: 0 };

export const text = (bytes: Uint8Array, start: number, end: number): string => {
  work.characters += end - start;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end);
};

export interface How {
  readonly method?: string;
  /** Lengths of the pieces, over and over; default all at once. */
  readonly pieces?: readonly number[];
  readonly mostHead?: number;
}

/** The bytes, then the end of the connection. */
export function read(
  answer: string | Buffer,
  { method = 'GET', pieces = [], mostHead = 80 * 1024 }: How = {},
): Reading {
  const bytes = typeof answer === 'string' ? Buffer.from(answer, 'latin1') : answer;
  const interim: [number, readonly string[]][] = [];
  let head: { status: number; reason: string; fields: readonly string[] } | null = null;
  const body: string[] = [];
  const ends: Reading[] = [];
  const listener: Listener = {
    head: ({ status, reason, fields }) => {
      if (ends.length > 0 || head !== null) throw new Error('a head behind the end, or a second one');
      if (status < 200) interim.push([status, fields]);
      else head = { status, reason, fields };
    },
    data: (part) => {
      if (ends.length > 0 || head === null) throw new Error('data behind the end, or before the head');
      if (part.length === 0) throw new Error('data of no bytes');
      body.push(Buffer.from(part).toString('latin1'));
    },
    end: (trailers, kept, idleSeconds) => {
      if (head === null) throw new Error('an end without a head');
      ends.push({ kind: 'whole', ...head, body: body.join(''), trailers: trailers ?? [], interim, kept, idleSeconds });
    },
    bad: (because) => void ends.push({ kind: 'bad', because }),
  };
  const answers = new Answers(listener, { text, mostHead });
  answers.begin(method);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = pieces.length === 0 ? bytes.length : (pieces[turn % pieces.length] ?? 1);
    // A copy: a reader must not see beyond its piece.
    answers.take(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  answers.finish();
  const [first, second] = ends;
  // Bytes behind the end are bad by themselves; the answer was whole.
  if (second !== undefined && (first?.kind !== 'whole' || second.kind !== 'bad')) throw new Error('told of two ends');
  return first ?? { kind: 'cut', head: head !== null, body: body.join('') };
}

/** How many bytes an answer has that is whole; those behind it are not its own. */
export function sizeOf(bytes: Buffer, method: string): number {
  let size = bytes.length;
  let at = 0;
  const listener: Listener = {
    head: () => undefined,
    data: () => undefined,
    end: () => (size = Math.min(size, at)),
    bad: () => undefined,
  };
  const answers = new Answers(listener, { text, mostHead: 80 * 1024 });
  answers.begin(method);
  while (at < bytes.length) {
    at += 1;
    answers.take(bytes.subarray(at - 1, at));
  }
  return size;
}

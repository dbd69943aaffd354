import { expect, test } from 'vitest';
import { chanceOf, makeAnswer, type Made } from './answers.ts';
import { read, sizeOf, type Reading, type Told } from './core/wire/reading.ts';
import { readWithNode, type Reading as NodeReading } from './nodereading.ts';

// Our reader of answers against node's client, on answers made by chance. What ours takes for whole, node takes for the same; what
// ours refuses and node does not is one of the strictnesses below; nothing is refused or accepted for a reason that is not there.

const PROVE = process.env['BANYAN_PROVE'] === 'true';
const ROUNDS = PROVE ? 2_000_000 : 60_000;
const SEED = Number(process.env['BANYAN_SEED'] ?? Date.now() % 1_000_000);

/** A difference that is meant: who tells it, and what of the bytes is to be seen. */
interface Meant {
  readonly name: string;
  readonly because: RegExp;
  readonly seen: RegExp;
}

// Refused here, accepted there.
const STRICT: readonly Meant[] = [
  { name: 'an empty line before the answer', because: /no status line|no answer of HTTP/, seen: /^[\r\n]/ },
  { name: 'an empty line behind an interim answer', because: /no status line/, seen: /\r\n\r\n[\r\n]+HTTP/ },
  {
    name: 'another protocol or version',
    because: /no status line|no answer of HTTP/,
    seen: /(?:^|[\r\n])(?:RTSP|ICY|HTTP\/(?:2\.0|0\.9))/,
  },
  { name: 'a status below 100', because: /no status line/, seen: /HTTP\/1\.[01] 0\d\d/ },
  {
    name: 'control characters in the reason',
    because: /no status line/,
    // oxlint-disable-next-line no-control-regex -- They are what it is about.
    seen: /HTTP\/1\.[01] \d{3}[\t -~\x80-\xff]*[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/,
  },
  // Where node takes the second for the line's end.
  {
    name: 'two CRs behind the reason',
    because: /no status line|no answer of HTTP|cut/,
    seen: /HTTP\/\d\.\d \d{3}[^\r\n]*\r\r/,
  },
  { name: 'an upgrade that nobody asked for', because: /changes the protocol/, seen: / 101/ },
  { name: 'a coding other than chunked, once', because: /transfer coding/, seen: /Transfer-Encoding/i },
  { name: 'a length of more than 15 digits', because: /length of the answer/, seen: /Content-Length:[\t ]*\d{16}/i },
  { name: 'a chunk size of more than 13 digits', because: /size of a chunk/, seen: /\n[0-9a-f]{14}/i },
  {
    name: 'a tab beside a length or a coding',
    because: /has a tab/,
    seen: /(?:content-length|transfer-encoding):[^\r\n]*\t/i,
  },
];

// Accepted here, refused there. A chunk's size is read in one way however it is padded, as old servers do (BWS of RFC 9112, section
// 7.1.1); an extension is dropped, whatever it says.
const LENIENT: readonly Meant[] = [
  { name: 'blanks behind a chunk size', because: /HPE_INVALID_CHUNK_SIZE|HPE_STRICT/, seen: /\n[0-9a-f]+[\t ]+[;\r]/i },
  { name: 'an odd extension of a chunk', because: /HPE_STRICT|HPE_INVALID_CHUNK_SIZE/, seen: /\n[0-9a-f]+[\t ]*;/i },
  {
    name: 'an interim answer that would end its connection',
    because: /HPE_CLOSED_CONNECTION/,
    seen: /^HTTP\/1\.[01] 1\d\d/,
  },
];

const told = ({ status, reason, fields, body, trailers, interim }: Told): Told => ({
  status,
  reason,
  fields,
  body,
  trailers,
  interim,
});

/** The name of a difference that is meant, null where there is none, and otherwise what is wrong. */
async function differenceOf({
  method,
  bytes,
}: Made): Promise<{ readonly meant: string | null } | { readonly wrong: string }> {
  const ours = read(bytes, { method });
  // Node's client reads on behind an answer, and minds.
  const own = ours.kind === 'whole' ? bytes.subarray(0, sizeOf(bytes, method)) : bytes;
  const node = await readWithNode({ method, bytes: own });
  if (ours.kind === 'whole' && node.kind === 'whole') {
    const same = JSON.stringify(told(ours)) === JSON.stringify(told(node));
    return same ? { meant: null } : { wrong: JSON.stringify([ours, node]) };
  }
  if (ours.kind !== 'whole' && node.kind !== 'whole') return { meant: null };
  const meant = meantBy(ours, node, own.toString('latin1'));
  return meant === null ? { wrong: JSON.stringify([ours, node]) } : { meant };
}

function meantBy(ours: Reading, node: NodeReading, bytes: string): string | null {
  if (ours.kind !== 'whole') return nameIn(STRICT, ours.kind === 'bad' ? ours.because : 'cut', bytes);
  return node.kind === 'bad' ? nameIn(LENIENT, node.code, bytes) : null;
}

const nameIn = (list: readonly Meant[], because: string, bytes: string): string | null =>
  list.find((one) => one.because.test(because) && one.seen.test(bytes))?.name ?? null;

test(`reads ${ROUNDS} answers as node's client does, seed ${SEED}`, async () => {
  const meant = new Map<string, number>();
  const wrong: unknown[] = [];
  let whole = 0;
  for (let round = 0; round < ROUNDS && wrong.length < 10; round += 1) {
    const made = makeAnswer(chanceOf(SEED + round));
    const found = await differenceOf(made);
    if ('wrong' in found)
      wrong.push({
        seed: SEED + round,
        method: made.method,
        bytes: JSON.stringify(made.bytes.toString('latin1')),
        ...found,
      });
    else if (found.meant !== null) meant.set(found.meant, (meant.get(found.meant) ?? 0) + 1);
    else whole += 1;
  }
  expect(wrong).toEqual([]);
  // Neither list holds what never happens; some of it happens once in ten thousand times.
  const unseen = [...STRICT, ...LENIENT].map(({ name }) => name).filter((name) => !meant.has(name));
  expect(PROVE ? unseen : []).toEqual([]);
  expect(whole).toBeGreaterThan(ROUNDS / 2);
}, 900_000);

test('reads each the same however it is cut', () => {
  const wrong: unknown[] = [];
  for (let round = 0; round < ROUNDS / 2 && wrong.length < 10; round += 1) {
    const chance = chanceOf(SEED + round);
    const { method, bytes } = makeAnswer(chance);
    const pieces = [1 + chance(9), 1 + chance(60), 1 + chance(9)];
    // Why it is bad may be seen sooner or later, and whether bytes come behind it.
    const plain = (reading: Reading): string =>
      JSON.stringify(reading.kind === 'bad' ? 'bad' : { ...reading, kept: null });
    const cut = plain(read(bytes, { method, pieces }));
    const whole = plain(read(bytes, { method }));
    if (cut !== whole) wrong.push({ seed: SEED + round, pieces, cut, whole });
  }
  expect(wrong).toEqual([]);
}, 900_000);

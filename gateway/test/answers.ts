/** Answers of HTTP/1 made by chance, whole and damaged, the same for the same seed: what readers of answers are held to each other with. */

/** Chance from a seed: at least 0, below `below`. */
export type Chance = (below: number) => number;

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return (below) => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

export interface Made {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly bytes: Buffer;
}

const one = <T>(chance: Chance, of: readonly [T, ...T[]]): T => of[chance(of.length)] ?? of[0];
const often = (chance: Chance, percent: number): boolean => chance(100) < percent;

const VERSIONS = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.',
  'ICY',
  'RTSP/1.0',
] as const;
const STATUSES = [
  '200',
  '200',
  '200',
  '200',
  '201',
  '204',
  '205',
  '304',
  '404',
  '500',
  '999',
  '100',
  '102',
  '103',
  '101',
  '000',
  '099',
  '20',
  '2000',
  '2x0',
  ' 200',
  '',
] as const;
const REASONS = [
  ' OK',
  ' OK',
  ' ',
  '',
  '  two  words ',
  ' \xe5\xff',
  ' O\tK',
  ' O\rK',
  ' O\0K',
  ' O\x7fK',
  'OK',
] as const;
const NAMES = [
  'A',
  'X-Long-Name',
  'date',
  'Set-Cookie',
  'Connection',
  'Keep-Alive',
  'Trailer',
  'Upgrade',
  'Content-Type',
  'a_b',
  '!#$%&',
  'A ',
  ' A',
  'A B',
  '',
  'A\0',
  'A\xe5',
  '"A"',
  'Content-Length ',
  'Transfer-Encoding\t',
] as const;
const VALUES = [
  'b',
  '',
  'close',
  'keep-alive',
  'Keep-Alive, x',
  'upgrade',
  'timeout=5',
  'timeout=5, max=9',
  'b c',
  '\tb\t ',
  'b\xe5\xff',
  'b:c',
  'b\tc',
  'b\0',
  'b\rc',
  'b\nc',
  'b\x7f',
  'b\x01',
  'b\r\n c',
  'x'.repeat(300),
] as const;
const LENGTHS = [
  '5',
  '5',
  '5',
  '0',
  '00005',
  '5 ',
  '5\t',
  '\t5',
  '6',
  '4',
  '-5',
  '+5',
  '5,5',
  '5, 5',
  '0x5',
  '5.0',
  '',
  ' ',
  'five',
  '5 5',
  '18446744073709551621',
  '4294967301',
  '999999999999999',
  '9999999999999999',
] as const;
const CODINGS = [
  'chunked',
  'chunked',
  'chunked',
  'chunked',
  'Chunked',
  'CHUNKED',
  ' chunked ',
  'chunked\t',
  'identity',
  'gzip',
  'gzip, chunked',
  'chunked, gzip',
  'chunked, chunked',
  'chunked;q=1',
  'xchunked',
  'chunkedx',
  '',
  ',chunked',
  'chunked,',
  '"chunked"',
] as const;
const SIZES = [
  '5',
  '05',
  '5',
  '0000000005',
  '5;a',
  '5;a=b',
  '5;a="b;c"',
  '5 ',
  '5\t',
  ' 5',
  '5 ;a',
  '5;',
  '5; a = b',
  '5;\xe5',
  '5;a\0',
  '5;a\rb',
  '+5',
  '-5',
  '0x5',
  '5h',
  '',
  '6',
  '4',
  '00000000000000000005',
  'ffffffffffffffff5',
  '5\n',
] as const;
const BODY = 'hello';
const ENDS = [
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\n',
  '\r',
  '\r\r\n',
  '',
] as const;
const BEHIND = [
  '',
  '',
  '',
  '',
  '',
  '',
  '\r\n',
  '\n',
  'x',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\n',
  '\0\0',
] as const;
// Within an answer that is meant to be sound, odd parts are as rare as that.
const ODD_PERCENT = 8;

/** Mostly the first of `of`, which are the sound ones. */
function mostly<T>(chance: Chance, of: readonly [T, ...T[]], sound: number): T {
  return often(chance, ODD_PERCENT) ? one(chance, of) : (of[chance(sound)] ?? of[0]);
}

function line(chance: Chance, text: string): string {
  return text + (often(chance, 2) ? one(chance, ENDS) : '\r\n');
}

function field(chance: Chance): string {
  return `${mostly(chance, NAMES, 11)}:${one(chance, ['', ' ', ' ', ' ', '\t'])}${mostly(chance, VALUES, 13)}`;
}

function chunked(chance: Chance): string {
  const parts: string[] = [];
  for (let count = chance(4); count > 0; count -= 1)
    parts.push(
      line(chance, mostly(chance, SIZES, 7)),
      line(chance, often(chance, 97) ? BODY : one(chance, ['hell', 'hello!', '', '\r\n'])),
    );
  parts.push(line(chance, mostly(chance, ['0', '0', '00', '0;a', '0 ', '', 'x'], 4)));
  for (let count = often(chance, 25) ? 1 + chance(2) : 0; count > 0; count -= 1)
    parts.push(line(chance, field(chance)));
  return parts.join('') + line(chance, '');
}

function head(chance: Chance, interim: boolean): string {
  const status = interim ? one(chance, ['100', '102', '103', '103']) : mostly(chance, STATUSES, 9);
  const lines = [`${mostly(chance, VERSIONS, 5)} ${status}${mostly(chance, REASONS, 6)}`];
  for (let count = chance(4); count > 0; count -= 1) lines.push(field(chance));
  if (interim && often(chance, 90)) return lines.map((text) => line(chance, text)).join('') + line(chance, '');
  const framing = chance(10);
  const lengths = [`Content-Length: ${mostly(chance, LENGTHS, 3)}`, `content-length:${mostly(chance, LENGTHS, 5)}`];
  const coding = `Transfer-Encoding: ${mostly(chance, CODINGS, 6)}`;
  const odd = often(chance, ODD_PERCENT);
  if (framing < 4) lines.splice(1 + chance(lines.length), 0, ...(odd ? lengths : lengths.slice(chance(2)).slice(0, 1)));
  else if (framing < 8)
    lines.splice(1 + chance(lines.length), 0, coding, ...(odd ? [one(chance, [lengths[0] ?? '', coding])] : []));
  const text = lines.map((own) => line(chance, own)).join('') + line(chance, '');
  return text + (framing < 4 ? BODY : framing < 8 ? chunked(chance) : one(chance, ['', BODY, 'hello hello hello']));
}

/** An answer, mostly whole and sound, with hints before it, bytes behind it, or a byte or a piece of it changed. */
export function makeAnswer(chance: Chance): Made {
  const method = one<Made['method']>(chance, ['GET', 'GET', 'GET', 'POST', 'HEAD']);
  let text = often(chance, 3) ? one(chance, ['\r\n', '\n', ' ', '\r\n\r\n']) : '';
  for (let count = often(chance, 15) ? 1 + chance(3) : 0; count > 0; count -= 1)
    text += head(chance, true) + (often(chance, 1) ? '\r\n' : '');
  text += head(chance, false);
  // What has no body is made without one, mostly.
  if (often(chance, 80) && (method === 'HEAD' || / (?:204|304)[ \r]/.test(text.slice(0, 20))))
    text = text.slice(0, text.indexOf('\r\n\r\n') + 4);
  text += one(chance, BEHIND);
  return { method, bytes: damaged(chance, Buffer.from(text, 'latin1')) };
}

function damaged(chance: Chance, bytes: Buffer): Buffer {
  if (bytes.length === 0 || often(chance, 70)) return bytes;
  const at = chance(bytes.length);
  switch (chance(6)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << chance(8));
      return bytes;
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + chance(3))]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.of(chance(256)), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + 20), bytes.subarray(at)]);
    default:
      bytes[at] = one(chance, [0, 9, 10, 13, 32, 44, 48, 58, 59, 127, 255]);
      return bytes;
  }
}

/** IP addresses as numbers, and the networks that they are in (RFC 4632, RFC 4291). */
import type { Network } from './table.ts';

/**
 * Reads `10.0.0.0/8`, `::1`, `fc00::/7`. Null when it is none.
 *
 * @param text whose address part is an IP address (the shell has asked `net.isIP`)
 */
export function networkOf(text: string): Network | null {
  const [address = '', length, ...more] = text.split('/');
  const read = addressOf(address);
  if (read === null || more.length > 0) return null;
  const most = read.family === 4 ? 32 : 128;
  // Of an IPv4 address that is written as IPv6, the bits before it are counted as well.
  const ahead = read.family === 4 && address.includes(':') ? 96 : 0;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) - ahead : -1;
  if (bits < 0 || bits > most) return null;
  const shift = BigInt(most - bits);
  return { family: read.family, base: (read.value >> shift) << shift, bits };
}

/** Whether the address is in one of the networks. What is no address is in none. */
export function within(networks: readonly Network[], address: string): boolean {
  const read = addressOf(address);
  if (read === null) return false;
  return networks.some(({ family, base, bits }) => {
    if (family !== read.family) return false;
    const shift = BigInt((family === 4 ? 32 : 128) - bits);
    return read.value >> shift === base >> shift;
  });
}

/**
 * The address as everybody writes it (RFC 5952), without its zone; one of IPv4 that is written as IPv6, as IPv4. Null when it is
 * none.
 */
export function addressIn(text: string): string | null {
  const read = addressOf(text);
  if (read === null) return null;
  const groups: number[] = [];
  const width = read.family === 4 ? 8n : 16n;
  for (let shift = read.family === 4 ? 24n : 112n; shift >= 0n; shift -= width)
    groups.push(Number((read.value >> shift) & ((1n << width) - 1n)));
  if (read.family === 4) return groups.join('.');
  const { from, length } = zerosOf(groups);
  const written = groups.map((group) => group.toString(16));
  if (length < 2) return written.join(':');
  return `${written.slice(0, from).join(':')}::${written.slice(from + length).join(':')}`;
}

/** The longest run of zeros, the first of several. */
function zerosOf(groups: readonly number[]): { readonly from: number; readonly length: number } {
  let longest = { from: 0, length: 0 };
  for (let from = 0; from < groups.length; from += 1) {
    let length = 0;
    while (groups[from + length] === 0) length += 1;
    if (length > longest.length) longest = { from, length };
  }
  return longest;
}

interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** An IPv4 address written as IPv6 (`::ffff:10.0.0.1`, RFC 4291, section 2.5.5.2) is an IPv4 address. Null when it is none. */
function addressOf(text: string): Address | null {
  if (text.length > 45) return null; // The longest that there is.
  const [plain = ''] = text.split('%', 1);
  if (!plain.includes(':')) {
    const value = dotted(plain);
    return value === null ? null : { family: 4, value };
  }
  const value = colons(plain);
  if (value === null) return null;
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

// No zero in front: to some that is octal.
const BYTE = /^(?:0|[1-9]\d{0,2})$/;

function dotted(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => BYTE.test(part) && Number(part) < 256)) return null;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function colons(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [before, after] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (before === undefined || before === null || after === null) return null;
  const given = before.length + (after?.length ?? 0);
  if (after === undefined ? given !== 8 : given > 7) return null;
  const groups = [...before, ...Array.from({ length: 8 - given }, () => 0n), ...(after ?? [])];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** Groups of 16 bits; a dotted end of the `last` half is two of them. Null when one is none. */
function groupsOf(half: string, last: boolean): readonly bigint[] | null {
  if (half === '') return [];
  const groups: bigint[] = [];
  const parts = half.split(':');
  for (const [index, part] of parts.entries()) {
    const four = last && index === parts.length - 1 && part.includes('.') ? dotted(part) : null;
    if (four !== null) groups.push(four >> 16n, four & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return null;
  }
  return groups;
}

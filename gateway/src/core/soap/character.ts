/**
 * What XML 1.0 (fifth edition) says of characters: which there are, and which names are made of. For ASCII in tables, since nearly
 * all markup is ASCII.
 */

/** May begin a name: section 2.3, [4]. With the colon, which namespaces give a meaning. */
export function startsName(code: number): boolean {
  if (code < 0x80) return NAME_START[code] === 1;
  return within(code, STARTS);
}

/** May stand in a name: section 2.3, [4a]. */
export function inName(code: number): boolean {
  if (code < 0x80) return NAME[code] === 1;
  return within(code, STARTS) || within(code, INNER);
}

/** May stand in a document at all, as itself or by a reference: section 2.2, [2]. */
export function isCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x1_0000 && code <= 0x10_ffff);
}

/** White space once line ends are normalised, and before. */
export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d;
}

const STARTS: readonly number[] = [
  0xc0, 0xd6, 0xd8, 0xf6, 0xf8, 0x2ff, 0x370, 0x37d, 0x37f, 0x1fff, 0x200c, 0x200d, 0x2070, 0x218f, 0x2c00, 0x2fef,
  0x3001, 0xd7ff, 0xf900, 0xfdcf, 0xfdf0, 0xfffd, 0x1_0000, 0xe_ffff,
];
const INNER: readonly number[] = [0xb7, 0xb7, 0x300, 0x36f, 0x203f, 0x2040];

/** Whether `code` lies in one of the ranges, whose ends are listed in turn. */
function within(code: number, ranges: readonly number[]): boolean {
  for (let at = 0; at < ranges.length; at += 2)
    if (code >= (ranges[at] ?? 0) && code <= (ranges[at + 1] ?? 0)) return true;
  return false;
}

type Table = Uint8Array;

function tableOf(holds: (code: number) => boolean): Table {
  return Uint8Array.from({ length: 0x80 }, (_, code) => (holds(code) ? 1 : 0));
}

const letters = (code: number): boolean => (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
const digits = (code: number): boolean => code >= 0x30 && code <= 0x39;
const printable = (code: number, but: string): boolean =>
  (code >= 0x20 || code === 0x09 || code === 0x0a) && !but.includes(String.fromCharCode(code));

/** ASCII that may begin a name. */
export const NAME_START: Table = tableOf((code) => letters(code) || code === 0x3a || code === 0x5f);
/** ASCII that may stand in a name. */
export const NAME: Table = tableOf((code) => NAME_START[code] === 1 || digits(code) || code === 0x2d || code === 0x2e);
/** ASCII that means nothing in text. Not so a carriage return, which is a line end, and not `]`, which must not be `]]>`. */
export const TEXT: Table = tableOf((code) => printable(code, '<&]'));
/** ASCII that means nothing in an attribute's value, whichever its quotes: white space but the blank is normalised. */
export const VALUE: Table = tableOf((code) => printable(code, '<&"\'\t\n'));
/** ASCII that means nothing in a comment, in CDATA, and in a processing instruction. */
export const ASIDE: Table = tableOf((code) => printable(code, '-]?'));

export const SPACE = 0x20;
export const TAB = 0x09;
export const NEWLINE = 0x0a;
export const RETURN = 0x0d;
export const QUOTE = 0x22;
export const AMPERSAND = 0x26;
export const APOSTROPHE = 0x27;
export const DASH = 0x2d;
export const SLASH = 0x2f;
export const SEMICOLON = 0x3b;
export const LESS = 0x3c;
export const EQUALS = 0x3d;
export const GREATER = 0x3e;
export const MARK = 0x3f;
export const BANG = 0x21;
export const HASH = 0x23;
export const BRACKET = 0x5d;
export const BOM = 0xfeff;

/** What a reference stands for in a document without a DOCTYPE: one of five entities, or a character by its number. */
import { isCharacter } from './character.ts';

const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/**
 * @param reference what stands between `&` and `;`
 * @returns null when it is not defined, or stands for no character of XML (sections 4.1 and 4.6)
 */
export function resolved(reference: string): string | null {
  if (reference.charCodeAt(0) !== HASH) return PREDEFINED.get(reference) ?? null;
  const hex = /^#x([0-9a-f]+)$/i.exec(reference)?.[1];
  // `x` itself is lower case only.
  if (hex !== undefined && reference.charCodeAt(1) !== LOWER_X) return null;
  const decimal = /^#([0-9]+)$/.exec(reference)?.[1];
  const code = hex !== undefined ? Number.parseInt(hex, 16) : Number.parseInt(decimal ?? '', 10);
  return isCharacter(code) ? String.fromCodePoint(code) : null;
}

const HASH = 0x23;
const LOWER_X = 0x78;

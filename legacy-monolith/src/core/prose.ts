/**
 * Words for generated rows: plausible ones, and on purpose odd ones, since what a name may contain (quotes, right-to-left
 * letters, combining marks, characters outside the basic plane, nothing at all) is what breaks a migration.
 */
import type { Chance } from './chance.ts';

/** Products that travel cold. */
export const products: readonly string[] = [
  'P-BANANA',
  'P-AVOCADO',
  'P-SALMON',
  'P-SHRIMP',
  'P-BEEF',
  'P-LAMB',
  'P-CHEESE',
  'P-BUTTER',
  'P-VACCINE',
  'P-TULIP',
  'P-ICE-CREAM',
  'p-jalapeño',
];

const goods: readonly string[] = [
  'Bananas, class I',
  'Avocados, ripening',
  'Salmon fillets',
  'Shrimps, peeled',
  'Beef, boneless',
  'Cheese wheels',
  'Insulin, 2-8 °C',
  'Tulip bulbs',
  'Ice cream 5 l',
];

const odd: readonly string[] = [
  '',
  ' ',
  'He said "keep it cold"',
  "Crème fraîche d'Isigny",
  'C:\\cold\\store\\',
  'a\\b \\" \\\\',
  "O'Brien -- ; DROP TABLE orders; --",
  'two\nlines\tand a tab\r\nand more',
  'e\u0301 and \u00e9 are not the same text',
  'Z\u0351\u036b\u0343\u036a\u0302a\u0348\u0348lgo',
  'תפוזים קפואים',
  'برتقال مجمد "طازج"',
  '\u202eright to left override\u202c',
  '冷凍マグロ',
  '𠜎𠜱 rare ideographs',
  '🐟🧊👩‍👩‍👧‍👦 frozen',
  '\u{1f1f3}\u{1f1f1} flag',
  '<Body>&amp;]]></Body>',
  '%s %d {0} ${total} {{x}}',
  'NULL',
  'null',
  '\u0001control\u001f',
  'nbsp\u00a0zero\u200bwidth\ufeff',
  '{"not": "json"}',
  '\\N',
];

const firstWords: readonly string[] = [
  'Nordic',
  'Atlantic',
  'Polar',
  'Delta',
  'Royal',
  'Küsten',
  'Ægir',
  'São Jorge',
  'Żabka',
];
const secondWords: readonly string[] = [
  'Foods',
  'Fruit',
  'Seafood',
  'Pharma',
  'Blumen',
  'Frigo',
  'Kühlhaus',
  'Trading',
];
const forms: readonly string[] = ['Ltd', 'GmbH & Co. KG', 'B.V.', 'S.A.', 'ApS', "d'Or S.à r.l.", '株式会社'];
const streets: readonly string[] = [
  'Dock Road',
  'Hafenstraße',
  'Quai du Port',
  'Rua da Alfândega',
  'Havnegade',
  '港湾路',
  "St. John's Wharf",
];
const vessels: readonly string[] = [
  'MV Boreas',
  'MV Kaikias',
  'Ægir',
  'Nuestra Señora del Frío',
  'Челюскин',
  "Queen's Ransom",
];

/** What a line of an order says: mostly goods, every eighth something odd, every eighth nothing. */
export function description(chance: Chance): string | null {
  const kind = chance.below(8);
  if (kind === 0) return null;
  return kind === 1 ? chance.pick(odd) : chance.pick(goods);
}

/** A company's name; every twentieth is odd, but never empty. */
export function company(chance: Chance): string {
  if (chance.below(20) === 0) return `${chance.pick(odd)} & Söhne`;
  return `${chance.pick(firstWords)} ${chance.pick(secondWords)} ${chance.pick(forms)}`;
}

/** A street with a number. */
export function street(chance: Chance): string {
  return chance.below(25) === 0 ? chance.pick(odd) : `${chance.pick(streets)} ${chance.between(1, 240)}`;
}

/** A ship's name with a number. */
export function vessel(chance: Chance): string {
  return `${chance.pick(vessels)} ${chance.between(1, 99)}`;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;:-éüßøłσж';

/**
 * Text of `letters` characters without any repetition that a compressor could use: above 8 kB Postgres has to move it out of
 * the row (TOAST).
 */
export function noise(chance: Chance, letters: number): string {
  const parts: string[] = [];
  for (let index = 0; index < letters; index += 1) parts.push(LETTERS.charAt(chance.below(LETTERS.length)));
  return parts.join('');
}

const tagLists: readonly (readonly (string | null)[] | null)[] = [
  null,
  null,
  null,
  [],
  ['fresh'],
  ['fresh', 'organic'],
  ['priority', null, 'ripening'],
  [null],
  ['', 'NULL', 'null'],
  ['with "quotes"', 'back\\slash', 'comma, and {braces}'],
  ['日本', '🧊', 'עברית'],
];

/** Tags of an order: null, empty, with nulls in them, with everything that an array literal must quote. */
export function tags(chance: Chance): readonly (string | null)[] | null {
  return chance.pick(tagLists);
}

// JSON as text: the numbers must reach jsonb as they are written here.
const instructions: readonly (string | null)[] = [
  null,
  null,
  null,
  '{}',
  '[]',
  '"handle with care"',
  'true',
  '0',
  '-0.0',
  '{"temperature":{"min":-20.0,"max":-18.50,"unit":"°C"},"notify":["ops@reefer.example",null]}',
  '{"temperature":{"min":2,"max":8},"humidity":{"max":8.5e1},"ventilation":false}',
  '{"one":1.0,"thousand":1e3,"tiny":1e-7,"big":12345678901234567890,"beyond":9007199254740993,"long":0.1000000000000000055511151231257827}',
  '{"stops":[{"port":"NLRTM","hours":4},{"port":"DEHAM","hours":null}],"seal":"A\\"B\\\\C"}',
  '{"":"empty name","a b":"space","ключ":"значение","🧊":"\\ud83d\\ude00"}',
  '{"nested":{"nested":{"nested":{"nested":[[[[]]]]}}}}',
  '[1,"1",true,null,{"1":1}]',
  '{"__proto__":{"polluted":true},"constructor":{"prototype":{}}}',
];

/** Special instructions as JSON text: objects, lists, scalars, deep ones, numbers that no float holds; or null. */
export function specialInstructions(chance: Chance): string | null {
  return chance.pick(instructions);
}

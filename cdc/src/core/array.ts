/** Postgres' text form of arrays, `{1,NULL,"a b"}`, of any number of dimensions. */

/** An element's text, null, or an array one dimension down. */
export type Element = string | null | readonly Element[];

export class ArrayError extends Error {
  override name = 'ArrayError';
}

/**
 * Reads an array literal. Bounds before it (`[2:3]={…}`) are dropped: JSON has none.
 * @param delimiter the element type's; `,` for all but `box`
 */
export function parseArray(text: string, delimiter: string): readonly Element[] {
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  const scan: Scan = { text, at: start, delimiter };
  const elements = readArray(scan);
  if (scan.at !== text.length) throw new ArrayError(`an array goes on behind its end at ${scan.at}`);
  return elements;
}

interface Scan {
  readonly text: string;
  readonly delimiter: string;
  at: number;
}

function readArray(scan: Scan): readonly Element[] {
  const { text, delimiter } = scan;
  if (text[scan.at] !== '{') throw new ArrayError(`an array begins with "${text[scan.at] ?? ''}"`);
  scan.at += 1;
  const elements: Element[] = [];
  if (text[scan.at] === '}') {
    scan.at += 1;
    return elements;
  }
  for (;;) {
    elements.push(readElement(scan));
    const next = text[scan.at];
    scan.at += 1;
    if (next === '}') return elements;
    if (next !== delimiter) throw new ArrayError(`an array holds "${next ?? ''}" where a delimiter should be`);
  }
}

function readElement(scan: Scan): Element {
  const { text } = scan;
  if (text[scan.at] === '{') return readArray(scan);
  if (text[scan.at] === '"') return readQuoted(scan);
  const from = scan.at;
  while (scan.at < text.length && text[scan.at] !== scan.delimiter && text[scan.at] !== '}') scan.at += 1;
  const word = text.slice(from, scan.at);
  return word === 'NULL' ? null : word.replace(/\\(.)/gs, '$1');
}

function readQuoted(scan: Scan): string {
  const { text } = scan;
  let value = '';
  let from = scan.at + 1;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      scan.at = at + 1;
      return value + text.slice(from, at);
    }
    if (character === '\\') {
      value += text.slice(from, at);
      at += 1;
      from = at;
    }
  }
  throw new ArrayError('an array ends within a quoted element');
}

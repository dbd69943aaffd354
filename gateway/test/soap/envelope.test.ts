import { describe, expect, test } from 'vitest';
import { readQuickly } from '@banyan/gateway/core/soap/envelope';
import { readBySaxes, type Listener, type Place } from '@banyan/gateway/core/soap/events';
import { LIMITS } from '@banyan/gateway/core/soap/limits';
import { startOf } from '@banyan/gateway/core/soap/quick';
import type { Attribute, Name, Scope } from '@banyan/gateway/core/soap/scope';
import { messageOf } from './grammar.ts';
import { Random } from './random.ts';

const PROVE = process.env['BANYAN_PROVE'] === 'true';
const INPUTS = PROVE ? 300_000 : 6_000;
const SEED = PROVE ? Date.now() % 2 ** 32 : 20_261_102;

/** Writes down what it is told, characters that come one after the other in one piece. */
class Witness implements Listener {
  readonly told: unknown[] = [];
  readonly #scope: Scope;
  #text = '';

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  open(name: Name, attributes: readonly Attribute[], place: Place, depth: number): void {
    this.#flush();
    const names = attributes.map((attribute) => this.#scope.resolve(attribute.name));
    this.told.push({ name, attributes, names, bare: this.#scope.inValue('bare'), place, depth });
  }

  text(text: string): void {
    this.#text += text;
  }

  close(place: Place, depth: number): void {
    this.#flush();
    this.told.push({ place, depth });
  }

  #flush(): void {
    if (this.#text !== '') this.told.push(this.#text);
    this.#text = '';
  }
}

type Read = typeof readBySaxes | typeof readQuickly;

function told(read: Read, text: string, limits = LIMITS): { verdict: ReturnType<Read>; events: readonly unknown[] } {
  const witnesses: Witness[] = [];
  const verdict = read(text, limits, (scope) => {
    const witness = new Witness(scope);
    witnesses.push(witness);
    return witness;
  });
  return { verdict, events: witnesses[0]?.told ?? [] };
}

/** Holds the two readers against each other. @returns whether the message is one */
function agree(text: string, limits = LIMITS): boolean {
  const slow = told(readBySaxes, text, limits);
  const quick = told(readQuickly, text, limits);
  const isUsual = typeof startOf(text, true) === 'number';
  const good = typeof slow.verdict === 'string';
  expect(quick).toEqual(good && isUsual ? slow : { ...quick, verdict: null });
  return good && isUsual;
}

describe('the fast reader of envelopes', () => {
  test(
    `tells what the slow one tells, of ${INPUTS} messages (seed ${SEED}), and gives up where that refuses`,
    { timeout: 60_000 + INPUTS * 5 },
    () => {
      let good = 0;
      for (let input = 0; input < INPUTS; input += 1) {
        const random = new Random((SEED + Math.imul(input, 0x9e37_79b1)) >>> 0);
        const limits = random.once(4) ? { ...LIMITS, depth: random.pick([4, 6]), attributes: 3 } : LIMITS;
        if (agree(messageOf(random), limits)) good += 1;
      }
      expect(good).toBeGreaterThan(INPUTS / 20);
      expect(good).toBeLessThan(INPUTS);
    },
  );

  const body = (inner: string): string =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><a>${inner}</a></s:Body></s:Envelope>`;

  test.each([
    ['line ends of every kind', body('one\r\ntwo\rthree\n<b>\r</b>\r\n\r')],
    [
      'references and CDATA beside text',
      body('&lt;a&#x9;&amp;<![CDATA[<x>]]&]]>]]&gt;&#13;<b t="&#10;a&quot;\tb\r\nc"/>'),
    ],
    ['brackets that end nothing', body(']] ]&gt;<b>]</b>]]')],
    ['characters beyond the basic plane', body('\u{1f69a}<b>\u{10ffff}é</b>')],
    ['comments and instructions within text', body('a<!-- < -->b<?p x?>c')],
    ['a byte order mark before the declaration', `\ufeff<?xml version="1.0"?>${body('x')}`],
    ['text between the parts, and behind them', body('x').replaceAll('<s:', 'y<s:').slice(1)],
    ['two blocks of a header', body('x').replace('<s:Body>', '<s:Header><h>1</h>2<i/></s:Header><s:Body>')],
  ])('reads %s as the slow one does', (_, text) => {
    expect(agree(text)).toBe(true);
  });
});

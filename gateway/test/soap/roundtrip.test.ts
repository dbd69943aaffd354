/** Whatever the schema: what is written is read back as it was, and how the text is cut into pieces does not matter. */
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { expect, test } from 'vitest';
import { digest, Exact, print, type Json } from '@banyan/gateway/core/json';
import { decodeElement } from './element.ts';
import type { Codec } from '@banyan/gateway/core/soap/codec';
import { Scope } from '@banyan/gateway/core/soap/scope';
import { sample } from './generated.ts';

function written({ codec: one, value }: { codec: Codec; value: Json }): string {
  const made = one.encode(value);
  if (made.kind === 'invalid') throw new Error(`${print(value)}: ${made.path} ${made.because}`);
  return made.text;
}

test('what is written is read back as it was', () => {
  fc.assert(
    fc.property(sample, ({ codec: one, value }) => {
      const read = decodeElement(written({ codec: one, value }), one);
      expect(read.kind === 'value' ? digest(read.value) : read).toEqual(digest(value));
    }),
    { numRuns: 1000 },
  );
});

test('the order of members does not matter, nor do others', () => {
  fc.assert(
    fc.property(sample, ({ codec: one, value }) => {
      if (!(value instanceof Map)) return;
      const turned = new Map(
        [...(value as ReadonlyMap<string, Json>), ['other', new Exact('1.0')] as const].toReversed(),
      );
      expect(one.encode(turned)).toEqual(one.encode(value));
    }),
    { numRuns: 300 },
  );
});

test('a document is read alike however its text comes in pieces', () => {
  fc.assert(
    fc.property(sample, fc.infiniteStream(fc.integer({ min: 1, max: 20 })), ({ codec: one, value }, sizes) => {
      const xml = written({ codec: one, value });
      const decoder = one.decoder();
      const scope = new Scope();
      const parser: SaxesParser = new SaxesParser();
      parser.on('opentag', (tag) => {
        const attributes = Object.entries(tag.attributes).map(([name, at]) => ({ name, value: String(at) }));
        const name = scope.open(tag.name, attributes);
        if ('problem' in name) throw new Error(name.problem);
        decoder.open(name, attributes, scope);
      });
      // One piece at a time, as a reader that keeps nothing would hand them on.
      parser.on('text', (piece) => {
        for (const character of piece) decoder.text(character);
      });
      parser.on('closetag', () => {
        decoder.close();
        scope.close();
      });
      for (let at = 0; at < xml.length;) {
        const size = sizes.next().value;
        parser.write(xml.slice(at, at + size));
        at += size;
      }
      parser.close();
      expect(decoder.result).toEqual(decodeElement(xml, one));
    }),
    { numRuns: 200 },
  );
});

test('anything else that is JSON is written, or refused with a place, and what is written is read', () => {
  const anything = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<Json>(null, true, 0, 'a', '', '1', new Exact('1.50'), new Exact('1e400')),
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc
        .dictionary(fc.constantFrom('e0', 'e1', 'e2', '@a0', '#text', '__proto__'), tie('value'), { maxKeys: 4 })
        .map((object) => new Map(Object.entries(object))),
    ),
  })).value;
  fc.assert(
    fc.property(sample, anything, ({ codec: one }, value) => {
      const made = one.encode(value);
      const held = made.kind === 'invalid' ? made.path.startsWith('x') : decodeElement(made.text, one).kind === 'value';
      expect({ made, held }).toMatchObject({ held: true });
    }),
    { numRuns: 1000 },
  );
});

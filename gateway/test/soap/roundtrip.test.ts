/** Whatever the schema: what is written is read back as it was, and how the text is cut into pieces does not matter. */
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { expect, test } from 'vitest';
import { digest, Exact, numberOf, print, type Json } from '@banyan/gateway/core/json';
import { decodeElement } from '@banyan/gateway/core/soap/body';
import type { Codec } from '@banyan/gateway/core/soap/codec';
import { Scope } from '@banyan/gateway/core/soap/scope';
import { codec } from './codecs.ts';

/** A type as the schema writes it, and values of it, in the form in which they are read. */
interface Made {
  readonly type: { readonly name: string } | { readonly inside: string };
  readonly values: fc.Arbitrary<Json>;
  /** Null has no room for attributes, so an element that must have some cannot be nil. */
  readonly needsAttributes?: boolean;
}

const text = fc
  .string({ unit: 'binary', maxLength: 12 })
  // oxlint-disable-next-line no-control-regex
  .filter((value) => value.isWellFormed() && !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(value));
const digits = fc.stringMatching(/^[0-9]{1,25}$/);
const decimal = fc.tuple(fc.boolean(), digits, fc.option(digits)).map(([negative, whole, fraction]): Json => {
  const plain = whole.replace(/^0+(?=\d)/, '') + (fraction === null ? '' : `.${fraction}`);
  return numberOf(negative && /[1-9]/.test(plain) ? `-${plain}` : plain);
});
const atomic: readonly Made[] = [
  { type: { name: 'xs:string' }, values: text },
  { type: { name: 'xs:token' }, values: text.map((value) => value.replace(/[ \t\n\r]+/g, ' ').replace(/^ | $/g, '')) },
  { type: { name: 'xs:decimal' }, values: decimal },
  { type: { name: 'xs:boolean' }, values: fc.boolean() },
  { type: { name: 'xs:int' }, values: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
  {
    type: { name: 'xs:long' },
    values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => numberOf(String(value))),
  },
  {
    type: { name: 'xs:double' },
    values: fc
      .double({ noDefaultInfinity: true, noNaN: true })
      .map((value) => numberOf(Object.is(value, -0) ? '-0' : String(value).replace('+', ''))),
  },
  {
    type: { name: 'xs:base64Binary' },
    values: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  },
  {
    type: { name: 'xs:QName' },
    values: fc
      .tuple(fc.constantFrom('', '{urn:test}', '{urn:&"<}'), fc.constantFrom('a', 'é.1', '_'))
      .map((parts) => parts.join('')),
  },
];
const scalar = fc.constantFrom(...atomic);

const member = (
  inside: fc.Arbitrary<Made>,
): fc.Arbitrary<{ readonly made: Made; readonly min: number; readonly max: number; readonly nillable: boolean }> =>
  fc.record({ made: inside, min: fc.constantFrom(0, 1), max: fc.constantFrom(1, 3), nillable: fc.boolean() });

/** A complex type of up to four elements and two attributes: a sequence, an `all`, or elements of which a few form a choice. */
function complexOf(inside: fc.Arbitrary<Made>): fc.Arbitrary<Made> {
  return fc
    .record({
      order: fc.constantFrom('sequence', 'all', 'choice'),
      elements: fc.array(member(inside), { maxLength: 4 }),
      attributes: fc.array(fc.record({ made: scalar, required: fc.boolean() }), { maxLength: 2 }),
    })
    .map(({ order: wanted, elements: found, attributes }) => {
      const order = found.length === 0 ? 'sequence' : wanted;
      const elements = found.map((one) => ({ ...one, nillable: one.nillable && one.made.needsAttributes !== true }));
      const one = order === 'all';
      const shown = elements.map(({ made, min, max, nillable }, index) => {
        const head = `<xs:element name="e${index}" minOccurs="${min}" maxOccurs="${one ? 1 : max}" nillable="${nillable}"`;
        return 'name' in made.type ? `${head} type="${made.type.name}"/>` : `${head}>${made.type.inside}</xs:element>`;
      });
      const uses = attributes.map(({ made, required }, index) => {
        const name = 'name' in made.type ? made.type.name : '';
        return `<xs:attribute name="a${index}" type="${name}" use="${required ? 'required' : 'optional'}"/>`;
      });
      const members = elements.map(({ made, min, max, nillable }, index) => {
        const value = nillable ? fc.option(made.values) : made.values;
        const values: fc.Arbitrary<Json | undefined> =
          one || max === 1
            ? min === 1
              ? value
              : fc.option(value, { nil: undefined })
            : fc.array(value, { minLength: min, maxLength: max });
        return values.map((found): readonly [string, Json | undefined] => [`e${index}`, found]);
      });
      const own = attributes.map(({ made, required }, index) =>
        (required ? made.values : fc.option(made.values, { nil: undefined })).map(
          (found): readonly [string, Json | undefined] => [`@a${index}`, found],
        ),
      );
      const values =
        order === 'choice'
          ? chosen(
              own,
              members,
              elements.map(({ max }) => max > 1),
            )
          : fc.tuple(...own, ...members).map(objectOf);
      return {
        type: {
          inside: `<xs:complexType><xs:${order}>${shown.join('')}</xs:${order}>${uses.join('')}</xs:complexType>`,
        },
        values,
        needsAttributes: attributes.some(({ required }) => required),
      };
    });
}

type Member = fc.Arbitrary<readonly [string, Json | undefined]>;

function chosen(own: readonly Member[], members: readonly Member[], lists: readonly boolean[]): fc.Arbitrary<Json> {
  return fc.nat({ max: members.length - 1 }).chain((branch) => {
    // The others are absent, and lists that are absent are read as empty.
    const parts = members.map((made, index): Member =>
      index === branch ? made : fc.constant([`e${index}`, lists[index] === true ? [] : undefined]),
    );
    return fc.tuple(...own, ...parts).map(objectOf);
  });
}

function objectOf(members: readonly (readonly [string, Json | undefined])[]): Json {
  return new Map(members.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

const level1 = fc.oneof(scalar, complexOf(scalar));
const level2 = complexOf(level1);
const schema = fc.oneof({ weight: 1, arbitrary: scalar }, { weight: 4, arbitrary: complexOf(level2) });

const sample: fc.Arbitrary<{ readonly codec: Codec; readonly value: Json; readonly xsd: string }> = schema.chain(
  (made) => {
    const xsd =
      'name' in made.type
        ? `<xs:element name="x" type="${made.type.name}"/>`
        : `<xs:element name="x">${made.type.inside}</xs:element>`;
    return fc
      .record({ value: made.values, form: fc.constantFrom('qualified', 'unqualified') })
      .map(({ value, form }) => ({ codec: codec(xsd, form), value, xsd }));
  },
);

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
      text,
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

/** Schemas and values of them, made up: what properties of the codec are tested with. */
import fc from 'fast-check';
import { numberOf, type Json } from '@banyan/gateway/core/json';
import type { Codec } from '@banyan/gateway/core/soap/codec';
import { codec } from './codecs.ts';
import { schemaText } from './schemas.ts';

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
      .tuple(fc.constantFrom('', '{urn:test}', '{urn:a?b&c}'), fc.constantFrom('a', 'é.1', '_'))
      .map((parts) => parts.join('')),
  },
];
/** Types with facets, which every schema here has. */
const TYPES =
  '<xs:simpleType name="Money"><xs:restriction base="xs:decimal"><xs:totalDigits value="9"/><xs:fractionDigits value="2"/><xs:minInclusive value="-5000000"/></xs:restriction></xs:simpleType>' +
  '<xs:simpleType name="Code"><xs:restriction base="xs:string"><xs:enumeration value="A"/><xs:enumeration value=" b"/></xs:restriction></xs:simpleType>' +
  '<xs:simpleType name="Numbers"><xs:list itemType="xs:unsignedInt"/></xs:simpleType>' +
  '<xs:simpleType name="Short"><xs:restriction base="t:Numbers"><xs:maxLength value="2"/></xs:restriction></xs:simpleType>' +
  '<xs:simpleType name="Either"><xs:union memberTypes="xs:byte xs:date t:Code"/></xs:simpleType>';
const faceted: readonly Made[] = [
  {
    type: { name: 't:Money' },
    values: fc
      .tuple(fc.integer({ min: -4_999_999, max: 9_999_999 }), fc.stringMatching(/^\d{2}$/))
      .map(([whole, cents]) => numberOf(`${whole}.${cents}`)),
  },
  { type: { name: 't:Code' }, values: fc.constantFrom('A', ' b') },
  { type: { name: 't:Short' }, values: fc.array(fc.nat({ max: 2 ** 32 - 1 }), { maxLength: 2 }) },
  {
    type: { name: 't:Either' },
    values: fc.oneof(fc.integer({ min: -128, max: 127 }), fc.constantFrom<Json>('2026-11-24Z', 'A', ' b')),
  },
  {
    type: { name: 'xs:dateTime' },
    values: fc.constantFrom('2026-11-24T10:00:00', '2026-11-24T10:00:00.120Z', '2024-02-29T24:00:00-05:00'),
  },
];
const scalar = fc.constantFrom(...atomic, ...faceted);

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

export interface Sample {
  readonly codec: Codec;
  readonly value: Json;
  /** The schema as a document. */
  readonly xsd: string;
}

/** A codec of the element `x`, its schema, and a value that it takes. */
export const sample: fc.Arbitrary<Sample> = schema.chain((made) => {
  const body =
    'name' in made.type
      ? `<xs:element name="x" type="${made.type.name}"/>`
      : `<xs:element name="x">${made.type.inside}</xs:element>`;
  return fc
    .record({ value: made.values, form: fc.constantFrom('qualified', 'unqualified') })
    .map(({ value, form }) => ({ codec: codec(body + TYPES, form), value, xsd: schemaText(body + TYPES, form) }));
});

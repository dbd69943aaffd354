import { describe, expect, test } from 'vitest';
import type { Json } from '@banyan/gateway/core/json';
import { parseTree } from '@banyan/gateway/core/soap/tree';
import { readLetter } from '@banyan/gateway/core/soap/letter';
import { LIMITS } from '@banyan/gateway/core/soap/limits';
import { schemasOf } from '@banyan/gateway/core/soap/schema';
import { codec, codecIn, complex, decoded, encoded, json } from './codecs.ts';
import { TNS } from './schemas.ts';

const element = (name: string, rest = ''): string => `<xs:element name="${name}" type="xs:int" ${rest}/>`;
const sequence = (...elements: readonly string[]): string => `<xs:sequence>${elements.join('')}</xs:sequence>`;

describe('a sequence', () => {
  const order = complex(
    sequence(element('a'), element('b', 'minOccurs="0"'), element('c', 'minOccurs="0" maxOccurs="3"')),
  );

  test('is an object, and what may repeat a list, however often it stands', () => {
    expect(decoded(order, '<a>1</a>')).toBe('{"a":1,"c":[]}');
    expect(decoded(order, ' <a>1</a>\n<b>2</b><c>3</c> ')).toBe('{"a":1,"b":2,"c":[3]}');
    expect(decoded(order, '<a>1</a><c>3</c><c>4</c><!-- and --><c>5</c>')).toBe('{"a":1,"c":[3,4,5]}');
  });

  test.each([
    ['<b>1</b>', 'x: has no a'],
    ['<b>1</b><a>1</a>', 'x/a: stands behind b, and belongs before it'],
    ['<a>1</a><c>1</c><b>2</b>', 'x/b: stands behind c, and belongs before it'],
    ['<a>1</a><a>2</a>', 'x/a: stands a second time'],
    ['<a>1</a><c>1</c><c>1</c><c>1</c><c>1</c>', 'x/c[4]: stands more than 3 times'],
    ['<a>1</a><c>1</c><c>z</c>', 'x/c[2]: is not an xsd:int'],
    ['<a>1</a><d>1</d>', 'x: holds the element d, which the schema does not have there'],
    ['<t:a>1</t:a>', 'x: holds the element {urn:test}a, where the schema has a'],
    ['<a>1</a>words', 'x: has text between its elements'],
    ['words<a>1</a>', 'x: has text between its elements'],
    ['<a>1</a><b><a>1</a></b>', 'x/b: holds the element a, and may hold text alone'],
    ['<a k="1">1</a>', 'x/a: has an attribute k, which the schema does not have there'],
    [
      '<a href="#1"/>',
      'x/a: has an attribute href, which the schema does not have there (SOAP encoding is not supported)',
    ],
    ['<a xsi:nil="true"/>', 'x/a: is nil, which the schema does not allow'],
    ['<a xsi:nil="maybe">1</a>', 'x/a: has an xsi:nil that is not an xsd:boolean'],
    ['<a xsi:other="1">1</a>', 'x/a: has an attribute xsi:other, which XML Schema does not know'],
    ['<a></a>', 'x/a: is not an xsd:int'],
  ])('refuses %s', (inside, because) => {
    expect(decoded(order, inside)).toBe(because);
  });

  test('is written in its order, whatever the order of the members, and without those that it does not know', () => {
    expect(encoded(order, '{"z":{},"c":[3,4],"b":"2","a":1}')).toBe('<a>1</a><b>2</b><c>3</c><c>4</c>');
    expect(encoded(order, '{"a":1,"b":null,"c":null}')).toBe('<a>1</a>');
  });

  test.each([
    ['{}', 'x: has no a'],
    ['{"a":null}', 'x: has null for a, which may not be nil'],
    ['{"a":"one"}', 'x/a: is not an xsd:int'],
    ['{"a":[1]}', 'x/a: is not an xsd:int'],
    ['{"a":1,"c":2}', 'x/c: is not a list'],
    ['{"a":1,"c":[1,2,3,4]}', 'x/c: has 4 items, and the schema allows 3'],
    ['{"a":1,"c":[1,null]}', 'x/c[2]: is null, which is not allowed here'],
    ['[]', 'x: is not an object'],
    ['null', 'x: is null, which is not allowed here'],
    ['"a"', 'x: is not an object'],
  ])('refuses %s', (value, because) => {
    expect(encoded(order, value)).toBe(because);
  });

  test('has paths through what it contains', () => {
    const list = complex(
      sequence(
        '<xs:element name="items" maxOccurs="9"><xs:complexType>' +
          sequence(element('q'), element('r', 'maxOccurs="2"')) +
          '</xs:complexType></xs:element>',
      ),
    );
    expect(encoded(list, '{"items":[{"q":1,"r":[1]},{"q":1,"r":[1,"b"]}]}')).toBe('x/items[2]/r[2]: is not an xsd:int');
    expect(encoded(list, '{"items":[{"q":1,"r":[1]},{"r":[1]}]}')).toBe('x/items[2]: has no q');
    expect(encoded(list, '{"items":[]}')).toBe('x/items: has 0 items, and the schema asks for 1');
    expect(decoded(list, '<items><q>1</q><r>1</r></items><items><q>1</q><r>1</r><r>b</r></items>')).toBe(
      'x/items[2]/r[2]: is not an xsd:int',
    );
    expect(decoded(list, '<items><q>1</q><r>1</r></items><items><q>1</q></items>')).toBe('x/items[2]: has no r');
    expect(decoded(list, '')).toBe('x: has no items');
  });
});

describe('nil', () => {
  const nil = complex(
    sequence(element('a', 'nillable="true"'), element('b', 'nillable="true" minOccurs="0" maxOccurs="unbounded"')),
  );

  test('is null, and nothing else is', () => {
    expect(decoded(nil, '<a xsi:nil="true"/>')).toBe('{"a":null,"b":[]}');
    expect(decoded(nil, '<a xsi:nil=" 1 "> </a><b>1</b><b xsi:nil="true"/>')).toBe('{"a":null,"b":[1,null]}');
    expect(decoded(nil, '<a xsi:nil="false">2</a>')).toBe('{"a":2,"b":[]}');
    expect(decoded(nil, '')).toBe('x: has no a');
    expect(decoded(nil, '<a xsi:nil="true">1</a>')).toBe('x/a: is nil and has text');
    expect(decoded(nil, '<a xsi:nil="true"><c/></a>')).toBe('x/a: holds the element c, and is nil');
  });

  test('is written for null, with its namespace; an absent member is not nil', () => {
    expect(nil.encode(json('{"a":null,"b":[1,null]}'))).toEqual({
      kind: 'xml',
      text: `<n0:x xmlns:n0="${TNS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><a xsi:nil="true"/><b>1</b><b xsi:nil="true"/></n0:x>`,
    });
    expect(encoded(nil, '{"b":[]}')).toBe('x: has no a');
    expect(encoded(nil, '{"a":1,"b":null}')).toBe('<a>1</a>');
  });

  test('of the root is null as a whole', () => {
    const root = codec('<xs:element name="x" type="xs:int" nillable="true"/>');
    expect(decoded(root, '', 'xsi:nil="true"')).toBe('null');
    expect(root.encode(null)).toMatchObject({ text: expect.stringContaining(' xsi:nil="true"/>') });
  });

  test('with attributes of its own has no form, so it is refused both ways', () => {
    const both = complex(
      sequence(
        '<xs:element name="a" nillable="true"><xs:complexType><xs:attribute name="k" use="required"/></xs:complexType></xs:element>',
      ),
    );
    expect(decoded(both, '<a xsi:nil="true" k="1"/>')).toBe(
      'x/a: is nil and has attributes, for which null has no room',
    );
    expect(encoded(both, '{"a":null}')).toBe('x/a: is null, and an element that is nil would still need @k');
  });
});

describe('a choice', () => {
  const choice = complex(
    `<xs:sequence>${element('z', 'minOccurs="0"')}<xs:choice>${element('a')}${sequence(element('b'), element('c', 'minOccurs="0"'))}${element('d', 'maxOccurs="2" nillable="true"')}</xs:choice></xs:sequence>`,
  );

  test('takes one branch', () => {
    expect(decoded(choice, '<a>1</a>')).toBe('{"a":1,"d":[]}');
    expect(decoded(choice, '<b>1</b><c>2</c>')).toBe('{"b":1,"c":2,"d":[]}');
    expect(decoded(choice, '<z>0</z><d>1</d><d>2</d>')).toBe('{"z":0,"d":[1,2]}');
    expect(encoded(choice, '{"a":1,"d":[],"b":null}')).toBe('<a>1</a>');
    expect(encoded(choice, '{"c":2,"b":1}')).toBe('<b>1</b><c>2</c>');
    expect(encoded(choice, '{"d":[null]}')).toBe('<d xsi:nil="true"/>');
  });

  test('refuses none, two, and half of one', () => {
    expect(decoded(choice, '')).toBe('x: has none of a, b, c, d');
    expect(decoded(choice, '<a>1</a><b>1</b>')).toBe('x: has elements of which the schema allows one choice: a, b, c');
    expect(decoded(choice, '<c>1</c>')).toBe('x: has no b');
    expect(encoded(choice, '{}')).toBe('x: has none of a, b, c, d');
    expect(encoded(choice, '{"a":1,"c":1}')).toBe('x: has both a and c, of which the schema allows one');
    expect(encoded(choice, '{"c":1}')).toBe('x: has no b');
  });

  test('may be left open where a branch may be empty', () => {
    const open = complex(`<xs:choice>${element('a')}${element('b', 'minOccurs="0"')}</xs:choice>`);
    expect(decoded(open, '')).toBe('{}');
    expect(encoded(open, '{}')).toBe('<n0:x/>');
  });
});

describe('groups', () => {
  test('an optional group is whole or absent', () => {
    const optional = complex(
      `<xs:sequence>${element('z')}<xs:sequence minOccurs="0">${element('a')}${element('b')}</xs:sequence></xs:sequence>`,
    );
    expect(decoded(optional, '<z>1</z>')).toBe('{"z":1}');
    expect(decoded(optional, '<z>1</z><a>1</a>')).toBe('x: has no b');
    expect(encoded(optional, '{"z":1}')).toBe('<z>1</z>');
    expect(encoded(optional, '{"z":1,"b":1}')).toBe('x: has no a');
  });

  test('all takes any order, and gives its own', () => {
    const all = complex(`<xs:all>${element('a')}${element('b', 'minOccurs="0"')}</xs:all>`);
    expect(decoded(all, '<b>2</b><a>1</a>')).toBe('{"a":1,"b":2}');
    expect(decoded(all, '<b>2</b><b>2</b><a>1</a>')).toBe('x/b: stands a second time');
    expect(encoded(all, '{"b":2,"a":1}')).toBe('<a>1</a><b>2</b>');
  });

  test('an optional wildcard is nothing: what it would take is refused', () => {
    const any = complex(
      `<xs:sequence>${element('a')}<xs:any minOccurs="0" namespace="##other"/></xs:sequence><xs:anyAttribute/>`,
    );
    expect(decoded(any, '<a>1</a>')).toBe('{"a":1}');
    expect(decoded(any, '<a>1</a><q:b xmlns:q="urn:q"/>')).toContain('which the schema does not have there');
  });
});

describe('attributes and text', () => {
  const money = complex(
    '<xs:simpleContent><xs:extension base="xs:decimal"><xs:attribute name="currency" use="required"/><xs:attribute name="rate" type="xs:double"/><xs:attribute name="unit" default="1" type="xs:int"/><xs:attribute name="version" fixed="2" type="xs:int"/></xs:extension></xs:simpleContent>',
  );

  test('are the members @name and #text', () => {
    expect(decoded(money, '12.50', 'currency="EUR"')).toBe('{"@currency":"EUR","@unit":1,"@version":2,"#text":12.50}');
    expect(decoded(money, '1', 'rate="1.5" unit="3" currency=" a&#10;b"')).toBe(
      '{"@currency":" a\\nb","@rate":1.5,"@unit":3,"@version":2,"#text":1}',
    );
    expect(money.encode(json('{"#text":12.50,"@currency":"E\\t\\"<>"}'))).toEqual({
      kind: 'xml',
      text: `<x xmlns="${TNS}" currency="E&#9;&quot;&lt;&gt;">12.50</x>`,
    });
  });

  test.each([
    ['currency', '1', '', 'x: has no attribute @currency'],
    ['other', '1', 'currency="a" other="1"', 'x: has an attribute other, which the schema does not have there'],
    ['rate', '1', 'currency="a" rate="z"', 'x: has an attribute @rate that is not an xsd:double'],
    [
      'fixed',
      '1',
      'currency="a" version="3"',
      'x: has an attribute @version that is not the one value that the schema allows',
    ],
    [
      'namespace',
      '1',
      'currency="a" t:rate="1"',
      'x: has an attribute {urn:test}rate, which the schema does not have there',
    ],
    ['text', 'z', 'currency="a"', 'x: is not an xsd:decimal'],
    ['child', '<a/>', 'currency="a"', 'x: holds the element a, and may hold text alone'],
  ])('refuses a wrong %s', (_what, inside, attributes, because) => {
    expect(decoded(money, inside, attributes)).toBe(because);
  });

  test('refuses members that are wrong', () => {
    expect(encoded(money, '{"#text":1}')).toBe('x: has no @currency');
    expect(encoded(money, '{"@currency":"a"}')).toBe('x: has no #text');
    expect(encoded(money, '{"@currency":"a","#text":"z"}')).toBe('x/#text: is not an xsd:decimal');
    expect(encoded(money, '{"@currency":"a","#text":1,"@rate":"z"}')).toBe('x/@rate: is not an xsd:double');
    expect(encoded(money, '{"@currency":"a","#text":1,"@version":1}')).toBe(
      'x/@version: is not the one value that the schema allows',
    );
    expect(encoded(money, '12')).toBe('x: has no @currency');
  });

  test('text whose attributes are optional may be given alone', () => {
    const weight = complex(
      '<xs:simpleContent><xs:extension base="xs:decimal"><xs:attribute name="unit"/></xs:extension></xs:simpleContent>',
    );
    expect(encoded(weight, '12.5')).toBe('12.5');
    expect(decoded(weight, '12.5')).toBe('{"#text":12.5}');
  });

  test('of another namespace have a prefix, also where elements need none', () => {
    const one = codec(
      '<xs:element name="x"><xs:complexType><xs:attribute ref="t:k"/></xs:complexType></xs:element><xs:attribute name="k" type="xs:int"/>',
    );
    expect(one.encode(json('{"@k":1}'))).toEqual({
      kind: 'xml',
      text: `<x xmlns="${TNS}" xmlns:n1="${TNS}" n1:k="1"/>`,
    });
    expect(decoded(one, '', 't:k="1"')).toBe('{"@k":1}');
  });

  test('fixed and default values stand for empty elements; only fixed ones for absent members', () => {
    const both = complex(sequence(element('f', 'fixed="1"'), element('d', 'default="2" minOccurs="0"')));
    expect(decoded(both, '<f/><d/>')).toBe('{"f":1,"d":2}');
    expect(decoded(both, '<f>01</f>')).toBe('{"f":1}');
    expect(decoded(both, '<f>2</f>')).toBe('x/f: it is not the one value that the schema allows');
    expect(encoded(both, '{}')).toBe('<f>1</f>');
    expect(encoded(both, '{"f":3}')).toBe('x/f: is not the one value that the schema allows');
  });
});

describe('xsi:type', () => {
  const typed = complex(
    sequence('<xs:element name="a" type="t:T"/><xs:element name="b" type="xs:string"/>'),
    '<xs:complexType name="T"/><xs:complexType name="U"/>',
  );
  test('may say what the schema says', () => {
    expect(
      decoded(typed, '<a xsi:type="t:T"/><b xsi:type="xs:string" xmlns:xs="http://www.w3.org/2001/XMLSchema">1</b>'),
    ).toBe('{"a":{},"b":"1"}');
  });
  test('and nothing else', () => {
    expect(decoded(typed, '<a xsi:type="t:U"/>')).toBe(
      'x/a: has the xsi:type {urn:test}U, and only the type that the schema gives it is supported',
    );
    expect(decoded(typed, '<a xsi:type="q:U"/>')).toBe('x/a: has an xsi:type of which unbound namespace prefix: q');
  });
  test('schemaLocation is a hint, and ignored', () => {
    expect(decoded(typed, '<a/><b/>', 'xsi:schemaLocation="urn:test t.xsd"')).toBe('{"a":{},"b":""}');
  });
});

describe('namespaces', () => {
  const text = (namespace: string, body: string): string =>
    `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="${TNS}" xmlns:u="urn:u" targetNamespace="${namespace}" elementFormDefault="qualified">${body}</xs:schema>`;
  const documents = [
    text(
      TNS,
      '<xs:import namespace="urn:u"/><xs:element name="x"><xs:complexType><xs:sequence><xs:element name="a" type="u:A" minOccurs="0"/><xs:element ref="u:e" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>',
    ),
    text(
      'urn:u',
      '<xs:complexType name="A"><xs:sequence><xs:element name="b" type="xs:int"/></xs:sequence></xs:complexType><xs:element name="e" type="xs:int"/>',
    ),
  ].map((document, index) => {
    const parsed = parseTree(document);
    if (parsed.kind !== 'tree') throw new Error(parsed.because);
    return { file: `${index}.xsd`, root: parsed.root, namespace: index === 0 ? TNS : 'urn:u' };
  });
  const two = codecIn(schemasOf(documents), { namespace: TNS, local: 'x' });

  test('are declared once, at the root, and only those that are used', () => {
    expect(two.encode(json('{"a":{"b":1},"e":2}'))).toEqual({
      kind: 'xml',
      text: `<x xmlns="${TNS}" xmlns:n1="urn:u"><a><n1:b>1</n1:b></a><n1:e>2</n1:e></x>`,
    });
    expect(two.encode(json('{}'))).toEqual({ kind: 'xml', text: `<x xmlns="${TNS}"/>` });
  });

  test('count, and prefixes do not', () => {
    expect(decoded(two, '<t:a><q:b xmlns:q="urn:u">1</q:b></t:a><e xmlns="urn:u">2</e>')).toBe('{"a":{"b":1},"e":2}');
    expect(decoded(two, '<t:a><t:b>1</t:b></t:a>')).toBe(
      'x/a: holds the element {urn:test}b, where the schema has {urn:u}b',
    );
  });
});

describe('a type that contains itself', () => {
  const tree = codec(
    `<xs:element name="x" type="t:T"/><xs:complexType name="T">${sequence(element('v'), '<xs:element name="t" type="t:T" minOccurs="0" maxOccurs="unbounded"/>')}</xs:complexType>`,
  );
  const deep = (depth: number): string => '<v>1</v><t>'.repeat(depth) + '<v>1</v>' + '</t>'.repeat(depth);

  test('goes as deep as the message does', () => {
    const value = decoded(tree, deep(3));
    expect(value).toBe('{"v":1,"t":[{"v":1,"t":[{"v":1,"t":[{"v":1,"t":[]}]}]}]}');
    expect(encoded(tree, value)).toBe(deep(3));
  });

  test('but not for ever', () => {
    // The reader keeps what it must, and its caller sees to the depth.
    expect(decoded(tree, deep(100))).not.toContain('x: ');
    let value: Json = new Map([['v', 1]]);
    for (let depth = 0; depth < 300; depth += 1)
      value = new Map<string, Json>([
        ['v', 1],
        ['t', [value]],
      ]);
    expect(tree.encode(value)).toMatchObject({ kind: 'invalid', because: 'is nested more than 250 deep' });
  });
});

describe('the body of a message', () => {
  const order = complex(sequence(element('a')));
  const read = (text: string): ReturnType<typeof readLetter> =>
    readLetter(text, { limits: LIMITS, input: order, understood: new Set() });
  const envelope = (body: string, header = ''): string =>
    `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="${TNS}">${header}<s:Body>${body}</s:Body></s:Envelope>`;

  test('is found behind a header that looks like one', () => {
    const header = '<s:Header><h><s:Body><t:x><a>9</a></t:x></s:Body></h></s:Header>';
    expect(read(envelope('\n <t:x><a>1</a></t:x> ', header))).toMatchObject({ kind: 'letter', input: json('{"a":1}') });
  });

  test.each([
    ['another element', envelope('<t:y/>'), 'x: is the element {urn:test}y, not {urn:test}x'],
    ['a wrong one', envelope('<t:x><a>one</a></t:x>'), 'x/a: is not an xsd:int'],
    ['none', envelope(''), 'The Body is empty'],
    ['two', envelope('<t:x><a>1</a></t:x><t:x><a>1</a></t:x>'), 'The Body has more than one child'],
    ['one that ends too early', envelope('<t:x><a>1</a>').replace('</s:Body>', ''), 'not well-formed XML'],
    ['a DOCTYPE', envelope('<t:x/>').replace('?>', '?><!DOCTYPE s:Envelope []>'), 'must not contain a DOCTYPE'],
    ['an unbound prefix', envelope('<q:x/>'), 'unbound namespace prefix: q'],
    [
      'more depth than there is',
      envelope(`<t:x>${'<a>'.repeat(300)}${'</a>'.repeat(300)}</t:x>`),
      'nested more than 256 deep',
    ],
  ])('with %s is refused', (_what, text, reason) => {
    expect(read(text)).toMatchObject({ kind: 'refused', refusal: { reason: expect.stringContaining(reason) } });
  });
});

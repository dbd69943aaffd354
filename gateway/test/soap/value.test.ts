import { describe, expect, test } from 'vitest';
import { codec, decoded, encoded, simple } from './codecs.ts';

describe('a number in XML is the same number in JSON, digit by digit', () => {
  test.each([
    ['xs:decimal', '12.50', '12.50'],
    ['xs:decimal', ' +012.5 ', '12.5'],
    ['xs:decimal', '.5', '0.5'],
    ['xs:decimal', '-5.', '-5'],
    ['xs:decimal', '-0.0', '0.0'],
    ['xs:decimal', '1234567890123456789.0123456789012345678', '1234567890123456789.0123456789012345678'],
    ['xs:integer', '00', '0'],
    ['xs:integer', '-0', '0'],
    ['xs:long', '9223372036854775807', '9223372036854775807'],
    ['xs:long', '-9223372036854775808', '-9223372036854775808'],
    ['xs:int', '+2147483647', '2147483647'],
    ['xs:unsignedLong', '18446744073709551615', '18446744073709551615'],
    ['xs:double', '1.5E+03', '1.5e+03'],
    ['xs:double', '-0', '-0'],
    ['xs:double', '.1e-5', '0.1e-5'],
    ['xs:double', '1', '1'],
    ['xs:float', 'INF', '"INF"'],
    ['xs:float', '-INF', '"-INF"'],
    ['xs:double', 'NaN', '"NaN"'],
  ])('%s %s is %s', (type, text, value) => {
    expect(decoded(simple(type), text)).toBe(value);
  });

  test.each([
    ['xs:decimal', ['', '.', '+', '1e3', '1,5', '0x1', 'INF', '1 2', '--1', '٣']],
    ['xs:integer', ['1.0', '1.', '']],
    ['xs:int', ['2147483648', '-2147483649', '99999999999999999999']],
    ['xs:long', ['9223372036854775808', '-9223372036854775809']],
    ['xs:byte', ['128', '-129']],
    ['xs:unsignedByte', ['256', '-1']],
    ['xs:unsignedLong', ['18446744073709551616']],
    ['xs:positiveInteger', ['0']],
    ['xs:negativeInteger', ['0']],
    ['xs:nonPositiveInteger', ['1']],
    ['xs:double', ['+INF', 'inf', 'Infinity', '1e', 'e1', '']],
  ])('%s refuses what is none of its forms', (type, texts) => {
    for (const text of texts) expect(decoded(simple(type), text)).toBe(`x: is not an ${type.replace('xs:', 'xsd:')}`);
  });
});

describe('a number in JSON is the same number in XML', () => {
  test.each([
    ['xs:decimal', '12.50', '12.50'],
    ['xs:decimal', '"605.00"', '605.00'],
    ['xs:decimal', '1.5e3', '1500'],
    ['xs:decimal', '15E-4', '0.0015'],
    ['xs:decimal', '-1e-2', '-0.01'],
    ['xs:decimal', '-0', '0'],
    ['xs:decimal', '9007199254740993', '9007199254740993'],
    ['xs:int', '5.0', '5'],
    ['xs:int', '1e3', '1000'],
    ['xs:int', '" +7 "', '7'],
    ['xs:long', '9223372036854775807', '9223372036854775807'],
    ['xs:double', '1.5e3', '1.5e3'],
    ['xs:double', '"INF"', 'INF'],
    ['xs:float', '0.1', '0.1'],
    ['xs:boolean', 'true', 'true'],
    ['xs:boolean', '"0"', 'false'],
    ['xs:string', '42', '42'],
    ['xs:string', '1.50', '1.50'],
    ['xs:string', 'true', 'true'],
  ])('%s %s is %s', (type, text, xml) => {
    expect(encoded(simple(type), text)).toBe(xml);
  });

  test.each([
    ['xs:int', ['2147483648', '1.5', '"1.0"', '"1e3"', 'true', '"x"', '""', '{}', '[1]']],
    ['xs:decimal', ['"1e3"', '1e99999', '1e-99999', '1e999999999999', 'false']],
    ['xs:boolean', ['1', '"yes"', '"TRUE"']],
    ['xs:double', ['"x"', 'true', '"Infinity"']],
    ['xs:dateTime', ['20261124', 'true', '"2026-11-24"', '"2026-11-24 10:00:00"']],
  ])('%s refuses what is none of its values', (type, texts) => {
    for (const text of texts) expect(encoded(simple(type), text)).toBe(`x: is not an ${type.replace('xs:', 'xsd:')}`);
  });

  test('objects and lists are no texts', () => {
    for (const text of ['{}', '[]', '{"#text":"a"}'])
      expect(encoded(simple('xs:string'), text)).toBe('x: is not an xsd:string');
    expect(encoded(simple('xs:string'), 'null')).toBe('x: is null, which is not allowed here');
  });
});

describe('dates and times stay as they are written, and must be some', () => {
  test.each([
    [
      'xs:dateTime',
      [
        '2026-11-24T10:00:00',
        '2026-11-24T10:00:00Z',
        '2026-11-24T10:00:00.123456789+14:00',
        '2024-02-29T24:00:00',
        '-0044-03-15T12:00:00-05:30',
        '12026-01-01T00:00:00',
      ],
    ],
    ['xs:date', ['2026-11-24', '2026-11-24Z', '2000-02-29+02:00']],
    ['xs:time', ['23:59:59.999', '24:00:00', '00:00:00Z']],
    ['xs:gYear', ['2026', '-0001', '12345Z']],
    ['xs:gYearMonth', ['2026-11']],
    ['xs:gMonthDay', ['--02-29', '--12-31Z']],
    ['xs:gDay', ['---31']],
    ['xs:gMonth', ['--12']],
    ['xs:duration', ['P1Y', '-P1Y2M3DT4H5M6.7S', 'PT0.5S', 'P0D']],
  ])('%s', (type, texts) => {
    for (const text of texts) {
      expect(decoded(simple(type), `\n ${text}\t`)).toBe(JSON.stringify(text));
      expect(encoded(simple(type), JSON.stringify(text))).toBe(text);
    }
  });

  test.each([
    [
      'xs:dateTime',
      [
        '2026-02-29T10:00:00',
        '2026-13-01T00:00:00',
        '2026-11-31T00:00:00',
        '2026-11-24T24:00:01',
        '2026-11-24T10:60:00',
        '2026-11-24T10:00:60',
        '0000-01-01T00:00:00',
        '026-01-01T00:00:00',
        '02026-01-01T00:00:00',
        '2026-11-24T10:00:00+14:01',
        '2026-11-24t10:00:00z',
        '2026-11-24T10:00',
        '1900-02-29T00:00:00',
      ],
    ],
    ['xs:date', ['2026-11-24T00:00:00', '2026-1-1', '2026-00-10', '2026-01-00']],
    ['xs:time', ['24:00:01', '10:00', '1:00:00']],
    ['xs:gMonthDay', ['--02-30', '-02-29']],
    ['xs:gYear', ['0000', '26']],
    ['xs:duration', ['P', 'PT', 'P1Y2', '1Y', 'P1.5D', 'PT1.S', 'P1S', 'P-1D']],
  ])('%s refuses others', (type, texts) => {
    for (const text of texts) {
      expect(decoded(simple(type), text)).toBe(`x: is not an ${type.replace('xs:', 'xsd:')}`);
      expect(encoded(simple(type), JSON.stringify(text))).toBe(`x: is not an ${type.replace('xs:', 'xsd:')}`);
    }
  });
});

describe('texts', () => {
  test('keep what the white space facet keeps', () => {
    const text = '\t a \n b  ';
    const [string, replaced, token] = [simple('xs:string'), simple('xs:normalizedString'), simple('xs:token')];
    expect([string, replaced, token].map((one) => decoded(one, text))).toEqual([
      '"\\t a \\n b  "',
      '"  a   b  "',
      '"a b"',
    ]);
    expect([string, replaced, token].map((one) => encoded(one, JSON.stringify(text)))).toEqual([
      text,
      '  a   b  ',
      'a b',
    ]);
    // A no-break space is no white space to XML.
    expect(decoded(token, '\u00a0a\u00a0')).toBe('"\u00a0a\u00a0"');
  });

  test('are exact, through CDATA, references and markup', () => {
    const text = 'a<b>&"\'\r\n]]>\t\u0085\u2028é😀';
    const string = simple('xs:string');
    const xml = encoded(string, JSON.stringify(text));
    expect(xml).toBe('a&lt;b&gt;&amp;"\'&#13;\n]]&gt;\t\u0085\u2028é😀');
    expect(decoded(string, xml)).toBe(JSON.stringify(text));
    expect(decoded(string, 'a<![CDATA[<b>]]>&amp;<!-- c --><?p i?>&#x64;')).toBe('"a<b>&d"');
  });

  test('that XML 1.0 cannot write are refused, not changed', () => {
    for (const text of ['\u0000', '\u001b', '\ufffe', '\ud800', 'a\udc00b'])
      expect(encoded(simple('xs:string'), JSON.stringify(text))).toBe('x: has a character that XML 1.0 cannot write');
  });

  test.each([
    ['xs:language', 'en-GB', ['', 'e n', 'englishes1']],
    ['xs:NMTOKEN', '1.a:b-', ['', 'a b', 'a/b']],
    ['xs:Name', 'a:b', ['1a', '']],
    ['xs:NCName', '_é.1', ['a:b', '-a']],
    ['xs:ID', 'a1', ['1']],
    ['xs:hexBinary', '0aFF', ['0', 'gg', '0 a']],
    ['xs:base64Binary', 'AQID', ['A', 'AQ=', 'AB==', 'AQI*']],
    ['xs:QName', '{urn:test}a', ['a:', '1', '{urn:a}', '']],
  ])('%s', (type, right, wrong) => {
    const one = simple(type);
    const xml = encoded(one, JSON.stringify(right));
    expect(decoded(one, xml.replace('n0:', 't:'))).toBe(JSON.stringify(right));
    for (const text of wrong)
      expect(encoded(one, JSON.stringify(text))).toBe(`x: is not an ${type.replace('xs:', 'xsd:')}`);
  });

  test('base64 loses its line breaks, and anyURI only the white space around it', () => {
    expect(decoded(simple('xs:base64Binary'), '\n AQID\r\n BA== ')).toBe('"AQIDBA=="');
    expect(decoded(simple('xs:anyURI'), ' http://a/b c ')).toBe('"http://a/b c"');
  });

  test('a QName is its namespace and local name, whatever the prefix', () => {
    const names = simple('xs:QName');
    expect(decoded(names, 'q:a', 'xmlns:q="urn:q"')).toBe('"{urn:q}a"');
    expect(decoded(names, 'a', 'xmlns="urn:d"')).toBe('"{urn:d}a"');
    expect(decoded(names, 'a')).toBe('"a"');
    expect(decoded(names, 'q:a')).toBe('x: is not an xsd:QName');
    const made = names.encode('{urn:q}a');
    expect(made).toEqual({ kind: 'xml', text: '<n0:x xmlns:n0="urn:test" xmlns:q0="urn:q">q0:a</n0:x>' });
  });
});

describe('facets', () => {
  test.each([
    ['xs:string', '<xs:length value="2"/>', ['ab', '😀é'], ['a', 'abc'], /is (shorter|longer) than 2/],
    [
      'xs:string',
      '<xs:minLength value="1"/><xs:maxLength value="2"/>',
      ['a', 'ab'],
      ['', 'abc'],
      /is (shorter|longer) than/,
    ],
    ['xs:hexBinary', '<xs:length value="2"/>', ['0102'], ['01'], /shorter than 2/],
    ['xs:base64Binary', '<xs:maxLength value="1"/>', ['AQ=='], ['AQI='], /longer than 1/],
    [
      'xs:decimal',
      '<xs:totalDigits value="4"/><xs:fractionDigits value="2"/>',
      ['12.34', '0012.3400', '0', '.12'],
      ['123.45', '1.234', '12345'],
      /has more than/,
    ],
    [
      'xs:decimal',
      '<xs:minInclusive value="1"/><xs:maxExclusive value="10.5"/>',
      ['1', '10.4999999999999999999'],
      ['0.99', '10.50'],
      /is less than 1|is not less than 10.5/,
    ],
    [
      'xs:int',
      '<xs:minExclusive value="1"/><xs:maxInclusive value="3"/>',
      ['2', '3'],
      ['1', '4'],
      /is not more than 1|is more than 3/,
    ],
    ['xs:double', '<xs:maxInclusive value="1e3"/>', ['1000', '-INF'], ['1000.5', 'INF', 'NaN'], /is more than 1e3/],
    [
      'xs:string',
      '<xs:enumeration value="A"/><xs:enumeration value="b c"/>',
      ['A', 'b c'],
      ['a', ' A', ''],
      /not one of the values/,
    ],
    [
      'xs:decimal',
      '<xs:enumeration value="1.0"/><xs:enumeration value="2"/>',
      ['1', '2.00'],
      ['1.1'],
      /not one of the values/,
    ],
    ['xs:token', '<xs:enumeration value=" A "/>', ['A', '  A'], ['B'], /not one of the values/],
  ])('%s with %s', (base, facets, ...[right, wrong, because]) => {
    const one = simple(base, facets);
    for (const text of right) {
      expect(decoded(one, text)).not.toContain('x: ');
      expect(encoded(one, JSON.stringify(text))).not.toContain('x: ');
    }
    for (const text of wrong) {
      expect(decoded(one, text)).toMatch(because);
      expect(encoded(one, JSON.stringify(text))).toMatch(because);
    }
  });

  test('zeros that say nothing are cut where the type has no room for them', () => {
    const money = simple('xs:decimal', '<xs:fractionDigits value="2"/>');
    expect(['12.5000', '12.50', '12.00000', '"7.000"'].map((text) => encoded(money, text))).toEqual([
      '12.5',
      '12.50',
      '12',
      '7',
    ]);
    expect(encoded(money, '12.505')).toBe('x: has more than 2 digits behind the point');
  });

  test('that mean nothing make the schema unusable', () => {
    expect(() => simple('xs:int', '<xs:enumeration value="one"/>')).toThrow(
      'the value "one" of an enumeration is not an xsd:int',
    );
    expect(() => simple('xs:int', '<xs:minInclusive value="a"/>')).toThrow('the bound "a"');
    expect(() => simple('xs:int', '<xs:length value="-1"/>')).toThrow('must be a number');
  });
});

describe('lists and unions', () => {
  const list = codec(
    '<xs:element name="x"><xs:simpleType><xs:restriction base="t:L"><xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:element><xs:simpleType name="L"><xs:list itemType="xs:decimal"/></xs:simpleType>',
  );
  test('a list is a list, also of one and of none', () => {
    expect(['1 2.50\n 3', ' 7 ', ''].map((text) => decoded(list, text))).toEqual(['[1,2.50,3]', '[7]', '[]']);
    expect(['[1,2.50]', '[]'].map((text) => encoded(list, text))).toEqual([
      '1 2.50',
      '<x/>'.replace('x', 'n0:x').replace('n0:', ''),
    ]);
    expect(decoded(list, '1 a')).toBe('x: is not an xsd:decimal');
    expect(decoded(list, '1 2 3 4')).toBe('x: is longer than 3');
    expect(encoded(list, '"1 2"')).toBe('x: is not a list');
  });

  test('an item with blanks in it would be two', () => {
    const words = codec(
      '<xs:element name="x" type="t:L"/><xs:simpleType name="L"><xs:list itemType="xs:string"/></xs:simpleType>',
    );
    expect(encoded(words, '["a","b c"]')).toContain('has an item that is empty or has blanks');
    expect(encoded(words, '[""]')).toContain('has an item that is empty or has blanks');
    expect(encoded(words, '["a","b"]')).toBe('a b');
  });

  test('the built-in lists are not empty', () => {
    expect(decoded(simple('xs:NMTOKENS'), 'a b')).toBe('["a","b"]');
    expect(decoded(simple('xs:NMTOKENS'), ' ')).toBe('x: is shorter than 1');
  });

  test('the first member of a union that takes a value is its type', () => {
    const either = codec(
      '<xs:element name="x" type="t:U"/><xs:simpleType name="U"><xs:union memberTypes="xs:int xs:boolean"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="none"/></xs:restriction></xs:simpleType></xs:union></xs:simpleType>',
    );
    expect(['1', 'true', 'none'].map((text) => decoded(either, text))).toEqual(['1', 'true', '"none"']);
    expect(['1', 'true', '"none"', '"5"'].map((text) => encoded(either, text))).toEqual(['1', 'true', 'none', '5']);
    expect(decoded(either, 'other')).toBe('x: is of none of the types that the schema allows');
    expect(encoded(either, '1.5')).toBe('x: is of none of the types that the schema allows');
  });
});

describe('what is sent to do harm costs no more than its length', () => {
  const LONG = 2_000_000;
  test.each([
    ['xs:token', ' '.repeat(LONG)],
    ['xs:token', 'a '.repeat(LONG / 2)],
    ['xs:decimal', '1'.repeat(LONG)],
    ['xs:decimal', `${'1'.repeat(LONG)}x`],
    ['xs:double', `1e${'9'.repeat(LONG)}`],
    ['xs:double', `${'1'.repeat(LONG)}x`],
    ['xs:duration', `P${'1'.repeat(LONG)}`],
    ['xs:dateTime', `${'2'.repeat(LONG)}-`],
    ['xs:base64Binary', 'A'.repeat(LONG + 1)],
    ['xs:base64Binary', `${'A'.repeat(LONG - 1)}*`],
    ['xs:hexBinary', `${'0'.repeat(LONG - 1)}g`],
    ['xs:language', 'a-'.repeat(LONG / 2)],
    ['xs:NMTOKEN', `${'a'.repeat(LONG)} `],
    ['xs:NCName', `${'a'.repeat(LONG)}:`],
    ['xs:NMTOKENS', 'a '.repeat(LONG / 2)],
    ['xs:QName', `${'a'.repeat(LONG)}:${'a'.repeat(LONG)}`],
  ])('%s (%#)', (type, text) => {
    const one = simple(type);
    // Ten times the length of anything real; a square of it would not end.
    expect(decoded(one, text).length).toBeLessThan(LONG * 4);
    expect(encoded(one, JSON.stringify(text)).length).toBeLessThan(LONG * 4);
  });

  test('a number of absurd length or size is refused both ways', () => {
    expect(decoded(simple('xs:decimal'), '1'.repeat(2000))).toBe('x: is not an xsd:decimal');
    expect(encoded(simple('xs:decimal'), '1'.repeat(2000))).toBe('x: is not an xsd:decimal');
    expect(decoded(simple('xs:double'), '1e99999')).toBe('x: is not an xsd:double');
    expect(encoded(simple('xs:double'), '1e99999')).toBe('x: is not an xsd:double');
    expect(decoded(simple('xs:double'), '1e0400')).toBe('1e0400');
  });
});

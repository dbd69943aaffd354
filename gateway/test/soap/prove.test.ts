import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parameter, expandTarget, parseTarget } from '@banyan/gateway/core/soap/target';
import { readRouting } from '@banyan/gateway/routing';
import { servicesOf } from '@banyan/gateway/soap';
import { BadBridges } from '@banyan/gateway/soap/prove';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ask, front, saying, upstream, type Front, type Handler, type Upstream } from '../front.ts';
import { SOAP11, SOAP12 } from './samples.ts';

// What `check` proves of a bridge, and what a bridge does with a service whose schema has more than ReeferDesk's.

const SCHEMA = `
<x:simpleType name="Kind"><x:restriction base="x:string"><x:enumeration value="BIG"/><x:enumeration value="SMALL"/></x:restriction></x:simpleType>
<x:simpleType name="Twin"><x:restriction base="x:string"><x:enumeration value="a"/><x:enumeration value="A"/></x:restriction></x:simpleType>
<x:complexType name="Part"><x:sequence><x:element name="id" type="x:long"/><x:element name="kind" type="t:Kind"/><x:element name="part" type="t:Part" minOccurs="0"/></x:sequence></x:complexType>
<x:element name="Find"><x:complexType><x:sequence>
  <x:element name="id" type="x:string"/><x:element name="tags" type="x:string" minOccurs="0" maxOccurs="unbounded"/>
  <x:element name="kind" type="t:Kind" minOccurs="0" nillable="true"/><x:element name="part" type="t:Part" minOccurs="0"/>
  <x:element name="twin" type="t:Twin" minOccurs="0"/><x:element name="at" type="x:dateTime" minOccurs="0"/>
</x:sequence></x:complexType></x:element>
<x:element name="Found"><x:complexType><x:sequence>
  <x:element name="part" type="t:Part" maxOccurs="unbounded"/><x:element name="total" type="x:decimal"/><x:element name="note" type="x:string" minOccurs="0"/>
</x:sequence></x:complexType></x:element>
<x:element name="Tell"><x:complexType><x:sequence><x:element name="part" type="t:Part"/></x:sequence></x:complexType></x:element>
<x:element name="Missing"><x:complexType><x:sequence><x:element name="id" type="x:string"/></x:sequence></x:complexType></x:element>`;

const WSDL = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">
<w:types><x:schema targetNamespace="urn:t" elementFormDefault="qualified">${SCHEMA}</x:schema></w:types>
${['Find', 'Found', 'Tell', 'Missing'].map((name) => `<w:message name="${name}"><w:part name="p" element="t:${name}"/></w:message>`).join('')}
<w:portType name="P"><w:operation name="Find"><w:input message="t:Find"/><w:output message="t:Found"/><w:fault name="Missing" message="t:Missing"/></w:operation><w:operation name="Tell"><w:input message="t:Tell"/></w:operation></w:portType>
<w:binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>${['Find', 'Tell'].map((name) => `<w:operation name="${name}"><s:operation soapAction="urn:${name}"/><w:input><s:body use="literal"/></w:input></w:operation>`).join('')}</w:binding>
<w:service name="S"><w:port name="p" binding="t:B"><s:address location="http://a/"/></w:port></w:service></w:definitions>`;

async function wsdl(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-prove-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'parts.wsdl');
  await writeFile(file, WSDL);
  return file;
}

const indented = (text: string): string => text.replaceAll(/^/gm, '      ');

const yaml = (
  file: string,
  successor: string,
  { legacy = 'http://127.0.0.1:1', orders = 'http://127.0.0.1:2', operation = 'Find', effect = 'read' } = {},
): string =>
  `version: 1
upstreams: { legacy: "${legacy}", orders: "${orders}" }
default: legacy
wsdls: { /s: { file: "${file}" } }
routes:
  a:
    match: SOAP /s ${operation}
    effect: ${effect}
    stage: new
    new:
      upstream: orders
${indented(successor)}
`;

async function problemsOf(successor: string, operation = 'Find'): Promise<readonly string[]> {
  const loaded = readRouting(yaml(await wsdl(), successor, { operation }), {}, '2026-01-01');
  if (loaded.kind === 'rejected') throw new Error(JSON.stringify(loaded.problems));
  try {
    await servicesOf(loaded.table);
    return [];
  } catch (error) {
    if (!(error instanceof BadBridges)) throw error;
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
  }
}

const POST = 'rest: POST /a/{id}\n';

describe('a bridge is proven against the schema', () => {
  test.each([
    [
      'a value that the input lacks',
      'rest: POST /a/{ident}',
      '12:13 routes.a.new.rest: "{ident}" is not in the input, which has id, tags, kind, part, twin, at',
    ],
    [
      'a list in a path',
      'rest: POST /a/{tags}',
      '12:13 routes.a.new.rest: "{tags}" is a list, and only one value can stand here',
    ],
    ['elements in a path', 'rest: POST /a/{part}', '12:13 routes.a.new.rest: "{part}" holds elements'],
    [
      'elements in a query',
      'rest: GET /a/{id}',
      '12:13 routes.a.new.rest: "part" holds elements, and a query has values only',
    ],
    [
      'an input that goes nowhere',
      'rest: { method: GET, path: "/a/{id}", query: { k: $.kind, t: $.tags, p: $.part.id } }',
      '12:13 routes.a.new.rest: "part.kind" of the input goes nowhere',
    ],
    [
      'a body where there is none',
      'rest: { method: DELETE, path: "/a/{id}", body: $.part, drop: [tags, kind, twin, at] }',
      '12:54 routes.a.new.rest.body: DELETE has no body',
    ],
    [
      'a part of what goes on as a whole',
      'rest: { method: POST, path: "/a/{id}", drop: [part.id] }',
      '12:52 routes.a.new.rest.drop: "part.id" is a part of "part"',
    ],
    [
      'an output that is not there',
      `${POST}response: order`,
      '13:17 routes.a.new.response: "order" is not in the output: expected one of part, total, note',
    ],
    [
      'a required element without a source',
      `${POST}response: part`,
      '13:17 routes.a.new.response: "total" must be in the output and has no source',
    ],
    [
      'the same, in a map',
      `${POST}response: { 200: { total: $.t } }`,
      '13:24 routes.a.new.response.200: "part" must be in the output',
    ],
    [
      'an input that an answer is made of, and is not there',
      `${POST}response: { 200: { part: $.p, total: input.size } }`,
      '13:44 routes.a.new.response.200.total: "input.size" is not in the input',
    ],
    [
      'a fault that is not declared',
      `${POST}faults: { 404: Lost }`,
      '13:22 routes.a.new.faults.404: Find has no fault "Lost": expected one of Missing',
    ],
    [
      'a field that a fault lacks',
      `${POST}faults: { 404: { detail: Missing, map: { name: $.x } } }`,
      '13:54 routes.a.new.faults.404.map.name: "name" is not in Missing',
    ],
    [
      'a type that is not there',
      `${POST}values: { Colour: lower case }`,
      '13:25 routes.a.new.values.Colour: no message of the operation has this',
    ],
    [
      'a field that is not there',
      `${POST}rename: { Part.colour: color }`,
      '13:30 routes.a.new.rename.Part.colour: no message of the operation has this',
    ],
    [
      'two fields at one place',
      `${POST}rename: { Part.id: kind.code }`,
      '13:26 routes.a.new.rename.Part.id: "kind" stands at kind as well',
    ],
    [
      'words of no enumeration',
      `${POST}values: { Part.id: lower case }`,
      '13:26 routes.a.new.values.Part.id: "lower case" is for enumerations',
    ],
    [
      'words that differ in case alone',
      `${POST}values: { Twin: lower case }`,
      '13:23 routes.a.new.values.Twin: "a" and "A" of Twin differ in case alone',
    ],
    [
      'a word that is none',
      `${POST}values: { Kind: { HUGE: h } }`,
      '13:23 routes.a.new.values.Kind: "HUGE" is not a word of Kind',
    ],
    [
      'a time that is none',
      `${POST}values: { Kind: utc without zone }`,
      '13:23 routes.a.new.values.Kind: times are of type dateTime',
    ],
    [
      'a value that holds elements',
      `${POST}values: { Find.part: json }`,
      '13:28 routes.a.new.values.Find.part: it holds elements',
    ],
  ])('%s', async (_name, successor, expected) => {
    expect(await problemsOf(successor)).toContainEqual(expect.stringContaining(expected));
  });

  test('everything is told at once, in the order of the file', async () => {
    const found = await problemsOf('rest: POST /a/{x}\nresponse: part\nvalues: { Nope: json }\nfaults: { 404: Lost }');
    expect(found.map((problem) => problem.split(':')[0])).toEqual(['12', '13', '14', '15']);
  });

  test('a one-way operation has no response', async () => {
    expect(await problemsOf('rest: POST /a\nresponse: part', 'Tell')).toEqual([
      expect.stringContaining('13:17 routes.a.new.response: Tell is one-way'),
    ]);
    expect(await problemsOf('rest: POST /a', 'Tell')).toEqual([]);
  });
});

const FOUND = '{"part":[{"id":9007199254740993,"kind":"big"}],"total":"1234567890123456.789","note":"n"}';

interface World {
  readonly gate: Front;
  readonly orders: Upstream;
  readonly bodies: string[];
}

async function world(successor: string, answer: { status?: number; body?: string } = {}, more = {}): Promise<World> {
  const bodies: string[] = [];
  const handler: Handler = (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.once('end', () => {
      bodies.push(Buffer.concat(chunks).toString());
      res.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
      res.end(answer.body ?? FOUND);
    });
  };
  const legacy = await upstream(saying('legacy'));
  const orders = await upstream(handler);
  return {
    bodies,
    orders,
    gate: await front(yaml(await wsdl(), successor, { legacy: legacy.url, orders: orders.url, ...more })),
  };
}

async function call(
  gate: Front,
  name: string,
  inside: string,
  { header = '', namespace = SOAP11 } = {},
): Promise<{ status: number; text: string; served: string }> {
  const head = header === '' ? '' : `<s:Header>${header}</s:Header>`;
  const body = `<s:Envelope xmlns:s="${namespace}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">${head}<s:Body><t:${name} xmlns:t="urn:t">${inside}</t:${name}></s:Body></s:Envelope>`;
  const type = namespace === SOAP11 ? 'text/xml' : 'application/soap+xml';
  const answer = await ask(`${gate.url}/s`, { method: 'POST', body, headers: { 'content-type': type } });
  return { status: answer.status, text: answer.body.toString(), served: String(answer.headers['banyan-served-by']) };
}

const QUERY =
  'rest: { method: GET, path: "/a/{id}", drop: [part], query: { tag: $.tags, kind: $.kind, w: $.twin, at: $.at } }\nvalues: { Kind: { BIG: big, SMALL: "2" } }';

describe('a bridged call', () => {
  test('loses no digit, and writes lists and words as they are declared', async () => {
    const { gate, orders } = await world(QUERY);
    const { status, text } = await call(
      gate,
      'Find',
      '<t:id>1</t:id><t:tags>a b</t:tags><t:tags>&amp;c</t:tags><t:kind>SMALL</t:kind>',
    );
    expect(status).toBe(200);
    expect(text).toMatch(
      /<part><id>9007199254740993<\/id><kind>BIG<\/kind><\/part><total>1234567890123456\.789<\/total>/,
    );
    expect(orders.seen[0]?.url).toBe('/a/1?tag=a%20b&tag=%26c&kind=2');
    await call(gate, 'Find', '<t:id>1</t:id><t:kind xsi:nil="true"/>');
    expect(orders.seen[1]?.url).toBe('/a/1');
  });

  test('of a one-way operation is answered 202 without a body once the service has taken it, and with a fault otherwise', async () => {
    const inside = '<t:part><t:id>9007199254740993</t:id><t:kind>BIG</t:kind></t:part>';
    const one = await world('rest: POST /tell', { status: 204, body: '' }, { operation: 'Tell', effect: 'write' });
    expect(await call(one.gate, 'Tell', inside)).toEqual({ status: 202, text: '', served: 'new' });
    expect(one.bodies).toEqual(['{"part":{"id":9007199254740993,"kind":"BIG"}}']);
    const two = await world('rest: POST /tell', { status: 400 }, { operation: 'Tell', effect: 'write' });
    expect(await call(two.gate, 'Tell', inside)).toMatchObject({
      status: 500,
      text: expect.stringContaining('GW_BRIDGE_STATUS'),
    });
  });

  test.each([
    ['1.1', SOAP11, 's:mustUnderstand="1"', /<faultcode>soap:MustUnderstand<\/faultcode>.*GW_BRIDGE_HEADER/],
    [
      '1.2',
      SOAP12,
      's:mustUnderstand="true"',
      /<soap:Header><soap:NotUnderstood qname="n:Sign" xmlns:n="urn:h"\/><\/soap:Header>.*<soap:Value>soap:MustUnderstand</,
    ],
    [
      '1.1, for the next node',
      SOAP11,
      's:mustUnderstand="1" s:actor="http://schemas.xmlsoap.org/soap/actor/next"',
      /MustUnderstand/,
    ],
  ])('with a block that must be understood is refused (SOAP %s)', async (_name, namespace, attributes, expected) => {
    const { gate, orders } = await world(QUERY);
    const { status, text } = await call(gate, 'Find', '<t:id>1</t:id>', {
      header: `<h:Sign xmlns:h="urn:h" ${attributes}/>`,
      namespace,
    });
    expect([status, text]).toEqual([500, expect.stringMatching(expected)]);
    expect(orders.seen).toEqual([]);
  });

  test.each([
    ['need not be understood', 's:mustUnderstand="0"'],
    ['is for somebody else', 's:mustUnderstand="1" s:actor="urn:other"'],
  ])('with a block that %s is served', async (_name, attributes) => {
    const { gate } = await world(QUERY);
    expect(
      (await call(gate, 'Find', '<t:id>1</t:id>', { header: `<h:Sign xmlns:h="urn:h" ${attributes}/>` })).status,
    ).toBe(200);
  });

  test.each([
    ['a line break', 'a&#13;&#10;x-evil: 1'],
    ['a character that is not ASCII', 'Ænne'],
    ['elements', '<h:b/>'],
    ['more than fits', 'x'.repeat(5000)],
  ])('with %s for a header field is refused', async (_name, text) => {
    const { gate, orders } = await world(
      `${QUERY.replace('drop:', 'headers: { x-user: "header:{urn:h}User" }, drop:')}`,
    );
    const said = await call(gate, 'Find', '<t:id>1</t:id>', { header: `<h:User xmlns:h="urn:h">${text}</h:User>` });
    expect([said.status, said.text]).toEqual([500, expect.stringContaining('GW_BRIDGE_INPUT')]);
    expect(orders.seen).toEqual([]);
  });

  test.each([
    ['an element of no schema', '<t:id>1</t:id><t:evil/>'],
    ['elements in another order', '<t:tags>a</t:tags><t:id>1</t:id>'],
    ['a word that is none', '<t:id>1</t:id><t:kind>HUGE</t:kind>'],
    [
      'a part deeper than a message may be',
      `<t:id>1</t:id>${'<t:part><t:id>1</t:id><t:kind>BIG</t:kind>'.repeat(300)}${'</t:part>'.repeat(300)}`,
    ],
    ['dots for a path', '<t:id>..</t:id>'],
    ['dots between slashes', '<t:id>a/../../admin</t:id>'],
    ['nothing for a path', '<t:id/>'],
  ])('with %s is a Client fault, and nothing is sent', async (_name, inside) => {
    const { gate, orders } = await world(QUERY);
    const { status, text } = await call(gate, 'Find', inside);
    expect([status, text]).toEqual([500, expect.stringMatching(/<faultcode>soap:Client<\/faultcode>/)]);
    expect(orders.seen).toEqual([]);
  });

  test('makes nothing of what looks like a template, a header, or a name of JavaScript', async () => {
    const { gate, orders } = await world(QUERY);
    for (const id of ['{id}', 'a?b=c#d', '%2e%2e', 'a;b=c', '__proto__', 'http://evil/', 'a\tb', '😀'])
      await call(gate, 'Find', `<t:id>${id}</t:id>`);
    expect(orders.seen.map(({ url }) => url)).toEqual([
      '/a/%7Bid%7D',
      '/a/a%3Fb%3Dc%23d',
      '/a/%252e%252e',
      '/a/a%3Bb%3Dc',
      '/a/__proto__',
      '/a/http%3A%2F%2Fevil%2F',
      '/a/a%09b',
      '/a/%F0%9F%98%80',
    ]);
    const polluted = await world(QUERY, { body: `{"__proto__":{"admin":1},"constructor":1,${FOUND.slice(1)}` });
    expect((await call(polluted.gate, 'Find', '<t:id>1</t:id>')).status).toBe(200);
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });
});

describe('a path', () => {
  const target = parseTarget('GET /a/{x}/b/{y}z');
  if (target.kind === 'wrong') throw new Error(target.because);

  const FLAWED = /^$|(?:^|[/\\])\.{1,2}(?:[/\\]|$)/;

  test('holds any value in its own segment, or refuses it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (x, y) => {
        const expanded = expandTarget(target, (name) => (name === 'x' ? x : y));
        const refused = expanded.kind === 'refused';
        const flawed = [x, y].some((value) => !value.isWellFormed() || FLAWED.test(value));
        const { search, hash, pathname } = new URL(`http://h${refused ? '/' : expanded.path}`);
        const parts = pathname.slice(1).split('/').map(decodeURIComponent);
        expect({ refused, search, hash, parts }).toEqual({
          refused: flawed,
          search: '',
          hash: '',
          parts: flawed ? [''] : ['a', x, 'b', `${y}z`],
        });
      }),
    );
  });

  test('cannot be walked out of by two values that make dots', () => {
    const two = parseTarget('GET /a/{x}{y}/b');
    if (two.kind === 'wrong') throw new Error(two.because);
    expect(expandTarget(two, () => '.')).toMatchObject({ kind: 'refused' });
  });

  test('a parameter of the query is read back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (name, value) => {
        expect([...new URLSearchParams(parameter(name, value).replaceAll('+', '%2B'))]).toEqual([[name, value]]);
      }),
    );
  });
});

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { schemasOf, type Schemas } from '@banyan/gateway/core/soap/schema';
import { shapeOf } from '@banyan/gateway/core/soap/shape';
import { parseTree } from '@banyan/gateway/core/soap/tree';
import type { Complex, Field } from '@banyan/gateway/core/soap/type';
import { loadService } from '@banyan/gateway/soap/wsdl';
import { schemas, TNS } from './schemas.ts';

const wsdl = fileURLToPath(new URL('../../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));

function shape(of: Schemas, local: string, namespace: string = TNS): Field {
  const shaped = shapeOf(of, { namespace, local });
  if (shaped.kind === 'unusable') throw new Error(shaped.because);
  return shaped.shape;
}

function because(body: string, local = 'x'): string {
  const shaped = shapeOf(schemas(body), { namespace: TNS, local });
  return shaped.kind === 'unusable' ? shaped.because : 'a shape';
}

function complex({ type }: Field): Complex {
  if (type.kind !== 'complex') throw new Error('not a complex type');
  return type;
}

/** `a b? c* @d`, with namespaces left out. */
function outline(field: Field): string {
  return complex(field)
    .fields.map(({ key, min, max }) => key + (max > 1 ? (min > 0 ? '+' : '*') : min > 0 ? '' : '?'))
    .join(' ');
}

describe('the example service', () => {
  test('says what each operation takes, answers and fails with', async () => {
    const { operations } = await loadService('/soap/OrderService', wsdl);
    const NS = 'http://reeferdesk.example/orders/v1';
    const told = operations.map(({ name, output, faults }) => [name, output?.local, faults.map((fault) => fault.name)]);
    expect(told).toEqual([
      ['CreateOrder', 'CreateOrderResponse', ['InvalidOrder']],
      ['GetOrder', 'GetOrderResponse', ['OrderNotFound']],
      ['ListOrders', 'ListOrdersResponse', []],
      ['UpdateOrder', 'UpdateOrderResponse', ['OrderNotFound', 'InvalidOrder', 'InvalidState']],
      ['BookOrder', 'BookOrderResponse', expect.anything()],
      ['CancelOrder', 'CancelOrderResponse', expect.anything()],
    ]);
    expect(operations[1]?.faults[0]?.element).toEqual({ namespace: NS, local: 'OrderNotFound' });
  });

  test('has the shape of its order: types over two files and namespaces, lists, nil', async () => {
    const service = await loadService('/soap/OrderService', wsdl);
    const response = shape(service.schemas, 'GetOrderResponse', 'http://reeferdesk.example/orders/v1');
    const order = complex(response).fields[0];
    if (order === undefined) throw new Error('no order');
    expect(outline(order)).toBe(
      'orderId productId customerId quantity pickupAddress pickupDate destinationAddress expectedDeliveryDate status voyageId? ' +
        'containerIds* items* total currency tags* specialInstructions? terms? createdAt updatedAt',
    );
    const field = (key: string): Field | undefined => complex(order).fields.find((one) => one.key === key);
    expect(field('total')?.type).toMatchObject({ base: 'decimal', facets: { totalDigits: 12, fractionDigits: 2 } });
    expect(field('status')?.type).toMatchObject({
      base: 'string',
      facets: { enumeration: expect.arrayContaining(['SPOILT']) },
    });
    expect(field('voyageId')).toMatchObject({ nillable: true, min: 0, max: 1 });
    expect(field('pickupAddress')?.type).toMatchObject({
      name: { namespace: 'http://reeferdesk.example/types/v1', local: 'Address' },
    });
  });
});

describe('a schema', () => {
  test('gives local elements and attributes the namespace that their form says', () => {
    const body = `<xs:element name="x"><xs:complexType><xs:sequence>
      <xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int" form="unqualified"/>
      <xs:element ref="t:g"/></xs:sequence>
      <xs:attribute name="c"/><xs:attribute name="d" form="qualified"/></xs:complexType></xs:element>
      <xs:element name="g" type="xs:string"/>`;
    expect(complex(shape(schemas(body, 'qualified'), 'x')).fields.map(({ name }) => name.namespace)).toEqual([
      '',
      TNS,
      TNS,
      '',
      TNS,
    ]);
  });

  test('adds to a base, takes away from it, and replaces attributes', () => {
    const body = `<xs:complexType name="B"><xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence>
        <xs:attribute name="k" type="xs:int"/><xs:attribute name="l"/></xs:complexType>
      <xs:complexType name="E"><xs:complexContent><xs:extension base="t:B">
        <xs:choice minOccurs="0"><xs:element name="b" type="xs:int"/><xs:element name="c" type="xs:int" maxOccurs="3"/></xs:choice>
        <xs:attribute name="m" use="required"/></xs:extension></xs:complexContent></xs:complexType>
      <xs:complexType name="R"><xs:complexContent><xs:restriction base="t:B">
        <xs:sequence><xs:element name="a" type="xs:byte"/></xs:sequence>
        <xs:attribute name="k" use="required" type="xs:byte"/><xs:attribute name="l" use="prohibited"/>
        </xs:restriction></xs:complexContent></xs:complexType>
      <xs:element name="x" type="t:E"/><xs:element name="y" type="t:R"/>`;
    expect(outline(shape(schemas(body), 'x'))).toBe('@k? @l? @m a b? c*');
    expect(outline(shape(schemas(body), 'y'))).toBe('@k a');
  });

  test('may put text beside attributes; text alone is a simple type', () => {
    const body = `<xs:complexType name="M"><xs:simpleContent><xs:extension base="xs:decimal">
        <xs:attribute name="currency" use="required"/></xs:extension></xs:simpleContent></xs:complexType>
      <xs:complexType name="S"><xs:simpleContent><xs:restriction base="t:M"><xs:maxInclusive value="9"/>
        <xs:attribute name="currency" use="prohibited"/></xs:restriction></xs:simpleContent></xs:complexType>
      <xs:element name="x" type="t:M"/><xs:element name="y" type="t:S"/>`;
    expect(outline(shape(schemas(body), 'x'))).toBe('@currency #text');
    expect(shape(schemas(body), 'y').type).toMatchObject({
      kind: 'simple',
      base: 'decimal',
      facets: { maxInclusive: '9' },
    });
  });

  test('writes groups and attribute groups out, and counts a repeated group of one', () => {
    const body = `<xs:group name="G"><xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:sequence></xs:group>
      <xs:attributeGroup name="A"><xs:attribute name="k"/><xs:attributeGroup ref="t:B"/></xs:attributeGroup>
      <xs:attributeGroup name="B"><xs:attribute name="l" use="required"/></xs:attributeGroup>
      <xs:element name="x"><xs:complexType><xs:sequence><xs:group ref="t:G" minOccurs="0"/>
        <xs:sequence minOccurs="2" maxOccurs="unbounded"><xs:element name="c" type="xs:int" maxOccurs="2"/></xs:sequence>
      </xs:sequence><xs:attributeGroup ref="t:A"/></xs:complexType></xs:element>`;
    expect(outline(shape(schemas(body), 'x'))).toBe('@k? @l a? b? c+');
  });

  test('may contain itself, by name, by a global element, and by what is derived from it', () => {
    const body = `<xs:complexType name="T"><xs:sequence><xs:element name="t" type="t:T" minOccurs="0"/></xs:sequence></xs:complexType>
      <xs:element name="x" type="t:T"/>
      <xs:element name="y"><xs:complexType><xs:sequence><xs:element ref="t:y" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
      <xs:complexType name="B"><xs:sequence><xs:element name="d" type="t:D" minOccurs="0"/></xs:sequence></xs:complexType>
      <xs:complexType name="D"><xs:complexContent><xs:extension base="t:B"><xs:sequence><xs:element name="e" type="t:B"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
      <xs:element name="z" type="t:D"/>`;
    const all = schemas(body);
    for (const [local, child] of [
      ['x', 0],
      ['y', 0],
      ['z', 0],
    ] as const) {
      const root = shape(all, local);
      expect(complex(root).fields[child]?.type).toBe(root.type);
    }
    expect(outline(shape(all, 'z'))).toBe('d? e');
  });

  test('that has no namespace takes the one of who includes it, for its names too', () => {
    const text = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">
      <xs:element name="x" type="T"/><xs:complexType name="T"><xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence></xs:complexType></xs:schema>`;
    const parsed = parseTree(text);
    if (parsed.kind !== 'tree') throw new Error(parsed.because);
    const root = shape(schemasOf([{ file: 'a.xsd', root: parsed.root, namespace: TNS }]), 'x');
    expect(complex(root).fields[0]?.name).toEqual({ namespace: TNS, local: 'a' });
  });
});

describe('what has no form that could be relied on is refused with its place', () => {
  const inside = (content: string): string =>
    `<xs:element name="x"><xs:complexType>${content}</xs:complexType></xs:element>`;
  test.each([
    ['mixed content', inside('<xs:sequence/>').replace('complexType', 'complexType mixed="true"'), 'mixed content'],
    ['an element without a type', '<xs:element name="x"/>', 'anything may stand in it'],
    ['anyType', '<xs:element name="x" type="xs:anyType"/>', 'anything may stand in the type xsd:anyType'],
    ['an abstract element', '<xs:element name="x" type="xs:int" abstract="true"/>', 'abstract'],
    ['an abstract type', '<xs:element name="x" type="t:T"/><xs:complexType name="T" abstract="true"/>', 'abstract'],
    [
      'an element twice',
      inside(
        '<xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/><xs:element name="a" type="xs:int"/></xs:sequence>',
      ),
      'a stands twice',
    ],
    [
      'a repeated choice',
      inside(
        '<xs:choice maxOccurs="unbounded"><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:choice>',
      ),
      'JSON would lose their order',
    ],
    ['a required wildcard', inside('<xs:sequence><xs:any/></xs:sequence>'), 'wildcard'],
    ['a type nowhere', '<xs:element name="x" type="t:Nowhere"/>', 'no schema declares it'],
    [
      'a type of a schema that was not read',
      '<xs:element name="x" type="u:T" xmlns:u="urn:u"/>',
      'no schema of its namespace was read',
    ],
    [
      'SOAP encoding',
      '<xs:element name="x" type="e:Array" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/"/>',
      'SOAP encoding',
    ],
    [
      'a type derived from itself',
      '<xs:element name="x" type="t:T"/><xs:simpleType name="T"><xs:restriction base="t:T"/></xs:simpleType>',
      'itself',
    ],
    [
      'a complex type derived from itself',
      '<xs:element name="x" type="t:T"/><xs:complexType name="T"><xs:complexContent><xs:extension base="t:T"/></xs:complexContent></xs:complexType>',
      'itself',
    ],
    [
      'a redefined type',
      '<xs:element name="x" type="t:T"/><xs:redefine schemaLocation="a.xsd"><xs:simpleType name="T"/></xs:redefine>',
      'redefine',
    ],
    [
      'a name declared twice',
      '<xs:element name="x" type="xs:int"/>\n<xs:element name="x" type="xs:string"/>',
      'declared twice',
    ],
    [
      'a facet of XML Schema 1.1',
      '<xs:element name="x"><xs:simpleType><xs:restriction base="xs:int"><xs:assertion test="1"/></xs:restriction></xs:simpleType></xs:element>',
      'not supported',
    ],
    ['an unbound prefix', '<xs:element name="x" type="q:T"/>', 'not bound'],
    ['NOTATION', '<xs:element name="x" type="xs:NOTATION"/>', 'NOTATION'],
  ])('%s', (_what, body, reason) => {
    expect(because(body)).toContain(reason);
    expect(because(body)).toMatch(/^t\.xsd:\d+: /);
  });

  test.each([
    [
      'groups',
      (at: number) =>
        `<xs:group name="G${at}"><xs:sequence><xs:group ref="t:G${at + 1}"/><xs:group ref="t:G${at + 1}"/></xs:sequence></xs:group>`,
      inside('<xs:group ref="t:G0"/>'),
      '<xs:group name="G90"><xs:sequence><xs:any minOccurs="0"/></xs:sequence></xs:group>',
    ],
    [
      'attribute groups',
      (at: number) =>
        `<xs:attributeGroup name="G${at}"><xs:attributeGroup ref="t:G${at + 1}"/><xs:attributeGroup ref="t:G${at + 1}"/></xs:attributeGroup>`,
      inside('<xs:attributeGroup ref="t:G0"/>'),
      '<xs:attributeGroup name="G90"/>',
    ],
    [
      'unions',
      (at: number) =>
        `<xs:simpleType name="G${at}"><xs:union memberTypes="t:G${at + 1} t:G${at + 1}"/></xs:simpleType>`,
      '<xs:element name="x" type="t:G0"/>',
      '<xs:simpleType name="G90"><xs:restriction base="xs:int"/></xs:simpleType>',
    ],
  ])('%s of which each doubles the next', (_what, one, root, last) => {
    const body = Array.from({ length: 90 }, (_, at) => one(at)).join('') + last + root;
    expect(because(body)).toMatch(/^t\.xsd:\d+: .*more than \d+/);
  });

  test('an element that is not there', () => {
    expect(because('', 'nothing')).toBe(`{${TNS}}nothing is not declared`);
  });
});

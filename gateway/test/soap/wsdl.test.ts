import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GatewayError } from '@banyan/gateway/error';
import { loadService, operationsNamed } from '@banyan/gateway/soap/wsdl';
import { ask } from './asking.ts';
import { envelope } from './samples.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const fixture = join(here, 'fixtures/orders.wsdl');
const NS = 'http://example.org/orders';

describe('a WSDL with imports, includes and cycles', () => {
  test('gives each operation of the bindings that ports use', async () => {
    const service = await loadService('/soap/OrderService', fixture);
    expect(service.operations).toEqual([
      {
        name: 'GetOrder',
        style: 'document',
        input: { namespace: NS, local: 'GetOrder' },
        output: { namespace: NS, local: 'GetOrderResponse' },
        faults: [],
        oneWay: false,
        actions: { '1.1': ['urn:orders#GetOrder'], '1.2': ['urn:orders12#GetOrder'] },
        addressing: [`${NS}/OrderPort/GetOrderRequest`],
      },
      {
        name: 'Ping',
        style: 'document',
        input: null,
        output: null,
        faults: [],
        oneWay: true,
        actions: { '1.1': [], '1.2': [] },
        addressing: ['urn:ping'],
      },
      {
        name: 'Reserve',
        style: 'document',
        input: { namespace: NS, local: 'OrderRequest' },
        output: null,
        faults: [],
        oneWay: false,
        actions: { '1.1': ['urn:orders#Reserve'], '1.2': [] },
        addressing: [`${NS}/OrderPort/ReserveMessage`],
      },
      {
        name: 'Release',
        style: 'document',
        input: { namespace: NS, local: 'OrderRequest' },
        output: null,
        faults: [],
        oneWay: false,
        actions: { '1.1': ['urn:orders#Release'], '1.2': [] },
        addressing: [`${NS}/OrderPort/ReleaseRequest`],
      },
    ]);
    expect(service).toMatchObject({ path: '/soap/OrderService', file: fixture, opaque: [] });
  });

  test('tells which operations share their input, what was read, and what was not fetched', async () => {
    const service = await loadService('/x', fixture);
    expect(service.shared.map(({ operations }) => operations.map(({ name }) => name))).toEqual([
      ['Reserve', 'Release'],
    ]);
    expect(service.skipped).toEqual(['http://schemas.example.org/remote.xsd']);
    expect(service.files.map((file) => file.slice(dirname(fixture).length + 1))).toEqual([
      'orders.wsdl',
      'nested/types.wsdl',
      'nested/order elements.xsd',
    ]);
  });

  test('is what a message is identified by', async () => {
    const service = await loadService('/x', fixture);
    const headers = { 'Content-Type': 'text/xml', SOAPAction: '"urn:orders#Release"' };
    expect(await ask({ service, headers, body: envelope(`<OrderRequest xmlns="${NS}"/>`) })).toMatchObject({
      operations: [{ name: 'Release' }],
    });
    expect(await ask({ service, headers, body: envelope(`<GetOrder xmlns="${NS}"/>`) })).toMatchObject({
      because: 'GW_SOAP_ACTION',
    });
  });

  test('lets a route name an operation, or its element', async () => {
    const service = await loadService('/x', fixture);
    expect(operationsNamed(service, 'Release')).toMatchObject([{ name: 'Release' }]);
    expect(operationsNamed(service, 'OrderRequest')).toMatchObject([{ name: 'Reserve' }, { name: 'Release' }]);
    expect(operationsNamed(service, 'Nothing')).toEqual([]);
  });
});

describe("ReeferDesk's own WSDLs", () => {
  const folder = join(here, '../../../legacy-monolith/wsdl');
  test.each([
    ['OrderService', ['CreateOrder', 'GetOrder', 'ListOrders', 'UpdateOrder', 'BookOrder', 'CancelOrder']],
    ['VoyageService', ['ListVoyages', 'GetVoyage']],
  ])('%s has its operations', async (name, operations) => {
    const service = await loadService(`/soap/${name}`, join(folder, `${name}.wsdl`));
    expect(service.operations.map((operation) => operation.name)).toEqual(operations);
    expect(service.operations.every(({ input, name: own }) => input?.local === own)).toBe(true);
    expect([service.shared, service.opaque, service.skipped]).toEqual([[], [], []]);
  });
});

describe('a WSDL', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banyan-wsdl-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const XMLNS =
    'xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" ' +
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"';
  const PORT = '<service name="S"><port name="P" binding="t:B"><soap:address location="x"/></port></service>';

  const definitions = (content: string): string => `<definitions ${XMLNS}>${content}</definitions>`;

  /** One operation, `Op`, whose input message has `part`. */
  const single = ({ part = '', style = 'document', body = '<soap:body use="literal"/>', types = '' }): string =>
    definitions(
      `${types}<message name="In">${part}</message><portType name="T"><operation name="Op"><input message="t:In"/></operation></portType>` +
        `<binding name="B" type="t:T"><soap:binding style="${style}"/><operation name="Op"><soap:operation soapAction="a"/>` +
        `<input>${body}</input></operation></binding>${PORT}`,
    );

  async function load(files: Record<string, string | Buffer>): Promise<Awaited<ReturnType<typeof loadService>>> {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    return await loadService('/soap/S', join(folder, 'main.wsdl'));
  }

  async function failure(files: Record<string, string | Buffer>): Promise<string> {
    const error: unknown = await load(files).catch((thrown: unknown) => thrown);
    if (!(error instanceof GatewayError)) throw new Error('no GatewayError', { cause: error });
    expect(error.code).toBe('GW_BAD_WSDL');
    return error.message.replaceAll(folder, '');
  }

  test('in rpc style names the operation by its wrapper', async () => {
    const body = '<soap:body use="literal" namespace="urn:rpc"/>';
    const { operations } = await load({
      'main.wsdl': single({ style: 'rpc', part: '<part name="a" type="xsd:string"/>', body }),
    });
    expect(operations).toMatchObject([{ style: 'rpc', input: { namespace: 'urn:rpc', local: 'Op' } }]);
  });

  test('in a MIME binding has its body in a part', async () => {
    const mime = 'xmlns:mime="http://schemas.xmlsoap.org/wsdl/mime/"';
    const body = `<mime:multipartRelated ${mime}><mime:part><soap:body parts="a"/></mime:part><mime:part><mime:content part="b"/></mime:part></mime:multipartRelated>`;
    const types = '<types><xsd:schema targetNamespace="urn:t"><xsd:element name="E"/></xsd:schema></types>';
    const part = '<part name="b" type="xsd:base64Binary"/><part name="a" element="t:E"/>';
    const { operations } = await load({ 'main.wsdl': single({ part, body, types }) });
    expect(operations).toMatchObject([{ input: { local: 'E' } }]);
  });

  test('in document style with a part by type leaves its operation without a name in the body', async () => {
    const service = await load({ 'main.wsdl': single({ part: '<part name="a" type="xsd:anyType"/>' }) });
    expect(service).toMatchObject({ operations: [], opaque: ['Op'] });
  });

  test('may be UTF-16', async () => {
    const text = `\ufeff<?xml version="1.0" encoding="UTF-16"?>${single({})}`;
    expect(await load({ 'main.wsdl': Buffer.from(text, 'utf16le') })).toMatchObject({
      operations: [{ name: 'Op', input: null }],
    });
  });

  test('may be a link into a folder that is swapped, as Kubernetes mounts them', async () => {
    await mkdir(join(folder, '..data-1'));
    await writeFile(join(folder, '..data-1/main.wsdl'), single({}));
    await symlink('..data-1', join(folder, '..data'));
    await symlink('..data/main.wsdl', join(folder, 'main.wsdl'));
    expect(await load({})).toMatchObject({ operations: [{ name: 'Op' }] });
  });

  test('is not fetched from the network, nor is anything that it imports', async () => {
    const imports =
      '<import namespace="urn:far" location="http://127.0.0.1:1/far.wsdl"/><import namespace="urn:near" location="//127.0.0.1:1/x.wsdl"/>';
    const text = single({ part: '<part name="a" element="f:E" xmlns:f="urn:far"/>' }).replace(
      '<message',
      `${imports}<message`,
    );
    expect(await load({ 'main.wsdl': text })).toMatchObject({
      operations: [{ input: { namespace: 'urn:far', local: 'E' } }],
      skipped: ['http://127.0.0.1:1/far.wsdl', '//127.0.0.1:1/x.wsdl'],
    });
  });

  test('may import a namespace without saying from where', async () => {
    const types = '<types><xsd:schema><xsd:import namespace="urn:known"/></xsd:schema></types>';
    const text = single({ types, part: '<part name="a" element="k:E" xmlns:k="urn:known"/>' });
    expect(await load({ 'main.wsdl': text })).toMatchObject({ operations: [{ input: { namespace: 'urn:known' } }] });
  });

  test.each<[string, Record<string, string>, string[]]>([
    ['that is not there', {}, ['/main.wsdl:1: there is no file /main.wsdl']],
    [
      'that is not XML',
      { 'main.wsdl': '<definitions>\n<a></b>' },
      ['/main.wsdl:2: it is not well-formed XML: unexpected close tag'],
    ],
    ['that is something else', { 'main.wsdl': '<html/>' }, ['/main.wsdl:1: its root is html']],
    [
      'of version 2.0',
      { 'main.wsdl': '<description xmlns="http://www.w3.org/ns/wsdl"/>' },
      ['WSDL 2.0, which is not supported'],
    ],
    ['without a SOAP binding', { 'main.wsdl': definitions('') }, ['no port of it has a SOAP binding']],
    [
      'with an import that is not there',
      { 'main.wsdl': single({}).replace('<message', '\n<import namespace="x" location="more/x.wsdl"/><message') },
      [
        '/main.wsdl:2: the wsdl at more/x.wsdl cannot be read: there is no file /more/x.wsdl; put it there, or correct the location',
      ],
    ],
    [
      'with an import from outside',
      {
        'main.wsdl': single({}).replace(
          '<message',
          '<import location="../../etc/passwd"/><import location="..%2f..%2fetc%2fshadow"/><message',
        ),
      },
      [
        'the wsdl at ../../etc/passwd cannot be read: it is outside of',
        'the wsdl at ..%2f..%2fetc%2fshadow cannot be read: it is outside of',
      ],
    ],
    [
      'with an absolute import',
      { 'main.wsdl': single({}).replace('<message', '<import location="/etc/passwd"/><message') },
      ['it is outside of'],
    ],
    [
      'with an element that no schema declares',
      {
        'main.wsdl': single({
          part: '\n<part name="a" element="t:Missing"/>',
          types: '<types><xsd:schema targetNamespace="urn:t"/></types>',
        }),
      },
      ['/main.wsdl:2: the part a names the element {urn:t}Missing, which no schema declares'],
    ],
    [
      'with a message that is nowhere',
      { 'main.wsdl': single({}).replace('message="t:In"', 'message="t:Out"') },
      ['the input message of the operation Op is nowhere'],
    ],
    [
      'with a portType that is nowhere',
      { 'main.wsdl': single({}).replace('type="t:T"', 'type="t:U"') },
      ['the binding B names a portType that is nowhere'],
    ],
    [
      'with an operation that its portType has not',
      {
        'main.wsdl': single({}).replace(
          '<binding name="B" type="t:T"><soap:binding style="document"/><operation name="Op">',
          '<binding name="B" type="t:T"><soap:binding/><operation name="Oops">',
        ),
      },
      ['the operation Oops of the binding B is not in its portType T'],
    ],
  ])('%s says so', async (_what, files, expected) => {
    const message = await failure(files);
    expect(message).toMatch(/^The WSDL of \/soap\/S cannot be used\.\n/);
    for (const part of expected) expect(message).toContain(part);
  });

  test('with several problems tells them all at once', async () => {
    const message = await failure({
      'main.wsdl': single({}).replace('<message', '<import location="a.wsdl"/><import location="b.wsdl"/><message'),
      'b.wsdl': '<x>',
    });
    expect(message.split('\n')).toHaveLength(3);
  });

  test('does not lead out of its folder by a link', async () => {
    await symlink('/etc/hostname', join(folder, 'types.xsd'));
    const message = await failure({
      'main.wsdl': single({
        types: '<types><xsd:schema><xsd:import schemaLocation="types.xsd"/></xsd:schema></types>',
      }),
    });
    expect(message).toContain('it is a link to /etc/hostname, outside of the folder of the WSDL');
  });

  test('does not import without end', async () => {
    const files: Record<string, string> = {
      'main.wsdl': single({}).replace('<message', '<import location="0.wsdl"/><message'),
    };
    for (let index = 0; index < 501; index += 1)
      files[`${index}.wsdl`] = definitions(`<import location="${index + 1}.wsdl"/>`);
    expect(await failure(files)).toContain('there are more than 500 documents');
  });
});

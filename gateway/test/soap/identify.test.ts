import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { bareService, serviceOf } from '@banyan/gateway/core/soap/service';
import { identify, type Identified, type IdentifiedOperation } from '@banyan/gateway/soap/identify';
import { bodyOf } from '@banyan/gateway/soap/passage';
import { ask, idle, operation, orders, rawHeadersOf, settle, streamOf, type Ask } from './asking.ts';
import { envelope, getOrder, ORDERS, SAMPLES, SOAP12 } from './samples.ts';

const XML = { 'Content-Type': 'text/xml; charset=utf-8' };
const SOAP_XML = { 'Content-Type': 'application/soap+xml; charset=utf-8' };
const message = envelope(getOrder);
const GET_ORDER = `1.1 {${ORDERS}}GetOrder`;

describe('the body decides', () => {
  test.each(Object.entries(SAMPLES))(
    'for a message of %s, and what came goes on',
    async (_stack, { version, namespace, name, xml }) => {
      const headers = version === '1.1' ? XML : SOAP_XML;
      const outcome = await settle({ headers, body: xml });
      expect(outcome.verdict).toBe(`${version} {${namespace}}${name}`);
      expect(outcome.sent.equals(Buffer.from(xml))).toBe(true);
      expect(outcome.identified).toMatchObject({ complete: true });
    },
  );

  test('and names the operations that it may call', async () => {
    expect(await ask({ headers: XML, body: message })).toMatchObject({
      operations: [{ name: 'GetOrder' }],
      action: null,
    });
    expect(await ask({ headers: XML, body: envelope('<Other/>') })).toMatchObject({
      kind: 'operation',
      name: 'Other',
      operations: [],
    });
    expect(await ask({ headers: XML, body: message, service: bareService([]) })).toMatchObject({
      name: 'GetOrder',
      operations: [],
    });
  });

  test('an element of that name in another namespace is another operation', async () => {
    expect(await ask({ headers: XML, body: envelope('<GetOrder xmlns="urn:other"/>') })).toMatchObject({
      kind: 'operation',
      namespace: 'urn:other',
      operations: [],
    });
  });

  const bare = serviceOf([
    operation('Reserve', { input: { namespace: ORDERS, local: 'OrderRequest' }, addressing: [] }),
    operation('Release', { input: { namespace: ORDERS, local: 'OrderRequest' }, addressing: [] }),
    operation('Ping', { input: null, addressing: [] }),
  ]);
  const shared = envelope(`<OrderRequest xmlns="${ORDERS}"/>`);

  test('operations that share their input element are told apart by the action', async () => {
    const headers = { ...XML, SOAPAction: `"${ORDERS}/Release"` };
    expect(await ask({ headers, body: shared, service: bare })).toMatchObject({ operations: [{ name: 'Release' }] });
    expect(await ask({ headers: XML, body: shared, service: bare })).toMatchObject({
      operations: [{ name: 'Reserve' }, { name: 'Release' }],
    });
    expect(bare.shared).toMatchObject([
      { input: { local: 'OrderRequest' }, operations: [{ name: 'Reserve' }, { name: 'Release' }] },
    ]);
  });

  test('an empty body is the one operation with an empty input, or the only operation', async () => {
    const empty = envelope('');
    expect(await ask({ headers: XML, body: empty, service: bare })).toMatchObject({
      kind: 'operation',
      operations: [{ name: 'Ping' }],
    });
    const single = serviceOf([operation('GetOrder')]);
    expect(await ask({ headers: XML, body: empty, service: single })).toMatchObject({
      kind: 'operation',
      namespace: ORDERS,
      name: 'GetOrder',
    });
    expect(await ask({ headers: XML, body: empty })).toMatchObject({
      kind: 'unclassified',
      refused: { because: 'GW_SOAP_EMPTY_BODY', status: 500 },
    });
  });

  test('of two operations with an empty input, the action tells which', async () => {
    const two = serviceOf([operation('Ping', { input: null }), operation('Reset', { input: null })]);
    const body = envelope('');
    expect(await ask({ headers: XML, body, service: two })).toMatchObject({ kind: 'unclassified' });
    expect(await ask({ headers: { ...XML, SOAPAction: 'Reset' }, body, service: two })).toMatchObject({
      operations: [{ name: 'Reset' }],
    });
  });
});

describe('the action is a cross-check', () => {
  const cancel = `${ORDERS}/CancelOrder`;
  const get = `${ORDERS}/GetOrder`;
  const wsa = (action: string): string =>
    envelope(getOrder, `<a:Action xmlns:a="http://www.w3.org/2005/08/addressing">${action}</a:Action>`);
  const soap12 = envelope(getOrder, '', SOAP12);

  test.each<[string, Ask['headers'], string]>([
    ['missing', XML, message],
    ['empty', { ...XML, SOAPAction: '' }, message],
    ['a pair of quotes', { ...XML, SOAPAction: '""' }, message],
    ['a pair of single quotes', { ...XML, SOAPAction: "''" }, message],
    ['quoted', { ...XML, SOAPAction: `"${get}"` }, message],
    ['single-quoted', { ...XML, SOAPAction: `'${get}'` }, message],
    ['bare', { ...XML, soapaction: get }, message],
    ['in other letters', { ...XML, SOAPACTION: `"${get.toUpperCase()}"` }, message],
    ['the name alone', { ...XML, SOAPAction: 'GetOrder' }, message],
    ['another path to the name', { ...XML, SOAPAction: '"urn:anything#GetOrder"' }, message],
    ['one that nobody knows', { ...XML, SOAPAction: '"urn:nothing"' }, message],
    ['in the Content-Type', { 'Content-Type': `application/soap+xml; charset=utf-8; action="${get}"` }, soap12],
    ['in the Content-Type, bare', { 'Content-Type': `application/soap+xml;action=${get};charset=utf-8` }, soap12],
    ['in the header of the envelope', XML, wsa(get)],
    ['the default one of WS-Addressing', XML, wsa(`${ORDERS}/OrderPort/GetOrderRequest`)],
  ])('that agrees: %s', async (_what, headers = {}, body) => {
    expect(await ask({ headers, body })).toMatchObject({ kind: 'operation', operations: [{ name: 'GetOrder' }] });
  });

  const contradicting: [string, Ask['headers'], string][] = [
    ['SOAPAction', { ...XML, SOAPAction: `"${cancel}"` }, message],
    ['a bare SOAPAction', { ...XML, SOAPAction: cancel }, message],
    ['the name alone, as node-soap accepts it', { ...XML, SOAPAction: 'CancelOrder' }, message],
    ['the name in other letters', { ...XML, SOAPAction: '"cancelorder"' }, message],
    ['another path to the name', { ...XML, SOAPAction: 'urn:x:CancelOrder' }, message],
    ['action= of the Content-Type', { 'Content-Type': `application/soap+xml; action="${cancel}"` }, soap12],
    ['SOAPAction of a 1.2 message', { ...SOAP_XML, SOAPAction: cancel }, soap12],
    ['wsa:Action', XML, wsa(cancel)],
    ['the default wsa:Action', XML, wsa(`${ORDERS}/OrderPort/CancelOrderRequest`)],
    ['one of two actions', { ...XML, SOAPAction: get }, wsa(cancel)],
    ['an action for an unknown element', { ...XML, SOAPAction: cancel }, envelope('<x/>')],
    ['an action for an empty body', { ...XML, SOAPAction: cancel }, envelope('')],
  ];
  test.each(contradicting)('that contradicts is refused: %s', async (_what, headers = {}, body) => {
    expect(await ask({ headers, body })).toMatchObject({
      kind: 'refused',
      because: 'GW_SOAP_ACTION',
      status: 500,
      faultcode: 'Client',
      reason: expect.stringContaining('CancelOrder'),
    });
  });

  test.each(contradicting.slice(0, -2))(
    'that contradicts is ignored where the body wins: %s',
    async (_what, headers = {}, body) => {
      expect(await ask({ headers, body, options: { actionMismatch: 'body-wins' } })).toMatchObject({
        kind: 'operation',
        operations: [{ name: 'GetOrder' }],
      });
    },
  );

  test('an exact action counts before one that merely ends alike', async () => {
    const versions = serviceOf([
      operation('GetOrder', {
        actions: { '1.1': ['urn:v1/GetOrder'], '1.2': [] },
        input: { namespace: 'urn:v1', local: 'GetOrder' },
      }),
      operation('GetOrder', {
        actions: { '1.1': ['urn:v2/GetOrder'], '1.2': [] },
        input: { namespace: 'urn:v2', local: 'GetOrder' },
      }),
    ]);
    const body = envelope('<GetOrder xmlns="urn:v2"/>');
    expect(await ask({ headers: { ...XML, SOAPAction: 'urn:v2/GetOrder' }, body, service: versions })).toMatchObject({
      operations: [{ input: { namespace: 'urn:v2' } }],
    });
    expect(await ask({ headers: { ...XML, SOAPAction: 'urn:v1/GetOrder' }, body, service: versions })).toMatchObject({
      because: 'GW_SOAP_ACTION',
    });
  });

  test.each([
    ['two SOAPAction headers', { ...XML, SOAPAction: [get, get] }],
    ['two joined by a proxy', { ...XML, SOAPAction: `"${get}", "${cancel}"` }],
    ['a quote without its other half', { ...XML, SOAPAction: `"${get}` }],
    ['two Content-Types', { 'Content-Type': ['text/xml', 'text/xml'] }],
    ['two Content-Encodings', { ...XML, 'Content-Encoding': ['gzip', 'identity'] }],
    ['two charsets', { 'Content-Type': 'text/xml; charset=utf-8; charset=utf-16' }],
  ])('%s are 400', async (_what, headers) => {
    expect(await ask({ headers, body: message })).toMatchObject({
      kind: 'refused',
      because: 'GW_SOAP_HEADERS',
      status: 400,
    });
  });
});

describe('the version of the envelope', () => {
  const soap12 = envelope(getOrder, '', SOAP12);
  const mismatches: [string, NonNullable<Ask['headers']>, string, string][] = [
    ['text/xml', XML, soap12, '1.2'],
    ['application/soap+xml', SOAP_XML, message, '1.1'],
  ];
  test.each(mismatches)('must be that of %s', async (_type, headers, body, version) => {
    expect(await ask({ headers, body })).toMatchObject({
      kind: 'refused',
      because: 'GW_SOAP_VERSION',
      faultcode: 'VersionMismatch',
      status: 500,
      version,
    });
    expect(await ask({ headers, body, options: { versionMismatch: 'allow' } })).toMatchObject({
      kind: 'operation',
      version,
    });
  });

  test.each([
    [{}],
    [{ 'Content-Type': 'application/xml' }],
    [{ 'Content-Type': 'application/x-www-form-urlencoded' }],
    [{ 'Content-Type': ';' }],
  ])('counts alone where the Content-Type says nothing of SOAP: %j', async (headers) => {
    expect(await ask({ headers, body: soap12 })).toMatchObject({ kind: 'operation', version: '1.2', name: 'GetOrder' });
  });

  test('decides in which version a refusal is told; where there is none, the Content-Type does', async () => {
    expect(await ask({ headers: XML, body: 'x' })).toMatchObject({ kind: 'refused', version: '1.1' });
    expect(await ask({ headers: SOAP_XML, body: 'x' })).toMatchObject({ kind: 'refused', version: '1.2' });
    expect(await ask({ body: `${soap12}<` })).toMatchObject({ kind: 'refused', version: '1.2' });
  });
});

describe('what is no SOAP message is unclassified', () => {
  test.each<[string, string, Ask]>([
    ['GW_SOAP_METHOD', 'a GET', { method: 'GET', body: '' }],
    ['GW_SOAP_METHOD', 'a PUT', { method: 'PUT', headers: XML, body: message }],
    ['GW_SOAP_MEDIA_TYPE', 'JSON', { headers: { 'Content-Type': 'application/json' }, body: '{"a":1}' }],
    ['GW_SOAP_MEDIA_TYPE', 'bytes', { body: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe]) }],
    ['GW_SOAP_MEDIA_TYPE', 'nothing at all', { body: '' }],
    [
      'GW_SOAP_MEDIA_TYPE',
      'a form',
      { headers: { 'Content-Type': 'multipart/form-data; boundary=x' }, body: '--x\r\n\r\n' },
    ],
    ['GW_SOAP_NOT_AN_ENVELOPE', 'another document', { headers: XML, body: '<order/>' }],
  ])('%s: %s, and goes on unchanged if it may', async (because, _what, question) => {
    const { verdict, sent } = await settle(question);
    expect(verdict).toBe(`unclassified ${because}`);
    const kept = question.method === undefined ? Buffer.from(question.body as Buffer) : sent;
    expect(sent.equals(kept)).toBe(true);
  });

  test('but an envelope is one under any media type, and a broken one is refused', async () => {
    const headers = { 'Content-Type': 'application/json' };
    expect((await settle({ headers, body: message })).verdict).toBe(GET_ORDER);
    expect((await settle({ headers, body: message.slice(0, -1) })).verdict).toBe('GW_SOAP_MALFORMED');
  });
});

describe('Content-Encoding', () => {
  const bytes = Buffer.from(message);
  test.each([
    ['gzip', gzipSync(bytes)],
    ['X-GZIP', gzipSync(bytes)],
    ['deflate', deflateSync(bytes)],
    ['deflate', deflateRawSync(bytes)],
    ['br', brotliCompressSync(bytes)],
    ['identity', bytes],
  ])('%s is undone on a copy; the original goes on', async (coding, body) => {
    const { verdict, sent } = await settle({ headers: { ...XML, 'Content-Encoding': coding }, body });
    expect(verdict).toBe(GET_ORDER);
    expect(sent.equals(body)).toBe(true);
  });

  test.each([
    ['that is not', bytes],
    ['that is nothing', Buffer.alloc(0)],
    ['that is cut short', gzipSync(bytes).subarray(0, -5)],
    ['whose checksum is wrong', Buffer.concat([gzipSync(bytes).subarray(0, -8), Buffer.alloc(8, 1)])],
    ['with bytes behind it', Buffer.concat([gzipSync(bytes), Buffer.from('xx')])],
    ['under a media type that is not SOAP', Buffer.from('{}')],
  ])('gzip %s is 400', async (what, body) => {
    const type = what.includes('media type') ? { 'Content-Type': 'application/json' } : XML;
    const answer = await ask({ headers: { ...type, 'Content-Encoding': 'gzip' }, body });
    expect(answer).toMatchObject({ kind: 'refused', because: 'GW_SOAP_COMPRESSION', status: 400 });
  });

  test('gzip that turns out not to be keeps its last byte from going on, however long it was', async () => {
    const noise = Buffer.from(Array.from({ length: 60_000 }, (_, index) => 33 + ((index * 7919) % 90)));
    const long = gzipSync(envelope(`<x>${noise.toString('latin1').replace(/[<&\]]/g, '.')}</x>`), { level: 0 });
    const chunks = [long.subarray(0, 20_000), long.subarray(20_000, -4)];
    const { verdict, sent, identified } = await settle({
      headers: { ...XML, 'Content-Encoding': 'gzip' },
      body: chunks,
    });
    expect(identified).toMatchObject({ kind: 'operation', complete: false });
    expect(verdict).toBe('GW_SOAP_COMPRESSION');
    expect(sent.length).toBeLessThan(long.length - 4);
  });

  test('of a message that is not SOAP is checked to the end as well', async () => {
    const json = gzipSync(Buffer.from(`{"a":"${'x'.repeat(50_000)}"}`), { level: 0 });
    const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' };
    const half = [json.subarray(0, 30_000), json.subarray(30_000)];
    expect((await settle({ headers, body: half })).verdict).toBe('unclassified GW_SOAP_MEDIA_TYPE');
    expect((await settle({ headers, body: [json.subarray(0, 30_000), json.subarray(30_000, -3)] })).verdict).toBe(
      'GW_SOAP_COMPRESSION',
    );
  });

  test('two members of gzip are one body', async () => {
    const body = Buffer.concat([gzipSync(bytes.subarray(0, 30)), gzipSync(bytes.subarray(30))]);
    const headers = { ...XML, 'Content-Encoding': 'gzip' };
    expect((await settle({ headers, body })).verdict).toBe(GET_ORDER);
    expect((await settle({ headers, body: Array.from(body, (byte) => Buffer.from([byte])) })).verdict).toBe(GET_ORDER);
  });

  test.each(['zstd', 'compress', 'gzip, gzip', 'aes128gcm'])('%s is 415', async (coding) => {
    expect(await ask({ headers: { ...XML, 'Content-Encoding': coding }, body: bytes })).toMatchObject({
      kind: 'refused',
      because: 'GW_SOAP_ENCODING',
      status: 415,
    });
  });

  test('of a bomb is 413, long before it is inflated', async () => {
    const bomb = gzipSync(
      Buffer.concat([
        Buffer.from(envelope('').replace('</s:Body></s:Envelope>', '<x>')),
        Buffer.alloc(64 * 1024 * 1024, 0x61),
      ]),
    );
    expect(bomb.length).toBeLessThan(100_000);
    expect((await settle({ headers: { ...XML, 'Content-Encoding': 'gzip' }, body: bomb })).verdict).toBe(
      'GW_SOAP_TOO_LARGE',
    );
  });
});

describe('long messages', () => {
  const long = (end: string): Buffer =>
    Buffer.from(envelope(`${getOrder.replace('42', '42'.repeat(50_000))}`).replace('</s:Body></s:Envelope>', end));
  const inChunks = (bytes: Buffer, size: number): Buffer[] =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );

  test('are handed over once the operation is known, and watched to their end', async () => {
    const body = long('</s:Body></s:Envelope>');
    const { verdict, sent, identified } = await settle({ headers: XML, body: inChunks(body, 8192) });
    expect(verdict).toBe(GET_ORDER);
    expect(sent.equals(body)).toBe(true);
    expect(identified.kind === 'operation' && identified.complete).toBe(false);
    expect(heldBytes(identified)).toBe(24 * 1024);
  });

  test('that are refused further on never go on whole, whatever their framing', async () => {
    for (const size of [1000, 8192, 1_000_000]) {
      const body = long('</s:Body></s:Wrong>');
      const { verdict, sent } = await settle({ headers: XML, body: inChunks(body, size) });
      expect(verdict).toBe('GW_SOAP_MALFORMED');
      expect(sent.length).toBeLessThan(body.length);
    }
  });

  test('that call a second operation are refused where it begins', async () => {
    const body = long(`<o:CancelOrder xmlns:o="${ORDERS}"/></s:Body></s:Envelope>`);
    expect((await settle({ headers: XML, body: inChunks(body, 8192) })).verdict).toBe('GW_SOAP_SHAPE');
    const { verdict } = await settle({ headers: XML, body: inChunks(body, 8192), options: { check: 'operation' } });
    expect(verdict).toBe(GET_ORDER);
  });

  test('are handed over at once where only the operation is checked', async () => {
    const answer = await ask({ headers: XML, body: inChunks(long('garbage'), 1000), options: { check: 'operation' } });
    expect(answer).toMatchObject({ kind: 'operation', complete: false });
    expect(heldBytes(answer)).toBe(1000);
  });

  test('over 10 MiB are 413: by their length before they are read, else once they are', async () => {
    const headers = { ...XML, 'Content-Length': String(10 * 1024 * 1024 + 1) };
    expect(await ask({ headers, body: message })).toMatchObject({
      kind: 'refused',
      because: 'GW_SOAP_TOO_LARGE',
      status: 413,
    });
    const body = inChunks(Buffer.concat([long(''), Buffer.alloc(11 * 1024 * 1024, 0x20)]), 65_536);
    const { verdict, sent } = await settle({ headers: XML, body });
    expect(verdict).toBe('GW_SOAP_TOO_LARGE');
    expect(sent.length).toBeLessThanOrEqual(10 * 1024 * 1024);
  });

  test('without an operation in their first 256 KiB are 413', async () => {
    const body = inChunks(Buffer.from(envelope(getOrder, `<h xmlns="urn:h">${'x'.repeat(256 * 1024)}</h>`)), 65_536);
    expect(await ask({ headers: XML, body })).toMatchObject({
      kind: 'refused',
      because: 'GW_SOAP_HEAD_TOO_LARGE',
      status: 413,
    });
  });
});

const heldBytes = (identified: Identified): number =>
  'held' in identified ? identified.held.reduce((sum, chunk) => sum + chunk.length, 0) : -1;

describe('a sender', () => {
  test('who is too slow is told so', async () => {
    const body = idle();
    body.write(message.slice(0, 50));
    const answer = await identify({ method: 'POST', rawHeaders: rawHeadersOf(XML), body }, orders, {
      check: 'whole',
      actionMismatch: 'refuse',
      timeoutMs: 20,
    });
    expect(answer).toMatchObject({ kind: 'refused', because: 'GW_SOAP_SLOW', status: 408 });
    expect(body.listenerCount('readable')).toBe(0);
  });

  test('who leaves is gone', async () => {
    const body = idle();
    body.write(message.slice(0, 50));
    const answer = identify({ method: 'POST', rawHeaders: rawHeadersOf(XML), body }, orders, {
      check: 'whole',
      actionMismatch: 'refuse',
      timeoutMs: 20_000,
    });
    body.destroy(new Error('reset'));
    expect(await answer).toEqual({ kind: 'departed' });
  });
});

describe('a message on its way', () => {
  const long = Buffer.from(envelope(getOrder.replace('42', '42'.repeat(60_000))));

  async function begun(): Promise<{ body: PassThrough; found: IdentifiedOperation }> {
    const body = idle();
    body.write(long.subarray(0, 50_000));
    const found = await identify({ method: 'POST', rawHeaders: rawHeadersOf(XML), body }, orders, {
      check: 'whole',
      actionMismatch: 'refuse',
      timeoutMs: 20_000,
    });
    if (found.kind !== 'operation') throw new Error(found.kind);
    return { body, found };
  }

  test('that nobody wants any more leaves its sender connected', async () => {
    const { body, found } = await begun();
    body.write(long.subarray(50_000, 60_000));
    body.write(long.subarray(60_000, 70_000));
    const sending = bodyOf(found, body);
    await sending.next();
    await sending.return();
    expect(body.destroyed).toBe(false);
    expect(body.listenerCount('readable')).toBe(0);
  });

  test('whose sender leaves does not end as if it were whole', async () => {
    const { body, found } = await begun();
    const sending = bodyOf(found, body);
    const sent = (async () => {
      for await (const chunk of sending) expect(chunk.length).toBeGreaterThan(0);
    })();
    body.destroy(new Error('reset'));
    await expect(sent).rejects.toThrow('the sender left before its message was whole');
  });
});

describe('in a server', () => {
  const servers: ReturnType<typeof createServer>[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.close()));

  async function serve(onRequest: (incoming: IncomingMessage) => Promise<Buffer>): Promise<number> {
    const server = createServer((incoming, response) => {
      void onRequest(incoming).then((answer) => response.end(answer));
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function post(port: number, parts: readonly Buffer[], headers: Record<string, string>): Promise<Buffer> {
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', headers });
    for (const part of parts) {
      outgoing.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return Buffer.concat(await response.toArray());
  }

  const options = { check: 'whole', actionMismatch: 'refuse', timeoutMs: 20_000 } as const;
  const long = Buffer.from(envelope(getOrder.replace('42', '42'.repeat(60_000))));

  test.each([
    [
      'by bodyOf',
      async (found: Identified, incoming: IncomingMessage): Promise<Buffer> => {
        if (found.kind !== 'operation') throw new Error(found.kind);
        const chunks: Buffer[] = [];
        for await (const chunk of bodyOf(found, incoming)) chunks.push(chunk);
        return Buffer.concat(chunks);
      },
    ],
    [
      'by a pipe',
      async (found: Identified, incoming: IncomingMessage): Promise<Buffer> => {
        if (found.kind !== 'operation') throw new Error(found.kind);
        const sink = new PassThrough();
        const rest = sink.toArray();
        await pipeline(incoming, sink);
        return Buffer.concat([...found.held, ...((await rest) as Buffer[])]);
      },
    ],
  ])('the rest of a request can be read on: %s', async (_how, forward) => {
    const port = await serve(async (incoming) => {
      const found = await identify(
        { method: 'POST', rawHeaders: incoming.rawHeaders, body: incoming },
        orders,
        options,
      );
      return await forward(found, incoming);
    });
    const chunked = [long.subarray(0, 5), long.subarray(5, 100), long.subarray(100, 70_000), long.subarray(70_000)];
    for (const [parts, headers] of [
      [[long], { 'content-length': String(long.length) }],
      [chunked, {}],
      [chunked, { 'content-length': String(long.length) }],
      [[Buffer.from(message)], {}],
    ] as const) {
      const echoed = await post(port, parts, { 'content-type': 'text/xml', ...headers });
      expect(echoed.equals(Buffer.concat(parts))).toBe(true);
    }
  });
});

describe('chunks', () => {
  test.each([
    ['a message', XML, Buffer.from(message)],
    ['gzip', { ...XML, 'Content-Encoding': 'gzip' }, gzipSync(Buffer.from(message))],
    ['UTF-16', { 'Content-Type': 'text/xml' }, Buffer.from(`\ufeff${message.replace('42', '😀é')}`, 'utf16le')],
    ['a broken message', XML, Buffer.from(message.replace('</s:Body>', ''))],
  ])('of %s may be cut at every byte', async (_what, headers, body) => {
    const whole = await settle({ headers, body });
    for (let at = 1; at < body.length; at += 1) {
      const { verdict, sent } = await settle({ headers, body: [body.subarray(0, at), body.subarray(at)] });
      expect([at, verdict]).toEqual([at, whole.verdict]);
      expect(sent.equals(whole.sent)).toBe(true);
    }
    const single = await settle({ headers, body: Array.from(body, (byte) => Buffer.from([byte])) });
    expect(single.verdict).toBe(whole.verdict);
  });

  test('of nothing are no end', async () => {
    expect(await ask({ headers: XML, body: [Buffer.alloc(0), Buffer.from(message), Buffer.alloc(0)] })).toMatchObject({
      kind: 'operation',
    });
    expect(streamOf([])).toBeDefined();
  });
});

import fc from 'fast-check';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClientAsync } from 'soap';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTree, type Element } from '@banyan/gateway/core/soap/tree';
import { SOAP_CODES, type FaultCode, type SoapCode } from '@banyan/gateway/core/soap/refusal';
import { faultFor, faultOf } from '@banyan/gateway/soap/fault';
import { SOAP11, SOAP12 } from './samples.ts';

interface Shape {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: readonly Shape[];
}

const shapeOf = (element: Element): Shape => ({
  name: `{${element.namespace}}${element.local}`,
  attributes: Object.fromEntries([...element.attributes, ...element.qualified]),
  content: element.children.map(shapeOf),
});

function parsed(body: Buffer): Shape {
  const tree = parseTree(body.toString());
  if (tree.kind === 'broken') throw new Error(tree.because);
  return shapeOf(tree.root);
}

const leaf = (name: string, attributes: Record<string, string> = {}): Shape => ({ name, attributes, content: [] });
const node = (name: string, ...content: Shape[]): Shape => ({ name, attributes: {}, content });
const code = node('{urn:banyan:gateway}code');

describe('a fault', () => {
  test('of SOAP 1.1 is what the schema of its envelope asks for, in order', () => {
    const fault = faultOf('1.1', { code: 'Client', reason: 'No.', gw: 'GW_SOAP_SHAPE' });
    expect(fault).toMatchObject({ status: 500, contentType: 'text/xml; charset=utf-8' });
    expect(parsed(fault.body)).toEqual(
      node(
        `{${SOAP11}}Envelope`,
        // Unqualified, and without attributes: the schema has plain strings here.
        node(
          `{${SOAP11}}Body`,
          node(`{${SOAP11}}Fault`, leaf('{}faultcode'), leaf('{}faultstring'), node('{}detail', code)),
        ),
      ),
    );
    expect(fault.body.toString()).toContain('<faultcode>soap:Client</faultcode><faultstring>No.</faultstring>');
  });

  test('of SOAP 1.2 is what the schema of its envelope asks for, in order', () => {
    const fault = faultOf('1.2', { code: 'Client', reason: 'No.', gw: 'GW_SOAP_SHAPE' }, 413);
    expect(fault).toMatchObject({ status: 413, contentType: 'application/soap+xml; charset=utf-8' });
    const env = (local: string): string => `{${SOAP12}}${local}`;
    expect(parsed(fault.body)).toEqual(
      node(
        env('Envelope'),
        node(
          env('Body'),
          node(
            env('Fault'),
            node(env('Code'), leaf(env('Value'))),
            node(env('Reason'), leaf(env('Text'), { '{http://www.w3.org/XML/1998/namespace}lang': 'en' })),
            node(env('Detail'), code),
          ),
        ),
      ),
    );
    expect(fault.body.toString()).toContain('<soap:Value>soap:Sender</soap:Value>');
  });

  test.each<[FaultCode, string, string]>([
    ['Client', 'soap:Client', 'soap:Sender'],
    ['Server', 'soap:Server', 'soap:Receiver'],
    ['VersionMismatch', 'soap:VersionMismatch', 'soap:VersionMismatch'],
    ['MustUnderstand', 'soap:MustUnderstand', 'soap:MustUnderstand'],
  ])('%s is %s in 1.1 and %s in 1.2', (faultcode, old, current) => {
    const text = (version: '1.1' | '1.2'): string =>
      faultOf(version, { code: faultcode, reason: '', gw: '' }).body.toString();
    expect(text('1.1')).toContain(`>${old}<`);
    expect(text('1.2')).toContain(`>${current}<`);
  });

  test('is well-formed whatever its reason says, and says it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom<'1.1' | '1.2'>('1.1', '1.2'), (reason, version) => {
        const xml = faultOf(version, { code: 'Client', reason, gw: 'GW_X' }).body.toString();
        expect(parseTree(xml).kind).toBe('tree');
      }),
      { numRuns: 500 },
    );
    const xml = faultOf('1.1', {
      code: 'Client',
      reason: '<a> & "b"\u0000\u0008\ud800\uffff]]>\r\n😀',
      gw: 'GW_X',
    }).body.toString();
    expect(xml).toContain('<faultstring>&#60;a&#62; &#38; &#34;b&#34;\ufffd]]&#62;&#13;\n😀</faultstring>');
  });
});

describe('the status of a refusal', () => {
  test.each(Object.entries(SOAP_CODES))('%s', (because, { status, faultcode }) => {
    const refused = {
      kind: 'refused',
      version: '1.1',
      because: because as SoapCode,
      status,
      faultcode,
      reason: 'why',
    } as const;
    expect(faultFor(refused)).toMatchObject({ status });
    // Many clients parse a fault on 500 only; other statuses are HTTP's own words.
    expect([500, 400, 405, 408, 413, 415]).toContain(status);
  });
});

describe('a client', () => {
  let server: Server;
  let answer: ReturnType<typeof faultOf>;
  const wsdl = join(fileURLToPath(new URL('.', import.meta.url)), '../../../legacy-monolith/wsdl/OrderService.wsdl');

  beforeAll(async () => {
    server = createServer((incoming, response) => {
      incoming.resume();
      response.writeHead(answer.status, { 'content-type': answer.contentType });
      response.end(answer.body);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => void server.close());

  test.each(['1.1', '1.2'] as const)('of node-soap reads a fault of %s as the fault that it is', async (version) => {
    answer = faultOf(version, { code: 'Client', reason: 'Not <this> & not that.', gw: 'GW_SOAP_ACTION' });
    const { port } = server.address() as AddressInfo;
    const client = await createClientAsync(wsdl, { endpoint: `http://127.0.0.1:${port}/` });
    const failure: unknown = await (client['GetOrderAsync'] as (input: object) => Promise<unknown>)({
      orderId: '1',
    }).catch((error: unknown) => error);
    expect(String(failure)).toContain('Not <this> & not that.');
    expect(String(failure)).toContain('GW_SOAP_ACTION');
  });
});

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createClientAsync, type IOptions } from 'soap';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultFor } from '@banyan/gateway/soap/fault';
import { identify, type Identified } from '@banyan/gateway/soap/identify';
import { bodyOf } from '@banyan/gateway/soap/passage';
import { loadService, type SoapService } from '@banyan/gateway/soap/wsdl';

// A real client, with its own idea of headers and envelopes, against a server that does no more than identify.

const wsdl = fileURLToPath(new URL('../../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));

describe("a call of node-soap's client", () => {
  let server: Server;
  let service: SoapService;
  let seen: Identified[] = [];
  let bytes = 0;

  beforeAll(async () => {
    service = await loadService('/soap/OrderService', wsdl);
    server = createServer((incoming, response) => {
      void (async () => {
        const { method = '', rawHeaders } = incoming;
        const found = await identify({ method, rawHeaders, body: incoming }, service, {
          check: 'whole',
          actionMismatch: 'refuse',
          timeoutMs: 20_000,
        });
        seen.push(found);
        if (found.kind !== 'operation') {
          const fault = faultFor(
            found.kind === 'refused'
              ? found
              : {
                  kind: 'refused',
                  version: '1.1',
                  status: 500,
                  because: 'GW_SOAP_METHOD',
                  faultcode: 'Server',
                  reason: found.kind,
                },
          );
          return response.writeHead(fault.status, { 'content-type': fault.contentType }).end(fault.body);
        }
        for await (const chunk of bodyOf(found, incoming)) bytes += chunk.length;
        const out = found.operations[0]?.name ?? '';
        const namespace =
          found.version === '1.1'
            ? 'http://schemas.xmlsoap.org/soap/envelope/'
            : 'http://www.w3.org/2003/05/soap-envelope';
        response.writeHead(200, { 'content-type': 'text/xml' });
        return response.end(
          `<e:Envelope xmlns:e="${namespace}"><e:Body><${out}Response xmlns="${found.namespace}"/></e:Body></e:Envelope>`,
        );
      })();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => void server.close());

  async function call(
    options: IOptions,
    operation: string,
    input: object,
    headers: Record<string, string> = {},
  ): Promise<unknown> {
    const { port } = server.address() as AddressInfo;
    const all: IOptions = { ...options, endpoint: `http://127.0.0.1:${port}/soap/OrderService` };
    const client = await createClientAsync(wsdl, all);
    seen = [];
    bytes = 0;
    const method = client[`${operation}Async`] as (input: object, options: object, headers: object) => Promise<unknown>;
    return await method(input, {}, headers).catch((error: unknown) => error);
  }

  test.each<[string, IOptions, '1.1' | '1.2']>([
    ['as it comes', {}, '1.1'],
    ['in SOAP 1.2', { forceSoap12Headers: true }, '1.2'],
    ['in another namespace prefix', { envelopeKey: 'x' }, '1.1'],
  ])('is known %s', async (_how, options, version) => {
    for (const operation of ['GetOrder', 'CancelOrder', 'ListOrders']) {
      await call(options, operation, { orderId: '42' });
      expect(seen).toMatchObject([{ kind: 'operation', version, name: operation, operations: [{ name: operation }] }]);
      expect(bytes).toBeGreaterThan(100);
    }
  });

  test('with a long input is streamed', async () => {
    await call({}, 'GetOrder', { orderId: 'x'.repeat(300_000) });
    expect(seen).toMatchObject([{ kind: 'operation', name: 'GetOrder', complete: false }]);
    expect(bytes).toBeGreaterThan(300_000);
  });

  test('with the action of another operation gets a fault that it understands', async () => {
    const failure = await call(
      {},
      'GetOrder',
      { orderId: '42' },
      { SOAPAction: '"http://reeferdesk.example/orders/v1/CancelOrder"' },
    );
    expect(seen).toMatchObject([{ kind: 'refused', because: 'GW_SOAP_ACTION' }]);
    expect(String(failure)).toContain('The action names CancelOrder');
  });
});

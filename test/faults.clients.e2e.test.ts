/**
 * Every kind of fault that the facade makes itself, as four stacks of clients take it: as a fault, with the code of its version and
 * the facade's own in its detail. Calls are spoilt on their way between client and facade, or what stands behind it fails.
 */
import { request, type ClientRequest } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ask, type Desk } from './support/calls.ts';
import { root } from './support/example.ts';
import { behind, describing, openFacade, type Behind, type Facade } from './support/facade.ts';
import { free } from './support/free.ts';
import { record, type Passing, type Recorder } from './support/recorder.ts';
import { judge, lacksJudge } from './support/schema.ts';
import { lacks, leftOut, openClient, versionsOf, type Client, type Said, type Stack } from './support/stacks.ts';

const stacks: readonly Stack[] = ['zeep', 'suds', 'cxf', 'node-soap'];
const folder = join(root, 'legacy-monolith/wsdl');
const ORDERS = 'http://reeferdesk.example/orders/v1';
const VOYAGES = 'http://reeferdesk.example/voyages/v1';

/** Replaces in the text of a message. */
const spoilt =
  (change: (text: string) => string) =>
  ({ headers, body }: Passing): Passing => ({ headers, body: Buffer.from(change(body.toString())) });

const SOAP11 = 'http://schemas.xmlsoap.org/soap/envelope/';

function misled({ headers, body }: Passing): Passing {
  const action = headers['soapaction'] === undefined ? {} : { soapaction: `"${ORDERS}/CancelOrder"` };
  const type = String(headers['content-type']).replace(/GetOrder"/, 'CancelOrder"');
  return { headers: { ...headers, ...action, 'content-type': type }, body };
}

/** Says that the envelope is of the other version. */
function mislabelled({ headers, body }: Passing): Passing {
  const type = String(headers['content-type']);
  const other = /soap\+xml/.test(type) ? 'text/xml; charset=utf-8' : 'application/soap+xml; charset=utf-8';
  return { headers: { ...headers, 'content-type': other }, body };
}

/** What the facade refuses in a message, with its code and whose fault it is. */
const spoiling: readonly (readonly [string, string, (passing: Passing) => Passing])[] = [
  ['an action of another operation', 'GW_SOAP_ACTION', misled],
  ['a body that is cut short', 'GW_SOAP_MALFORMED', spoilt((text) => text.slice(0, text.lastIndexOf('</')))],
  ['tags that do not match', 'GW_SOAP_MALFORMED', spoilt((text) => text.replace(/<\/([\w-]+:)?Body>/, '</$1Bodx>'))],
  ['a DOCTYPE', 'GW_SOAP_DOCTYPE', spoilt((text) => `<!DOCTYPE x>${text.replace(/^<\?xml[^>]*\?>\s*/, '')}`)],
  ['the Content-Type of the other version', 'GW_SOAP_VERSION', mislabelled],
  [
    'a second body element',
    'GW_SOAP_SHAPE',
    spoilt((text) => text.replace(/(<\/(?:[\w-]+:)?Body>)/, '<x xmlns="urn:x"/>$1')),
  ],
  ['more depth than the limit', 'GW_SOAP_LIMIT', spoilt((text) => deep(text, '<a>'.repeat(300) + '</a>'.repeat(300)))],
  ['a name that poisons servers', 'GW_SOAP_NAME', spoilt((text) => deep(text, '<a id="__proto__"/>'))],
];

/** Puts something into the operation's element. */
const deep = (text: string, more: string): string => text.replace(/(<\/(?:[\w-]+:)?GetOrder>)/, `${more}$1`);

/** What fails behind the facade, by the operation that it is asked for. */
const failing = [
  ['an upstream that is down', 'BookOrder', 'GW_UPSTREAM_UNREACHABLE'],
  ['an upstream that does not answer in time', 'CancelOrder', 'GW_UPSTREAM_TIMEOUT'],
  ['an upstream that breaks off', 'UpdateOrder', 'GW_UPSTREAM_BROKEN'],
  ['an open breaker', 'CreateOrder', 'GW_BREAKER_OPEN'],
  ['an operation that is held', 'ListOrders', 'GW_HELD'],
  ['an upstream with all that it may have', 'GetVoyage', 'GW_OVERLOADED'],
  ['an answer that the bridge cannot tell', 'ListVoyages', 'GW_BRIDGE_ANSWER'],
] as const;

const address = { street: 'a', city: 'b', country: 'c', zipcode: 'd' };
const order = {
  productId: 'P',
  customerId: 'C',
  quantity: '1',
  pickupAddress: address,
  pickupDate: '2026-03-02T08:30:00',
  destinationAddress: address,
  expectedDeliveryDate: '2026-06-01T08:30:00',
};
const inputs: Readonly<Record<string, Record<string, unknown>>> = {
  BookOrder: { orderId: '1' },
  CancelOrder: { orderId: '1' },
  UpdateOrder: { orderId: '1', order },
  CreateOrder: { order },
  ListOrders: {},
  GetVoyage: { voyageId: '1' },
  ListVoyages: {},
};

let legacy: Behind;
let silent: Behind;
let broken: Behind;
let unfit: Behind;
let facade: Facade;
let recorder: Recorder;
const servers: Behind[] = [];
const waiting: ClientRequest[] = [];

beforeAll(async () => {
  legacy = await behind((req, res) => {
    void describing(folder, req, res).then((told) => told || res.writeHead(500).end());
  });
  silent = await behind((req) => void req.resume());
  broken = await behind((req) => void req.resume().once('end', () => req.socket.destroy()));
  // JSON that lacks what the schema asks for.
  unfit = await behind((_req, res) =>
    res.writeHead(200, { 'content-type': 'application/json' }).end('{"items":[{}],"total":1}'),
  );
  servers.push(legacy, silent, broken, unfit);
  recorder = await record(() => facade.url);
  facade = await openFacade(await table());
  // What waits for a connection fills the upstream that has one.
  await crowd(1_100);
  // The breaker of what is down opens by the first failures.
  for (let index = 0; index < 3; index += 1)
    await fetch(`${facade.url}/soap/OrderService`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml' },
      body: raw('CreateOrder'),
    });
});

/** Sends so many calls that are never answered, and resolves when the next one finds no room. */
async function crowd(count: number): Promise<void> {
  const body = raw('GetVoyage', VOYAGES);
  const headers = { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(body) };
  for (let index = 0; index < count; index += 1) {
    const one = request(`${facade.url}/soap/VoyageService`, { method: 'POST', headers, agent: false });
    one.on('error', () => undefined).end(body);
    waiting.push(one);
  }
  const full = async (): Promise<boolean> =>
    (await (await fetch(`${facade.adminUrl}/metrics`)).text()).includes('because="overloaded"');
  await vi.waitUntil(full, { timeout: 30_000, interval: 50 });
}

const raw = (name: string, namespace = ORDERS): string =>
  `<s:Envelope xmlns:s="${SOAP11}"><s:Body><${name} xmlns="${namespace}"/></s:Body></s:Envelope>`;

const table = async (): Promise<string> => `version: 1
publicUrl: ${recorder.url}
upstreams:
  legacy: ${legacy.url}
  down: { url: "http://127.0.0.1:${await free()}", breaker: { volume: 1000000 } }
  opened: { url: "http://127.0.0.1:${await free()}", breaker: { volume: 2, reset: 1h } }
  silent: { url: "${silent.url}", timeout: { headers: 200ms }, breaker: { volume: 1000000 } }
  broken: { url: "${broken.url}", breaker: { volume: 1000000 } }
  unfit: ${unfit.url}
  crowded: { url: "${silent.url}", connections: 1, timeout: { headers: 1h } }
default: legacy
wsdls:
  /soap/OrderService: { file: "${folder}/OrderService.wsdl" }
  /soap/VoyageService: { file: "${folder}/VoyageService.wsdl" }
routes:
  down: { match: SOAP /soap/OrderService BookOrder, stage: new, new: down }
  opened: { match: SOAP /soap/OrderService CreateOrder, stage: new, new: opened }
  silent: { match: SOAP /soap/OrderService CancelOrder, stage: new, new: silent }
  broken: { match: SOAP /soap/OrderService UpdateOrder, stage: new, new: broken }
  unfit: { match: SOAP /soap/VoyageService ListVoyages, stage: new, new: { upstream: unfit, rest: GET /voyages, response: { 200: { voyage: $.items, totalCount: $.total } } } }
  crowded: { match: SOAP /soap/VoyageService GetVoyage, stage: new, new: crowded }
  held: { match: SOAP /soap/OrderService ListOrders, stage: held }
  gone: { match: SOAP /soap/OrderService GetOrder, stage: gone, gone: "Orders have <moved> & are \\"elsewhere\\"." }
`;

afterEach(() => {
  recorder.alter = null;
});

afterAll(async () => {
  for (const one of waiting) one.destroy();
  await facade?.close();
  await recorder?.close();
  await Promise.all(servers.map((server) => server.close()));
});

/** The code of a version's fault: 1.1 says Client and Server. */
const codeIn = (version: '11' | '12', code: string): string =>
  version === '11' ? code : ({ Client: 'Sender', Server: 'Receiver' }[code] ?? code);

const taken = (said: Said): unknown =>
  said.kind === 'fault' ? { code: said.code, detail: said.detail, said: said.reason !== '' } : said;

for (const name of stacks) {
  describe.skipIf(leftOut(`faults.clients.e2e.test.ts: ${name}`, lacks(name)))(`${name} takes for a fault`, () => {
    let client: Client;
    beforeAll(() => {
      client = openClient(name);
    });
    afterAll(() => client?.close());

    describe.each(versionsOf[name])('of SOAP %s', (version) => {
      const desk = (): Desk => ({ at: recorder.url, legacy: legacy.url, version });

      test.each(spoiling)('%s (%s)', async (_what, own, alter) => {
        recorder.alter = alter;
        const said = await ask(client, desk(), 'OrderService GetOrder', { orderId: '1' });
        const code = own === 'GW_SOAP_VERSION' ? 'VersionMismatch' : 'Client';
        expect(taken(said)).toEqual({ code: codeIn(version, code), detail: { name: 'code', fields: own }, said: true });
        expect(recorder.seen.at(-1)?.status).toBe(500);
      });

      test.each(failing)('%s (%s: %s)', async (_what, operation, own) => {
        const said = await ask(
          client,
          desk(),
          `${operation.includes('Voyage') ? 'VoyageService' : 'OrderService'} ${operation}`,
          inputs[operation] ?? {},
        );
        expect(taken(said)).toEqual({
          code: codeIn(version, 'Server'),
          detail: { name: 'code', fields: own },
          said: true,
        });
      });

      // Eleven megabytes in each version would show the same.
      test.runIf(version === '11')(
        'or for an error of HTTP, as it looks for faults, a message that is too large',
        async () => {
          recorder.alter = spoilt((text) => deep(text, ' '.repeat(11 * 1024 * 1024)));
          const said = await ask(client, desk(), 'OrderService GetOrder', { orderId: '1' });
          expect(JSON.stringify(said)).toMatch(/"error".*413|"fault".*GW_SOAP_TOO_LARGE/);
        },
      );

      test('an operation that is gone, with the words of the table', async () => {
        const said = await ask(client, desk(), 'OrderService GetOrder', { orderId: '1' });
        expect(said).toMatchObject({ kind: 'fault', reason: 'Orders have <moved> & are "elsewhere".' });
      });
    });
  });
}

test.skipIf(leftOut('faults.clients.e2e.test.ts: schemas', lacksJudge()))(
  'each of these faults is valid by the envelope’s schema',
  () => {
    const faults = recorder.seen.filter(({ method }) => method === 'POST').map(({ answer }) => answer);
    expect(faults.length).toBeGreaterThan(20);
    expect(judge(join(folder, 'orders.xsd'), faults)).toEqual(faults.map(() => []));
  },
);

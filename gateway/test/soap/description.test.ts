import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseTree, type Element } from '@banyan/gateway/core/soap/tree';
import { ask, front, nobody, sha256, upstream, type Answer, type Front } from '../front.ts';

// Descriptions as a client gathers them: from the WSDL along every import to the last schema, all of it at the facade.

const estate = fileURLToPath(new URL('fixtures/estate/', import.meta.url));
const monolith = fileURLToPath(new URL('../../../legacy-monolith/wsdl/', import.meta.url));
const PATH = '/erp/services/Estate';

/** The estate's documents by their path and query at the owner. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  '/erp/services/Estate?wsdl': 'estate.wsdl',
  '/erp/services/Estate?singleWsdl': 'estate.wsdl',
  '/erp/services/Estate?wsdl=ports&v=1': 'ports.wsdl',
  '/erp/schemas/types%20v1.xsd': 'types v1.xsd',
  '/erp/schemas/parts/words.xsd': 'words.xsd',
  '/erp/schemas/parts/numbers.xsd': 'numbers.xsd',
  '/erp/services/Estate?xsd=more': 'more.xsd',
  '/erp/services/Estate?xsd=most': 'most.xsd',
};

const owner =
  (origin: () => string) =>
  (req: IncomingMessage, res: ServerResponse): void => {
    const file = DOCUMENTS[req.url ?? ''];
    if (file === undefined) return void res.writeHead(404).end('no such document');
    const text = readFileSync(estate + file, file === 'estate.wsdl' ? 'latin1' : 'utf8');
    const bytes = Buffer.from(text.replaceAll('http://OWN', origin()), file === 'estate.wsdl' ? 'latin1' : 'utf8');
    res.writeHead(200, { 'content-type': 'text/xml', 'content-length': bytes.length, etag: '"theirs"' }).end(bytes);
  };

const yaml = (legacy: string, more = ''): string => `version: 1
upstreams: { legacy: "${legacy}" }
default: legacy
${more}
wsdls: { ${PATH}: { actionMismatch: refuse } }
routes:
  ask: { match: "SOAP ${PATH} {http://estate.example/types}Ask", stage: held }
`;

async function estateBehind(more = ''): Promise<{ gate: Front; origin: string; seen: readonly { url: string }[] }> {
  let origin = '';
  const legacy = await upstream(owner(() => origin));
  origin = legacy.url;
  return { gate: await front(yaml(legacy.url, more)), origin, seen: legacy.seen };
}

interface Document {
  readonly url: string;
  readonly answer: Answer;
  readonly root: Element;
}

/** Everything that a client would load, by its URL; what is not at `base` is not asked for. @param at what stands behind `base` */
async function crawl(start: string, base: string, at: string): Promise<ReadonlyMap<string, Document>> {
  const found = new Map<string, Document>();
  const waiting = [start];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    if (found.has(url) || !url.startsWith(`${base}/`)) continue;
    const answer = await ask(at + url.slice(base.length));
    const tree = parseTree(answer.body.toString('latin1'));
    if (tree.kind === 'broken') throw new Error(`${url}: ${answer.status} ${tree.because}`);
    found.set(url, { url, answer, root: tree.root });
    for (const location of locations(tree.root)) waiting.push(new URL(location, url).href);
  }
  return found;
}

const locations = (element: Element): readonly string[] => [
  ...['location', 'schemaLocation'].flatMap((name) =>
    ['import', 'include', 'redefine'].includes(element.local) ? (element.attributes.get(name) ?? []) : [],
  ),
  ...element.children.flatMap(locations),
];

const addresses = (text: string): readonly string[] =>
  [...text.matchAll(/(?:address location=["']|<a:Address>)([^"'<]*)/g)].map(([, found = '']) => found);

describe('an estate of documents', () => {
  test.each([
    ['as the facade listens', '', null],
    [
      'behind a proxy with a path of its own',
      'publicUrl: https://api.example.com/base',
      'https://api.example.com/base',
    ],
    ['behind a proxy without', 'publicUrl: https://api.example.com/', 'https://api.example.com'],
  ])('is found at the facade to its last schema, %s', async (_how, more, publicUrl) => {
    const { gate, origin } = await estateBehind(more);
    const base = publicUrl ?? gate.url;
    const documents = await crawl(`${base}${PATH}?wsdl`, base, gate.url);
    const expected = Object.keys(DOCUMENTS).filter((target) => !target.includes('singleWsdl'));
    expect([...documents.keys()].toSorted()).toEqual(expected.map((target) => base + target).toSorted());
    for (const { answer } of documents.values()) {
      expect(answer.status).toBe(200);
      // Words stay; what leads somewhere does not lead there.
      expect(answer.body.toString('latin1').replace(/<w:documentation>.*?<\/w:documentation>/, '')).not.toContain(
        origin,
      );
      expect(answer.headers['content-length']).toBe(String(answer.body.length));
      expect(answer.headers.etag).toMatch(/^"[\w-]{43}"$/);
    }
  });

  test('has the address of each port that is its owner’s at the facade, and of no other', async () => {
    const { gate } = await estateBehind();
    const answer = await ask(`${gate.url}${PATH}?wsdl`);
    const own = `${gate.url}${PATH}`;
    expect(addresses(answer.body.toString('latin1'))).toEqual([
      own,
      own,
      own,
      `${own}/plain`,
      `${gate.url}/erp/services/Other`,
      'https://partner.example/estate',
    ]);
  });

  test('keeps its charset, to the byte', async () => {
    const { gate } = await estateBehind();
    const { body } = await ask(`${gate.url}${PATH}?singleWsdl`);
    expect(body.includes(Buffer.from('Köln', 'latin1'))).toBe(true);
    expect(body.toString('latin1')).toContain('encoding="ISO-8859-1"');
  });

  test('is not sent again to who has it', async () => {
    const { gate } = await estateBehind();
    const url = `${gate.url}${PATH}?wsdl`;
    const first = await ask(url);
    const etag = first.headers.etag ?? '';
    for (const known of [etag, `"other", W/${etag}`, '*']) {
      const again = await ask(url, { headers: { 'if-none-match': known } });
      expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag]);
    }
    for (const known of ['"other"', '"theirs"']) {
      const again = await ask(url, { headers: { 'if-none-match': known } });
      expect([again.status, again.sha256]).toEqual([200, first.sha256]);
    }
    const head = await ask(url, { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.headers.etag]).toEqual([
      200,
      String(first.body.length),
      etag,
    ]);
  });

  test('is addressed as trusted proxies call the facade, and never as a Host says', async () => {
    const { gate } = await estateBehind('trustProxy: true');
    const forwarded = {
      'x-forwarded-for': '192.0.2.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'api.example.com',
    };
    const told = await ask(`${gate.url}${PATH}?wsdl`, { headers: forwarded });
    expect(addresses(told.body.toString('latin1'))[0]).toBe(`https://api.example.com${PATH}`);
    const untold = await ask(`${gate.url}${PATH}?wsdl`, { headers: { host: 'evil.example' } });
    expect(addresses(untold.body.toString('latin1'))[0]).toBe(gate.url + PATH);
    const { gate: wary } = await estateBehind();
    const spoofed = await ask(`${wary.url}${PATH}?wsdl`, { headers: { ...forwarded, host: 'evil.example' } });
    expect(addresses(spoofed.body.toString('latin1'))[0]).toBe(wary.url + PATH);
  });
});

describe('a description whose owner cannot be asked', () => {
  const table = (legacy: string, file = `file: "${monolith}OrderService.wsdl"`): string => `version: 1
upstreams: { legacy: { url: "${legacy}", breaker: { volume: 100 } } }
default: legacy
wsdls: { /soap/OrderService: { ${file} } }
routes: { get: { match: SOAP /soap/OrderService GetOrder, stage: held } }
`;

  test.each([
    ['is gone', null],
    ['has become another, which does not know it', 404],
    ['is ill', 503],
  ])('is served from its files when that %s', async (_what, status) => {
    const legacy =
      status === null ? await nobody() : (await upstream((_req, res) => res.writeHead(status).end('no'))).url;
    const gate = await front(table(legacy));
    const documents = await crawl(`${gate.url}/soap/OrderService?wsdl`, gate.url, gate.url);
    expect([...documents.keys()].map((url) => url.slice(gate.url.length)).toSorted()).toEqual([
      '/soap/OrderService?wsdl',
      '/soap/common.xsd',
      '/soap/orders.xsd',
    ]);
    for (const { answer } of documents.values()) {
      expect(answer.headers).toMatchObject({
        'banyan-served-by': 'none',
        'banyan-because': 'description',
        'content-type': 'text/xml',
      });
    }
    const own = `${gate.url}/soap/OrderService`;
    const wsdl = documents.get(`${own}?wsdl`)?.answer;
    expect(addresses(wsdl?.body.toString() ?? '')).toEqual([own, own]);
    const again = await ask(`${own}?wsdl`, { headers: { 'if-none-match': wsdl?.headers.etag ?? '' } });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    const schema = documents.get(`${gate.url}/soap/orders.xsd`)?.answer.sha256;
    expect(schema).toBe(sha256(readFileSync(`${monolith}orders.xsd`)));
    expect((await ask(`${own}?xsd=orders.xsd`)).sha256).toBe(schema);
  });

  test.each([
    '/soap/OrderService?xsd=../package.json',
    '/soap/%2e%2e/package.xsd',
    '/soap/other.xsd',
    '/soap/OrderService?xsd=',
  ])('is nothing else than those files: %s', async (target) => {
    const gate = await front(table(await nobody()));
    const answer = await ask(gate.url + target);
    expect([answer.status, answer.headers['content-type']]).toEqual([502, 'application/problem+json']);
  });

  test('is a problem where there are no files', async () => {
    const gate = await front(yaml(await nobody()));
    expect((await ask(`${gate.url}${PATH}?wsdl`)).status).toBe(502);
  });

  test('is still its owner’s word when that says who may have it', async () => {
    const legacy = await upstream((_req, res) => res.writeHead(401, { 'www-authenticate': 'Basic' }).end('who?'));
    const gate = await front(table(legacy.url));
    const answer = await ask(`${gate.url}/soap/OrderService?wsdl`);
    expect([answer.status, answer.body.toString()]).toEqual([401, 'who?']);
  });
});

describe('a service that has moved', () => {
  const table = (legacy: string, orders: string, stages: readonly string[]): string => `version: 1
upstreams: { legacy: "${legacy}", orders: "${orders}" }
default: legacy
wsdls: { /soap/VoyageService: { file: "${monolith}VoyageService.wsdl" } }
routes:
  get: { match: SOAP /soap/VoyageService GetVoyage, effect: read, stage: ${stages[0]}, new: orders }
  list: { match: SOAP /soap/VoyageService ListVoyages, effect: read, stage: ${stages[1]}, new: orders }
`;
  const saying =
    (name: string, own: () => string) =>
    (_req: IncomingMessage, res: ServerResponse): void =>
      void res.end(
        `<definitions name="${name}" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"><s:address location="${own()}/soap/VoyageService"/></definitions>`,
      );

  test('is described by its new owner once all its operations are there, and by legacy until then', async () => {
    let own = '';
    const legacy = await upstream(saying('legacy', () => legacy.url));
    const orders = await upstream(saying('orders', () => own));
    own = orders.url;
    const gate = await front(table(legacy.url, orders.url, ['legacy', 'legacy']));
    for (const [stages, name, side] of [
      [['new', 'legacy'], 'legacy', 'legacy'],
      [['new', 'canary 99%'], 'legacy', 'legacy'],
      [['new', 'new'], 'orders', 'new'],
      [['new', 'retired'], 'orders', 'new'],
    ] as const) {
      await gate.turn(table(legacy.url, orders.url, stages));
      const answer = await ask(`${gate.url}/soap/VoyageService?wsdl`);
      expect(answer.body.toString()).toContain(`name="${name}"`);
      expect(addresses(answer.body.toString().replace('s:address', 'a:address'))).toEqual([
        `${gate.url}/soap/VoyageService`,
      ]);
      expect(answer.headers['banyan-served-by']).toBe(side);
    }
  });
});

/**
 * The corpus under `test/parity/corpus`, sent to ReeferDesk and to the order service as `npm start` runs them: one test a
 * request, and the ledger of the committed `routing.yaml` is all that excuses a difference. Then answers are spoilt on purpose,
 * to see that the same run notices.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { formatFences, readWatermark } from '@banyan/backbone/core/fence';
import { compile, match } from '@banyan/gateway/core/match';
import type { Table } from '@banyan/gateway/core/table';
import { readCorpus, type Item } from '@banyan/gateway/parity/corpus';
import { differenceLine } from '@banyan/gateway/parity/report';
import { run, type Result } from '@banyan/gateway/parity/run';
import { loadRouting } from '@banyan/gateway/routing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makePlace, READY, root, type Place } from './support/example.ts';
import type { Running } from './support/processes.ts';

// As many as `npm start` makes: the corpus names the last page and the last order.
const ORDERS = 20_000;
const START_LIMIT_MS = 170_000;
const FRESH_LIMIT_MS = 60_000;

// The committed file itself: nothing here edits it.
const routingFile = join(root, 'routing.yaml');
const corpus = await readCorpus(join(root, 'test/parity/corpus'));
let place: Place;
let stack: Running;
let table: Table;
let results: readonly Result[] = [];

beforeAll(async () => {
  place = await makePlace(ORDERS);
  stack = place.start({ LEGACY_SEED_CUSTOMERS: '2000', ROUTING_FILE: routingFile });
  await stack.line(READY, START_LIMIT_MS);
  await vi.waitUntil(isFresh, { timeout: FRESH_LIMIT_MS, interval: 100 });
  const loaded = await loadRouting(routingFile, { ...process.env, ...place.env });
  if (loaded.kind === 'rejected') throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  ({ table } = loaded);
  results = await runOn(table, corpus);
});

afterAll(async () => {
  await stack.stop();
  await place.remove();
});

function runOn(asked: Table, items: readonly Item[]): Promise<readonly Result[]> {
  const matcher = compile(asked.routes);
  return run({
    table: asked,
    match: (method, path) => match(matcher, method, path),
    corpus: items,
    today: new Date().toISOString().slice(0, 10),
    repeat: 2,
    concurrency: 4,
  });
}

/** Whether the read model has everything that the monolith's database had when it was asked. */
async function isFresh(): Promise<boolean> {
  const watermark = readWatermark(await (await fetch(`${place.cdc}/watermark`)).json());
  if (watermark === null) return false;
  const fence = encodeURIComponent(formatFences([{ model: 'orders', at: watermark }]));
  return (await fetch(`${place.orders}/freshness?atLeast=${fence}&wait=1s`)).status === 200;
}

/** What nothing excuses, as a person reads it. */
function open({ findings, detail }: Result): readonly string[] {
  const lines = findings.filter(({ excusedBy }) => excusedBy === null).map((finding) => differenceLine(finding).trim());
  return detail === '' ? lines : [detail, ...lines];
}

describe('each request is answered alike by both sides, but for declared differences', () => {
  test.for(corpus.map(({ request }, index) => ({ name: request.name, target: request.target, index })))(
    '$name',
    ({ index, target }, context) => {
      const result = results[index];
      if (result?.verdict === 'skipped') context.skip(`${result.because}: ${target}`);
      expect(result === undefined ? ['it was not asked'] : open(result)).toEqual([]);
      expect(result?.verdict).toMatch(/^(?:match|declared|noise)$/);
    },
  );
});

describe('the run as a whole', () => {
  test('compares at least eighty requests, and every read route', () => {
    const compared = results.filter(({ verdict }) => verdict !== 'skipped');
    expect(compared.length).toBeGreaterThanOrEqual(80);
    const reads = table.routes.filter(
      ({ effect, match: { kind }, successor }) => kind === 'rest' && effect === 'read' && successor !== null,
    );
    expect(new Set(compared.map(({ route }) => route))).toEqual(new Set(reads.map(({ id }) => id)));
  });

  test('skips only what no route names', () => {
    const reasons = results.filter(({ verdict }) => verdict === 'skipped').map(({ because }) => because);
    expect(new Set(reasons)).toEqual(new Set(['no route']));
  });

  test('needs every declared difference of the routes that it asks', () => {
    const used = new Set(results.flatMap(({ findings }) => findings.map(({ excusedBy }) => excusedBy)));
    const asked = new Set(results.map(({ route }) => route));
    const declared = table.differences.filter(({ routes }) => routes.some((id) => asked.has(id))).map(({ id }) => id);
    expect(declared.filter((id) => !used.has(id))).toEqual([]);
  });
});

describe('a defect of the service is found', () => {
  test.each<[string, string, (text: string) => string, string]>([
    [
      'a cent too much',
      '/api/orders/1',
      (text) => text.replace(/"total":"(-?\d+)\.\d\d"/, '"total":"$1.995"'),
      '$.total',
    ],
    [
      'a minute too late',
      '/api/orders/2',
      (text) => text.replace(/("pickupDate":"[^"]*)T\d\d:\d\d/, '$1T23:59'),
      '$.pickupDate',
    ],
    [
      'money of a line',
      '/api/orders/10',
      (text) => text.replace(/"unitPrice":"/, '"unitPrice":"1'),
      '$.items[0].unitPrice',
    ],
    ['a field that is lost', '/api/orders/2', (text) => text.replace(/"voyageId":"[^"]*",/, ''), '$.voyageId'],
    [
      'a digit beyond a float',
      '/api/orders/4',
      (text) => text.replace('9007199254740993', '9007199254740992'),
      '$.specialInstructions.beyond',
    ],
    [
      'an order that is lost from a page',
      '/api/orders?size=3',
      (text) => text.replace(/"items":\[\{"orderId":"\d+"/, '"items":[{"orderId":"0"'),
      '$.items',
    ],
    [
      'another sum of pages',
      '/api/orders?size=3',
      (text) => text.replace(/"total":(\d+)\}$/, '"total":1$1}'),
      '$.total',
    ],
    ['another sentence', '/api/orders/99999999', (text) => text.replace('not found', 'unknown'), '$.error'],
    ['a broken body', '/api/orders/1', (text) => text.slice(0, -1), '$'],
    [
      'a container in another city',
      '/api/containers?city=Bergen',
      (text) => text.replace('"Bergen"', '"bergen"'),
      '$.items[0].city',
    ],
  ])('%s', async (...[, target, spoil, path]) => {
    const tampering = await listen(spoil);
    try {
      const orders = table.upstreams.get('orders');
      if (orders === undefined) throw new Error('no upstream is named orders');
      const urls = [`http://127.0.0.1:${(tampering.address() as AddressInfo).port}`];
      const upstreams = new Map([...table.upstreams, ['orders', { ...orders, urls }]]);
      const request = { name: target, method: 'GET', target, headers: [], body: null, line: 1 };
      const [result] = await runOn({ ...table, upstreams }, [{ file: 'here', request }]);
      expect(['mismatch', 'error']).toContain(result?.verdict);
      expect(open(result!).join('\n')).toContain(path);
    } finally {
      tampering.close();
      tampering.closeAllConnections();
    }
  });
});

/** The order service with its answers spoilt. */
async function listen(spoil: (text: string) => string): Promise<Server> {
  const server = createServer((req, res) => {
    void fetch(`${place.orders}${req.url ?? ''}`).then(async (response) => {
      const text = await response.text();
      res.writeHead(response.status, { 'content-type': response.headers.get('content-type') ?? '' }).end(spoil(text));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  ask,
  front,
  nobody,
  saying,
  until,
  upstream,
  valuesOf,
  type Answer,
  type Front,
  type Upstream,
} from './front.ts';
import { envelope } from './soap/samples.ts';

// For whom a stage counts, over real connections: who is moved, whose entity it is, who may choose, and what callers are told.

const SECRET = '0123456789abcdef-secret';

interface World {
  readonly gate: Front;
  readonly legacy: Upstream;
  readonly orders: Upstream;
}

async function world(routes: string, more = ''): Promise<World> {
  const legacy = await upstream(saying('legacy'));
  const orders = await upstream(saying('new'));
  const gate = await front(`version: 1
upstreams: { legacy: '${legacy.url}', orders: '${orders.url}' }
default: legacy
${more}
routes:
${routes}`);
  return { gate, legacy, orders };
}

const said = ({ body, headers }: Answer): string => {
  expect(headers['banyan-served-by']).toBe(body.toString());
  return `${body.toString()} ${String(headers['banyan-because'])}`;
};
const claim = (sub: string): string => `Bearer e30.${Buffer.from(JSON.stringify({ sub })).toString('base64url')}.x`;

describe('a canary', () => {
  test('keeps a caller on one side by the first of its keys that the request has', async () => {
    const { gate } = await world(
      `  a: { match: 'GET|POST /a', stage: canary 50%, new: orders, sticky: [header:x-customer-id, cookie:session, claim:sub] }\n`,
    );
    const by = async (headers: Record<string, string>, method = 'GET'): Promise<string> =>
      said(await ask(`${gate.url}/a`, { headers, method }));
    // Points of 0.217 and 0.856: one is moved, the other is not.
    const [moved, left] = ['C-000042', 'C-000002'];
    for (const [id, expected] of [
      [moved, 'new canary'],
      [left, 'legacy canary'],
    ] as const) {
      expect(await by({ 'x-customer-id': id, cookie: `session=${moved}` })).toBe(expected);
      expect(await by({ cookie: `a=b; session=${id}`, authorization: claim(moved) })).toBe(expected);
      expect(await by({ authorization: claim(id) })).toBe(expected);
      expect(await by({ 'x-customer-id': id }, 'POST')).toBe(expected);
    }
    expect(await by({})).toBe('legacy canary');
  });

  test('tells SOAP callers apart by what stands in their messages, however they are sent', async () => {
    const { gate } = await world(
      `  s: { match: 'SOAP /s {urn:x}Get', effect: read, stage: canary 50%, new: orders, sticky: ['soap:/Get/by/id', header:x-customer-id] }\n`,
    );
    const get = (id: string, more = ''): string =>
      envelope(`<Get xmlns="urn:x">${more}<by><id> ${id}\n</id></by></Get>`);
    const by = async (body: string | Buffer, headers: Record<string, string> = {}): Promise<string> =>
      said(await ask(`${gate.url}/s`, { method: 'POST', body, headers: { 'content-type': 'text/xml', ...headers } }));
    const [moved, left] = ['C-000042', 'C-000002'];
    for (const [id, other, expected] of [
      [moved, left, 'new canary'],
      [left, moved, 'legacy canary'],
    ] as const) {
      expect(await by(get(id), { 'x-customer-id': other })).toBe(expected);
      expect(await by(gzipSync(get(id)), { 'x-customer-id': other, 'content-encoding': 'gzip' })).toBe(expected);
      expect(await by(Buffer.from(`\ufeff${get(id)}`, 'utf16le'), { 'content-type': 'text/xml; charset=utf-16' })).toBe(
        expected,
      );
      // Without it, and where the message is too long to be held, the next key counts.
      expect(await by(get(''), { 'x-customer-id': id })).toBe(expected);
      expect(await by(get(other, `<a>${'x'.repeat(20_000)}</a>`), { 'x-customer-id': id })).toBe(expected);
      expect(
        await by(gzipSync(get(other, `<a>${'x'.repeat(300_000)}</a>`)), {
          'x-customer-id': id,
          'content-encoding': 'gzip',
        }),
      ).toBe(expected);
    }
  });

  test('moves SOAP callers as it moves others', async () => {
    const { gate } = await world(
      `  s: { match: 'SOAP /s {urn:x}Get', effect: read, stage: canary 50%, new: orders, sticky: [header:x-customer-id], when: { header: { x-beta: 'yes' } } }\n`,
    );
    const by = async (headers: Record<string, string>): Promise<string> =>
      said(
        await ask(`${gate.url}/s`, {
          method: 'POST',
          headers: { 'content-type': 'text/xml', ...headers },
          body: envelope('<Get xmlns="urn:x"/>'),
        }),
      );
    expect(await by({ 'x-customer-id': 'C-000042' })).toBe('new canary');
    expect(await by({ 'x-customer-id': 'C-000002' })).toBe('legacy canary');
    expect(await by({ 'x-customer-id': 'C-000002', 'x-beta': 'yes' })).toBe('new when');
  });

  test('gives a read to legacy when new is away, and never a write', async () => {
    const legacy = await upstream(saying('legacy'));
    const gate = await front(`version: 1
upstreams: { legacy: '${legacy.url}', orders: '${await nobody()}' }
default: legacy
routes:
  a: { match: 'GET /a', stage: canary 100%, new: orders }
  b: { match: 'POST /a', stage: canary 100%, new: orders }
`);
    expect(said(await ask(`${gate.url}/a`))).toBe('legacy unreachable');
    const refused = await ask(`${gate.url}/a`, { method: 'POST', body: 'x' });
    expect([refused.status, refused.headers['banyan-served-by'], refused.headers['banyan-because']]).toEqual([
      502,
      'none',
      'canary',
    ]);
    expect(legacy.seen.map(({ method }) => method)).toEqual(['GET']);
  });

  test('moves with the file: a share that grows is in force at once, for the same callers', async () => {
    const route = (share: string): string =>
      `  a: { match: GET /a, stage: canary ${share}, new: orders, sticky: [header:x-customer-id] }\n`;
    const { gate, legacy, orders } = await world(route('10%'));
    const by = async (): Promise<string> =>
      said(await ask(`${gate.url}/a`, { headers: { 'x-customer-id': 'C-000042' } }));
    expect(await by()).toBe('legacy canary');
    const file = `version: 1\nupstreams: { legacy: '${legacy.url}', orders: '${orders.url}' }\ndefault: legacy\nroutes:\n`;
    await gate.turn(`${file}${route('25%')}`);
    expect(await by()).toBe('new canary');
  });
});

describe('an owned entity', () => {
  test('is answered where it was born, at every stage and whoever asks', async () => {
    const { gate, legacy, orders } = await world(
      `  book: { match: 'POST /orders/:id/book', stage: legacy, new: orders, owner: { param: id, legacy: '^[0-9]+$' }, exclusive: true }\n`,
      `overrides: { secret: ${SECRET} }`,
    );
    const book = async (id: string, headers = {}): Promise<string> =>
      said(await ask(`${gate.url}/orders/${id}/book`, { method: 'POST', headers, body: '{}' }));
    expect(await book('42')).toBe('legacy owner');
    expect(await book('O-42')).toBe('new owner');
    expect(await book('42', { 'banyan-override': `${SECRET} new` })).toBe('legacy owner');
    expect([legacy.seen.length, orders.seen.length]).toEqual([2, 1]);
  });
});

describe('a tester', () => {
  const ROUTES = `  a: { match: GET /a, stage: legacy, new: orders }
  held: { match: GET /held, stage: held, new: orders }
  one: { match: POST /one, stage: legacy, new: orders, exclusive: true }
`;

  test('with the secret gets the side that they ask for, and the wish goes no further', async () => {
    const { gate, orders } = await world(ROUTES, `overrides: { secret: ${SECRET} }`);
    const answer = await ask(`${gate.url}/a`, { headers: { 'Banyan-Override': `${SECRET} new` } });
    expect(said(answer)).toBe('new override');
    expect(valuesOf(orders.seen[0]?.rawHeaders ?? [], 'banyan-override')).toEqual([]);
    await until(async () => (await gate.ended('because="override"', 'side="new"')) === 1);
  });

  test.each([
    ['a wrong secret', 'wrong-wrong-wrong-wrong new'],
    ['a secret that is longer', `${SECRET}x new`],
    ['no side', SECRET],
    ['a side that there is not', `${SECRET} orders`],
    ['two sides', `${SECRET} new legacy`],
    ['nothing', ''],
  ])('with %s changes nothing', async (_name, value) => {
    const { gate } = await world(ROUTES, `overrides: { secret: ${SECRET} }`);
    expect(said(await ask(`${gate.url}/a`, { headers: { 'banyan-override': value } }))).toBe('legacy stage');
  });

  test('changes nothing where the file names no secret, where nobody answers, and where both sides must not act', async () => {
    const { gate } = await world(ROUTES);
    const headers = { 'banyan-override': `${SECRET} new` };
    expect(said(await ask(`${gate.url}/a`, { headers }))).toBe('legacy stage');
    const guarded = await world(ROUTES, `overrides: { secret: ${SECRET} }`);
    expect((await ask(`${guarded.gate.url}/held`, { headers })).headers['banyan-because']).toBe('held');
    expect(said(await ask(`${guarded.gate.url}/one`, { method: 'POST', headers }))).toBe('legacy stage');
  });
});

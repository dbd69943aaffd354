import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import pg from 'pg';
import { startPostgres, type EmbeddedPostgres } from '@banyan/stack/postgres';
import { run, type Running } from '../../test/support/processes.ts';
import { answerTo, ask, front, open, until, type Answer } from './front.ts';
import { envelope } from './soap/samples.ts';

// The shield on the real thing: what poisons ReeferDesk when it stands alone does not reach it through the facade.

const program = fileURLToPath(new URL('../../legacy-monolith/dist/main.js', import.meta.url));
const wsdl = fileURLToPath(new URL('../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));
const NS = 'http://reeferdesk.example/orders/v1';
const PATH = '/soap/OrderService';
const GIGABYTE = 1024 ** 3;
const XML = { 'content-type': 'text/xml; charset=utf-8' };

let folder: string;
let postgres: EmbeddedPostgres;
let databases = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-shield-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    password: 'test',
    flags: ['fsync=off'],
  });
});
afterAll(async () => {
  await postgres?.stop('immediate');
  await rm(folder, { recursive: true, force: true });
});

interface Monolith {
  readonly process: Running;
  readonly url: string;
  /** An order that it has. */
  readonly orderId: string;
}

/** ReeferDesk with a database of its own and fifty orders. */
async function monolith(): Promise<Monolith> {
  databases += 1;
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(`CREATE DATABASE desk${databases}`);
  await client.end();
  const database = new URL(postgres.url);
  database.pathname = `/desk${databases}`;
  const child = run(process.execPath, [program], {
    env: {
      DATABASE_URL_LEGACY: database.href,
      LEGACY_PORT: '0',
      LEGACY_SEED_ORDERS: '50',
      LEGACY_SEED_CUSTOMERS: '10',
    },
  });
  onTestFinished(async () => void (await child.stop()));
  const url = (await child.line(/^ready http/)).slice('ready '.length);
  const { items } = JSON.parse((await ask(`${url}/api/orders?size=1`)).body.toString()) as {
    items: [{ orderId: string | number }];
  };
  return { process: child, url, orderId: String(items[0].orderId) };
}

const getOrder = (id: string, more = ''): string =>
  envelope(`<o:GetOrder xmlns:o="${NS}"><o:orderId>${id}</o:orderId>${more}</o:GetOrder>`);

const post = (base: string, body: string | Buffer, headers: Record<string, string> = XML): Promise<Answer> =>
  ask(base + PATH, { method: 'POST', body, headers });

/** Whether a plain call gets the order that it asks for. */
async function serves(base: string, id: string): Promise<boolean> {
  const { status, body } = await post(base, getOrder(id));
  return status === 200 && body.toString().includes('GetOrderResponse');
}

/** What node-soap does not survive, or not unharmed, and its relatives. */
const KILLERS: readonly (readonly [string, (id: string) => string | Buffer, Record<string, string>])[] = [
  ['an id __proto__', (id) => getOrder(id, '<o:x id="__proto__">1</o:x>'), XML],
  ['an id __proto__ spelt with references', (id) => getOrder(id, '<o:x id="_&#95;proto_&#x5f;">1</o:x>'), XML],
  [
    'an id __proto__ in single quotes, in a header',
    (id) =>
      envelope(`<o:GetOrder xmlns:o="${NS}"><o:orderId>${id}</o:orderId></o:GetOrder>`, "<x id='__proto__'>1</x>"),
    XML,
  ],
  [
    'an id __proto__ in UTF-16',
    (id) => Buffer.from(`\ufeff${getOrder(id, '<o:x id="__proto__">1</o:x>')}`, 'utf16le'),
    { 'content-type': 'text/xml; charset=utf-16' },
  ],
  [
    'an id __proto__ in gzip',
    (id) => gzipSync(getOrder(id, '<o:x id="__proto__">1</o:x>')),
    { ...XML, 'content-encoding': 'gzip' },
  ],
  [
    'an id __proto__ far behind the operation',
    (id) => getOrder(id, `<o:note>${'x'.repeat(100_000)}</o:note><o:x id="__proto__">1</o:x>`),
    XML,
  ],
  ['an id __proto__ to another operation, unknown to the WSDL', () => envelope('<x id="__proto__">1</x>'), XML],
  ['a body that claims gzip and is not', getOrder, { ...XML, 'content-encoding': 'gzip' }],
  ['gzip that is cut short', (id) => gzipSync(getOrder(id)).subarray(0, -10), { ...XML, 'content-encoding': 'gzip' }],
  ['deflate that is gzip', (id) => gzipSync(getOrder(id)), { ...XML, 'content-encoding': 'deflate' }],
  [
    'a body that unfolds to 20 MiB',
    () => gzipSync(Buffer.alloc(20 * 1024 * 1024, 32)),
    { ...XML, 'content-encoding': 'gzip' },
  ],
  [
    'one that unfolds by brotli',
    () => brotliCompressSync(Buffer.alloc(20 * 1024 * 1024, 32)),
    { ...XML, 'content-encoding': 'br' },
  ],
  [
    'one that unfolds by deflate',
    () => deflateSync(Buffer.alloc(20 * 1024 * 1024, 32)),
    { ...XML, 'content-encoding': 'deflate' },
  ],
  [
    'entities that multiply',
    (id) =>
      `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>${getOrder(id, '<o:x>&b;</o:x>')}`,
    XML,
  ],
  [
    'an entity of a file',
    (id) => `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>${getOrder(id, '<o:x>&a;</o:x>')}`,
    XML,
  ],
  [
    'entities that multiply ten times over',
    (id) =>
      `<!DOCTYPE x [<!ENTITY a0 "ha">${Array.from({ length: 10 }, (_none, at) => `<!ENTITY a${at + 1} "${`&a${at};`.repeat(10)}">`).join('')}]>${getOrder(id, '<o:x>&a10;</o:x>')}`,
    XML,
  ],
  [
    '50,000 namespaces on one element',
    (id) => getOrder(id, `<a ${Array.from({ length: 50_000 }, (_none, at) => `xmlns:n${at}="u"`).join(' ')}/>`),
    XML,
  ],
  [
    'a prefix that is redeclared on each of 300 levels',
    (id) => getOrder(id, `${'<p:a xmlns:p="u">'.repeat(300)}${'</p:a>'.repeat(300)}`),
    XML,
  ],
  ['a name of 300 KiB', (id) => getOrder(id, `<${'x'.repeat(300 * 1024)}/>`), XML],
  ['a value of 300 KiB', (id) => getOrder(id, `<a b="${'x'.repeat(300 * 1024)}"/>`), XML],
  ['a comment without an end', (id) => getOrder(id, `<!--${'- '.repeat(100 * 1024)}`), XML],
  ['a header of a megabyte', (id) => envelope(getOrder(id), '<h/>'.repeat(256 * 1024)), XML],
  ['elements 100,000 deep', (id) => getOrder(id, '<a>'.repeat(100_000) + '</a>'.repeat(100_000)), XML],
  [
    '50,000 attributes',
    (id) => getOrder(id, `<a ${Array.from({ length: 50_000 }, (_none, at) => `a${at}="1"`).join(' ')}/>`),
    XML,
  ],
];

test('ReeferDesk alone is poisoned by one message: its process lives, and no call is answered rightly again', async () => {
  const desk = await monolith();
  expect(await serves(desk.url, desk.orderId)).toBe(true);
  await post(desk.url, getOrder(desk.orderId, '<o:x id="__proto__">1</o:x>'));
  for (let call = 0; call < 3; call += 1) expect(await serves(desk.url, desk.orderId)).toBe(false);
  process.kill(desk.process.pid, 0); // Throws when there is no such process.
});

test('behind the facade it survives every one of them: each is refused at the door, and each call after it is served', async () => {
  const desk = await monolith();
  const gate = await front(
    `version: 1\nupstreams: { legacy: "${desk.url}" }\ndefault: legacy\nwsdls:\n  ${PATH}: { file: "${wsdl}" }\n`,
  );
  let sent = 0;
  for (const [name, body, headers] of KILLERS) {
    const answer = await post(gate.url, body(desk.orderId), headers);
    expect([name, answer.headers['banyan-served-by']]).toEqual([name, 'none']);
    expect([name, answer.body.toString().includes('Fault')]).toEqual([name, true]);
    expect([name, answer.status >= 400]).toEqual([name, true]);
    expect(answer.body.toString()).not.toMatch(/root:|node_modules|\bat \w+ \(/);
    expect([name, await serves(gate.url, desk.orderId)]).toEqual([name, true]);
    sent += 2;
  }
  // Asked without the facade as well: nothing got through that would show only later.
  expect(await serves(desk.url, desk.orderId)).toBe(true);
  await until(async () => (await gate.ended()) >= sent);
  expect(await gate.ended()).toBe(sent);
  expect(await gate.outstanding()).toBe(0);
});

test('its answers come through the facade as they are: calls, typed faults, and a WSDL whose address is the facade', async () => {
  const desk = await monolith();
  const gate = await front(
    `version: 1\nupstreams: { legacy: "${desk.url}" }\ndefault: legacy\nwsdls:\n  ${PATH}: { file: "${wsdl}" }\n`,
  );
  for (const message of [getOrder(desk.orderId), getOrder('999999999'), envelope(`<o:Nonsense xmlns:o="${NS}"/>`)]) {
    const [direct, through] = [await post(desk.url, message), await post(gate.url, message)];
    expect([through.status, through.body.toString(), through.headers['content-type']]).toEqual([
      direct.status,
      direct.body.toString(),
      direct.headers['content-type'],
    ]);
  }
  const description = (await ask(`${gate.url}${PATH}?wsdl`)).body.toString();
  expect(description).toContain(`location="${gate.url}${PATH}"`);
  expect(description).not.toContain(desk.url);
});

test.each([
  // ReeferDesk has a limit of its own, which may come before the facade's.
  ['text', 'x', '(?:GW_SOAP_TOO_LARGE|GW_UPSTREAM_BROKEN)'],
  ['comments', '<!---->', '(?:GW_SOAP_TOO_LARGE|GW_UPSTREAM_BROKEN)'],
  ['elements', '<o:a/>', '(?:GW_SOAP_TOO_LARGE|GW_UPSTREAM_BROKEN)'],
  ['levels', '<a>', 'GW_SOAP_LIMIT'],
  ['white space before the first tag', ' ', 'GW_SOAP_HEAD_TOO_LARGE'],
])('a gigabyte of %s is cut off after some megabytes, and what is behind it lives on', async (what, piece, because) => {
  const desk = await monolith();
  const gate = await front(
    `version: 1\nupstreams: { legacy: "${desk.url}" }\ndefault: legacy\nwsdls:\n  ${PATH}: { file: "${wsdl}" }\n`,
  );
  const outgoing = open(gate.url + PATH, { method: 'POST', headers: XML });
  const answered = answerTo(outgoing);
  const [start] = getOrder(desk.orderId, '|').split('|');
  const chunk = Buffer.from(piece.repeat(64 * 1024));
  let sent = 0;
  let over = false;
  void answered.finally(() => (over = true)).catch(() => undefined);
  if (!what.startsWith('white')) outgoing.write(start ?? '');
  while (!over && sent < GIGABYTE) {
    sent += chunk.length;
    if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain'), answered]);
  }
  const answer = await answered;
  outgoing.destroy();
  expect([answer.headers['banyan-served-by'], answer.body.toString()]).toEqual([
    'none',
    expect.stringMatching(new RegExp(`Fault.*${because}`, 's')),
  ]);
  // The body's limit, and what lies in the buffers of both ends.
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  expect(await serves(gate.url, desk.orderId)).toBe(true);
  expect(await serves(desk.url, desk.orderId)).toBe(true);
});

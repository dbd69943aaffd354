import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import pg from 'pg';
import { startPostgres, type EmbeddedPostgres } from '@banyan/stack/postgres';
import { run, type Running } from '../../test/support/processes.ts';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let folder: string;
let postgres: EmbeddedPostgres;
let url: string;
let count = 0;
const started: Running[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-reeferdesk-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    password: 'secret-word',
    flags: ['fsync=off'],
  });
});
afterAll(async () => {
  await postgres?.stop('immediate');
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  count += 1;
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(`CREATE DATABASE desk${count}`);
  await client.end();
  const own = new URL(postgres.url);
  own.pathname = `/desk${count}`;
  url = own.href;
});
afterEach(async () => {
  for (const running of started.splice(0)) await running.stop();
});

function start(env: Record<string, string> = {}): Running {
  const running = run(process.execPath, [program], {
    env: {
      DATABASE_URL_LEGACY: url,
      LEGACY_PORT: '0',
      LEGACY_SEED_ORDERS: '60',
      LEGACY_SEED_CUSTOMERS: '12',
      ...env,
    },
  });
  started.push(running);
  return running;
}

async function json(url: string): Promise<Record<string, unknown>> {
  return (await (await fetch(url)).json()) as Record<string, unknown>;
}

async function ready(running: Running): Promise<string> {
  return (await running.line(/^ready http/)).slice('ready '.length);
}

describe('a start', () => {
  test('on an empty database makes schema and data, and a second one keeps them', async () => {
    const first = start();
    const base = await ready(first);
    expect(first.output()).toBe(`ready ${base}`);
    expect(await json(`${base}/api/orders?size=1`)).toMatchObject({ total: 60 });
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    const [{ orderId }] = (await json(`${base}/api/orders?status=created&size=1`))['items'] as [{ orderId: string }];
    expect((await fetch(`${base}/api/orders/${orderId}/cancel`, { method: 'POST' })).status).toBe(200);
    expect(await first.stop()).toBe(0);

    const second = start({ LEGACY_SEED_ORDERS: '500' });
    const again = await ready(second);
    expect(await json(`${again}/api/orders?size=1`)).toMatchObject({ total: 60 });
    expect(await json(`${again}/api/orders/${orderId}`)).toMatchObject({ status: 'cancelled' });
  });

  test('says where it is in its WSDL: its own address, or the public one', async () => {
    const own = await ready(start());
    expect(await (await fetch(`${own}/soap/OrderService?wsdl`)).text()).toContain(
      `location="${own}/soap/OrderService"`,
    );
    const other = await ready(start({ LEGACY_PUBLIC_URL: 'https://desk.example/x/' }));
    const text = await (await fetch(`${other}/soap/OrderService?wsdl`)).text();
    expect(text).toContain('<soap12:address location="https://desk.example/x/soap/OrderService"/>');
    expect(text).toContain('schemaLocation="https://desk.example/x/soap/OrderService?xsd=orders.xsd"');
  });

  test('with a wrong password says so, without the password, and ends with 2', async () => {
    const wrong = new URL(url);
    wrong.password = 'guessed-word';
    const running = start({ DATABASE_URL_LEGACY: wrong.href });
    expect(await running.exited).toBe(2);
    expect(running.output()).toMatch(
      /^Postgres refuses the login of postgres:\/\/\w+:\*\*\*@127\.0\.0\.1:\d+\/desk\d+ .*DATABASE_URL_LEGACY\.$/,
    );
    expect(running.output()).not.toContain('guessed-word');
  });

  test('without a database server, or without that database, says so and ends with 2', async () => {
    const nobody = start({ DATABASE_URL_LEGACY: 'postgres://desk:secret@127.0.0.1:1/legacy' });
    expect(await nobody.exited).toBe(2);
    expect(nobody.output()).toMatch(
      /^Cannot reach Postgres at postgres:\/\/desk:\*\*\*@127\.0\.0\.1:1\/legacy .*: start it, or correct DATABASE_URL_LEGACY\.$/,
    );
    const nothing = start({ DATABASE_URL_LEGACY: `${url}no` });
    expect(await nothing.exited).toBe(2);
    expect(nothing.output()).toMatch(/^There is no such database: /);
  });

  test('on a port that is taken says so and ends with 2', async () => {
    const taker = createServer();
    await new Promise<void>((resolve) => {
      taker.listen(0, '127.0.0.1', resolve);
    });
    const port = (taker.address() as AddressInfo).port;
    const running = start({ LEGACY_PORT: String(port) });
    expect(await running.exited).toBe(2);
    expect(running.output()).toBe(`Port ${port} of 127.0.0.1 is taken: stop what listens there, or set LEGACY_PORT.`);
    taker.close();
  });

  test('with wrong settings names them all at once and ends with 2', async () => {
    const running = start({
      DATABASE_URL_LEGACY: 'mysql://u:hidden@h/d',
      LEGACY_PORT: '99999',
      LEGACY_SEED_ORDERS: 'many',
      LEGACY_PUBLIC_URL: 'x',
    });
    expect(await running.exited).toBe(2);
    for (const name of ['DATABASE_URL_LEGACY', 'LEGACY_PORT', 'LEGACY_SEED_ORDERS', 'LEGACY_PUBLIC_URL']) {
      expect(running.output()).toContain(`  ${name}: `);
    }
    expect(running.output()).not.toContain('hidden');
  });
});

describe('an end', () => {
  /** Holds the lock of an order, so that a request about it has to wait. */
  async function hold(orderId: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM orders WHERE order_id = $1 FOR UPDATE', [orderId]);
    return client;
  }

  async function waiting(client: pg.Client): Promise<void> {
    await vi.waitFor(async () => {
      // Not pg_stat_activity, which stands still within a transaction.
      const found = await client.query('SELECT 1 FROM pg_locks WHERE NOT granted');
      expect(found.rows).toHaveLength(1);
    });
  }

  test('finishes the request in hand', async () => {
    const running = start();
    const base = await ready(running);
    const holder = await hold('1');
    const request = fetch(`${base}/api/orders/1/cancel`, { method: 'POST' });
    await waiting(holder);
    const stopped = running.stop();
    // The port is closed for others while this one is served.
    await vi.waitFor(() => expect(fetch(`${base}/healthz`)).rejects.toThrow('fetch failed'));
    await holder.query('COMMIT');
    expect(await (await request).json()).toMatchObject({ orderId: '1', status: 'cancelled' });
    expect(await stopped).toBe(0);
    await holder.end();
  });

  test('does not wait for ever for one that does not finish', async () => {
    const running = start();
    const base = await ready(running);
    const holder = await hold('1');
    const request = fetch(`${base}/api/orders/1/cancel`, { method: 'POST' });
    const outcome = request.then(
      () => 'answered',
      () => 'cut',
    );
    await waiting(holder);
    expect(await running.stop('SIGTERM', 9_000)).toBe(0); // It promises five seconds; its statements may take ten.
    expect(await outcome).toBe('cut');
    await holder.end();
  });
});

describe('the database', () => {
  test('may go and come back: readyz says so, and requests work again', async () => {
    const running = start();
    const base = await ready(running);
    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    const name = new URL(url).pathname.slice(1);
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    await vi.waitFor(async () => expect((await fetch(`${base}/readyz`)).status).toBe(503));
    expect(await json(`${base}/api/orders/1`)).toMatchObject({ error: 'Database unavailable' });
    expect((await fetch(`${base}/api/orders/1/book`, { method: 'POST' })).status).toBe(503);
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await vi.waitFor(async () => expect((await fetch(`${base}/readyz`)).status).toBe(200));
    expect((await fetch(`${base}/api/orders/1`)).status).toBe(200);
    await admin.end();
  });
});

// Not a promise but a warning: as long as this test passes, ReeferDesk needs a shield in front of it.
test('one attribute id="__proto__" ends SOAP until the next start; REST lives on', async () => {
  const base = await ready(start());
  const ask = async (attribute: string): Promise<string> => {
    const answer = await fetch(`${base}/soap/OrderService`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml' },
      body:
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' +
        `<o:GetOrder xmlns:o="http://reeferdesk.example/orders/v1"><o:orderId${attribute}>1</o:orderId></o:GetOrder>` +
        '</s:Body></s:Envelope>',
    });
    return answer.text();
  };
  expect(await ask('')).toContain('GetOrderResponse');
  await ask(' id="__proto__"');
  expect(await ask('')).toContain('This is no request of OrderService');
  expect((await fetch(`${base}/soap/OrderService?wsdl`)).status).toBe(200);
  expect((await fetch(`${base}/api/orders/1`)).status).toBe(200);
});

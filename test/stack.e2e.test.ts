/** `npm start` whole: first start, second start, stopping, and each way in which it cannot start. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPostgres } from '@banyan/stack/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makePlace, READY, root, type Place } from './support/example.ts';
import { alive, run, type Running } from './support/processes.ts';

const STOP_LIMIT_MS = 10_000; // The contract's.
let place: Place;

beforeAll(async () => {
  place = await makePlace();
});
afterAll(() => place.remove());

/** Everything that descends from `pid`, itself included. */
async function family(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    pairs.filter(([, ppid]) => ppid === parent).flatMap(([child = 0]) => [child, ...below(child)]);
  return [pid, ...below(pid)];
}

/** Those of `pids` that still run when the time for a stop is over. */
async function left(pids: readonly number[]): Promise<readonly number[]> {
  await vi.waitUntil(() => !pids.some(alive), { timeout: STOP_LIMIT_MS, interval: 50 }).catch(() => undefined); // What is left is the answer.
  return pids.filter(alive);
}

/** Stops the stack; tells its exit code, how many processes there had been, and which are left. */
async function stop(stack: Running, signal: NodeJS.Signals): Promise<Stopped> {
  const pids = await family(stack.pid);
  const code = await stack.stop(signal, STOP_LIMIT_MS);
  return { code, processes: pids.length, left: await left(pids) };
}

interface Stopped {
  readonly code: number | null;
  readonly processes: number;
  readonly left: readonly number[];
}

// The stack, its reaper, four services, Postgres and at least its checkpointer.
const CLEAN = { code: 0, processes: expect.toSatisfy((count: number) => count >= 8), left: [] };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function get(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const getOrder = (id: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'text/xml; charset=utf-8', soapaction: '"http://reeferdesk.example/orders/v1/GetOrder"' },
  body: `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
    <o:GetOrder xmlns:o="http://reeferdesk.example/orders/v1"><o:orderId>${id}</o:orderId></o:GetOrder>
  </soap:Body></soap:Envelope>`,
});

const draft = {
  productId: 'P-KEPT',
  customerId: 'C-000001',
  quantity: 1,
  pickupAddress: { street: 'Kade 1', city: 'Rotterdam', country: 'NL', state: 'ZH', zipcode: '3011' },
  destinationAddress: { street: 'Quay 2', city: 'Singapore', country: 'SG', state: 'SG', zipcode: '018' },
  pickupDate: '2027-03-01T08:30',
  expectedDeliveryDate: '2027-04-01T08:30',
  items: [{ lineNo: 1, sku: 'SKU-1', description: 'Bananas', quantity: 1, unitPrice: 12.5 }],
};

describe('two starts on one folder', () => {
  let stack: Running;
  let created: string;
  afterAll(() => stack?.stop());

  test('the first ends with the line that says where', async () => {
    stack = place.start();
    expect(await stack.line(READY, 120_000)).toBe(`ready ${place.facade}`);
    expect(
      stack
        .output()
        .trimEnd()
        .split('\n')
        .filter((line) => READY.test(line)),
    ).toHaveLength(1);
  });

  test('a REST read goes through the facade', async () => {
    const answer = await get(`${place.facade}/api/orders/1`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('banyan-served-by')).toBe('legacy');
    expect(JSON.parse(answer.text)).toMatchObject({ orderId: '1' });
  });

  test('the WSDL names the facade and not the monolith', async () => {
    const answer = await get(`${place.facade}/soap/OrderService?wsdl`);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(`location="${place.facade}/soap/OrderService"`);
    expect(answer.text).not.toContain(place.legacy);
  });

  test('a SOAP GetOrder goes through the facade', async () => {
    const answer = await get(`${place.facade}/soap/OrderService`, getOrder('1'));
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('GetOrderResponse');
    expect(answer.text).toMatch(/orderId>1</);
  });

  test('the order service has copied what the monolith has, and follows what is written', async () => {
    const [old, copy] = await Promise.all([place.legacy, place.orders].map((base) => get(`${base}/api/orders/1`)));
    expect(copy?.status).toBe(200);
    expect(JSON.parse(copy?.text ?? '')).toMatchObject({ customerId: JSON.parse(old?.text ?? '{}').customerId });
    const answer = await get(`${place.facade}/api/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(draft),
    });
    expect(answer.status).toBe(201);
    created = JSON.parse(answer.text).orderId;
    await vi.waitFor(async () => expect((await get(`${place.orders}/api/orders/${created}`)).status).toBe(200), {
      timeout: 10_000,
      interval: 50,
    });
  });

  test('no service can log into the database of another', async () => {
    const secrets = JSON.parse(await readFile(join(place.dataDir, 'secrets.json'), 'utf8'));
    const client = new pg.Client({
      host: '127.0.0.1',
      port: Number(place.env['POSTGRES_PORT']),
      user: 'orders',
      password: secrets.orders,
      database: 'legacy',
    });
    await expect(client.connect()).rejects.toMatchObject({ code: '42501' });
    const config = await readFile(join(place.dataDir, 'cdc.yaml'), 'utf8');
    expect(config).toContain('postgres://cdc:');
    for (const password of Object.values<string>(secrets)) expect(stack.output()).not.toContain(password);
  });

  test('a service that is killed comes back, and the facade serves it again', async () => {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args=']);
    const line = stdout.split('\n').find((text) => text.includes('legacy-monolith') && text.includes(` ${stack.pid} `));
    process.kill(Number(line?.trim().split(/\s+/)[0]), 'SIGKILL');
    await stack.line(/legacy serves again/);
    await vi.waitFor(async () => expect((await get(`${place.facade}/api/orders/1`)).status).toBe(200), {
      timeout: 20_000, // The facade's breaker tries again after some seconds.
      interval: 100,
    });
  });

  test('SIGTERM stops everything in time', async () => {
    expect(await stop(stack, 'SIGTERM')).toEqual(CLEAN);
  });

  test('the second start has the data, and copies nothing again', async () => {
    stack = place.start();
    await stack.line(READY, 120_000);
    for (const base of [place.facade, place.orders])
      expect(JSON.parse((await get(`${base}/api/orders/${created}`)).text)).toMatchObject({ productId: 'P-KEPT' });
    const metrics = (await get(`${place.cdc}/metrics`)).text;
    const copied = [...metrics.matchAll(/^banyan_cdc_snapshot_rows\{[^}]*\} (\d+)/gm)].map((match) => Number(match[1]));
    expect(copied.reduce((sum, rows) => sum + rows, 0)).toBe(0);
  });

  test('Ctrl-C stops everything in time too', async () => {
    expect(await stop(stack, 'SIGINT')).toEqual(CLEAN);
  });
});

describe('what keeps it from starting is said, with exit code 2 and nothing left behind', () => {
  /** Starts, and returns what it printed when it had ended. */
  async function failedStart(more: Readonly<Record<string, string>> = {}): Promise<string> {
    const stack = place.start(more);
    const seen = new Set<number>([stack.pid]);
    const watch = setInterval(() => void family(stack.pid).then((pids) => pids.forEach((pid) => seen.add(pid))), 100);
    const code = await stack.exited;
    clearInterval(watch);
    expect(stack.output()).not.toMatch(READY);
    expect(code).toBe(2);
    expect(await left([...seen])).toEqual([]);
    return stack.output();
  }

  test.each(['GATEWAY_PORT', 'ADMIN_PORT', 'LEGACY_PORT', 'ORDERS_PORT', 'CDC_PORT', 'POSTGRES_PORT'])(
    '%s is taken',
    async (variable) => {
      const blocker = createServer();
      await new Promise<void>((resolve) => blocker.listen(Number(place.env[variable]), '127.0.0.1', resolve));
      try {
        const output = await failedStart();
        expect(output).toContain('STACK_PORT_TAKEN');
        expect(output).toContain(`Port ${place.env[variable]}`);
        expect(output).toContain(`set ${variable} to use another`);
        expect(output).not.toContain('starting PostgreSQL');
      } finally {
        await new Promise((resolve) => blocker.close(resolve));
      }
    },
  );

  test('the data directory is of another version', async () => {
    const file = join(place.dataDir, 'postgres', 'PG_VERSION');
    const version = await readFile(file, 'utf8');
    await writeFile(file, '14\n');
    try {
      expect(await failedStart()).toMatch(/STACK_DATA_DIR_VERSION.*made by Postgres 14; this is Postgres 18/);
    } finally {
      await writeFile(file, version);
    }
  });

  test('the password file does not fit the data directory', async () => {
    const file = join(place.dataDir, 'secrets.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, JSON.stringify({ ...JSON.parse(text), postgres: 'not-it' }));
    try {
      const output = await failedStart();
      expect(output).toMatch(/STACK_PASSWORD.*Restore the password file/);
      expect(output).not.toContain('not-it');
    } finally {
      await writeFile(file, text);
    }
  });

  test('a database given by URL refuses the password', async () => {
    const stack = place.start();
    try {
      await stack.line(READY, 120_000);
      const url = `postgres://orders:hunter2@127.0.0.1:${place.env['POSTGRES_PORT']}/orders`;
      const other = await makePlace();
      try {
        const second = other.start({ DATABASE_URL_ORDERS: url });
        expect(await second.exited).toBe(2);
        expect(second.output()).toMatch(/STACK_DATABASE.*correct user and password in DATABASE_URL_ORDERS/);
        expect(second.output()).not.toContain('hunter2');
      } finally {
        await other.remove();
      }
    } finally {
      await stack.stop();
    }
  });

  test('a table of the monolith has no replica identity', async () => {
    await inMonolith('CREATE TABLE notes (words text)');
    try {
      expect(await failedStart()).toMatch(/ALTER TABLE .*notes.* REPLICA IDENTITY FULL/);
    } finally {
      await inMonolith('DROP TABLE notes');
    }
  });

  test('routing.yaml is wrong', async () => {
    const text = await readFile(place.routingFile, 'utf8');
    await writeFile(place.routingFile, `${text}\nnonsense: true\n`);
    try {
      expect(await failedStart()).toContain('nonsense');
    } finally {
      await writeFile(place.routingFile, text);
    }
  });

  /** Changes the monolith's database while the stack is down. */
  async function inMonolith(statement: string): Promise<void> {
    const secrets = JSON.parse(await readFile(join(place.dataDir, 'secrets.json'), 'utf8'));
    const dataDir = join(place.dataDir, 'postgres');
    const server = await startPostgres({ dataDir, port: 0, password: secrets.postgres });
    const login = { user: 'legacy', password: secrets.legacy, database: 'legacy' };
    const client = new pg.Client({ ...login, host: '127.0.0.1', port: server.port });
    try {
      await client.connect();
      await client.query(statement);
    } finally {
      await client.end();
      await server.stop();
    }
  }
});

test('under npm, a SIGTERM to npm stops everything in time', async () => {
  const npm = run('npm', ['start'], { env: place.env, cwd: root });
  await npm.line(READY, 180_000);
  const pids = await family(npm.pid);
  process.kill(npm.pid, 'SIGTERM');
  expect(await left(pids)).toEqual([]);
});

import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { createServer as createHttp } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { banyan, launch, LAUNCHER, ready, type How, type Program, type Ran } from './program.ts';
import { small } from './routing/example.ts';

let folder = '';
let path = '';
const programs: Program[] = [];
const servers: Server[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-command-'));
  path = join(folder, 'routing.yaml');
  await writeFile(path, small());
});

afterEach(async () => {
  for (const { child, ended } of programs.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (args: readonly string[], how: How = {}): Promise<Ran> => banyan(args, { cwd: folder, ...how });

/** What a command that ended well or ill says to a program: one JSON value on standard output. */
async function json(
  args: readonly string[],
  how: How = {},
): Promise<{ code: number | null; said: unknown; err: string }> {
  const { code, out, err } = await run([...args, '--json'], how);
  return { code, said: JSON.parse(out) as unknown, err };
}

const ANY = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];

function start(args: readonly string[] = [], how: How = {}): Program {
  const program = launch(['start', ...ANY, ...args], { cwd: folder, ...how });
  programs.push(program);
  return program;
}

async function taken(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const refuses = async (address: string): Promise<boolean> =>
  await fetch(`http://${address}/healthz`).then(
    () => false,
    () => true,
  );

describe('banyan', () => {
  test('without a command, or with one that there is not, says what there is', async () => {
    const none = await run([]);
    expect([none.code, none.out]).toEqual([2, '']);
    expect(none.err).toMatch(/^usage: banyan COMMAND …\n {2}start /);
    const unknown = await run(['chekc']);
    expect([unknown.code, unknown.out]).toEqual([2, '']);
    expect(unknown.err).toMatch(/^banyan has no command "chekc"\nusage: /);
    expect(await run(['constructor'])).toMatchObject({ code: 2, out: '' });
    expect(await run(['--help'])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^usage: banyan COMMAND/),
    });
  });

  test.each(['replay', 'controller', 'traffic'])('%s says that it is not there yet', async (name) => {
    expect(await run([name])).toMatchObject({ code: 2, out: '', err: `banyan ${name} is not supported yet\n` });
  });

  test.each([
    ['check', ['check', 'a', 'b']],
    ['check', ['check', '--nonsense']],
    ['routes', ['routes', 'x']],
    ['explain', ['explain', 'GET']],
    ['explain', ['explain', 'GET', 'orders']],
    ['explain', ['explain', 'GET', '/a', '-H', 'nonsense']],
    ['flip', ['flip', 'order-get']],
    ['status', ['status', '--admin', 'nonsense']],
    ['schema', ['schema', 'x']],
    ['start', ['start', '--listen', '8080']],
    ['start', ['start', '--admin', '127.0.0.1:65536']],
    ['start', ['start', '--workers', '0']],
    ['start', ['start', '--drain-delay', '2h']],
    ['start', ['start', '--log-header', 'Authorization']],
    ['start', ['start', 'x']],
    ['parity run', ['parity', 'run']],
  ])('used wrongly, %s says how it is used', async (name, args) => {
    const plain = await run(args);
    expect([plain.code, plain.out]).toEqual([2, '']);
    expect(plain.err.trim().split('\n').length).toBeLessThanOrEqual(2);
    const { code, said } = await json(args);
    expect(code).toBe(2);
    expect(said).toMatchObject({
      error: { code: 'USAGE', message: expect.any(String) },
      usage: expect.stringContaining(`banyan ${name}`),
    });
  });

  test('says nothing on standard output that a program did not ask for, and takes a reader who leaves', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => `  r${index}: { match: GET /r${index}, stage: legacy }\n`);
    await writeFile(path, small(many.join('')));
    const child = spawn('/bin/sh', ['-c', `"${process.execPath}" "${LAUNCHER}" routes; echo "code $?" >&2`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.stdout.once('data', () => child.stdout.destroy());
    await once(child, 'close');
    expect(err).toBe('code 0\n');
  });

  // A device that is always full is there on Linux alone.
  test.skipIf(process.platform !== 'linux')(
    'whose output cannot be written says so, and exits 2: what was found is not known',
    async () => {
      const child = spawn('/bin/sh', ['-c', `exec "${process.execPath}" "${LAUNCHER}" check > /dev/full`], {
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let err = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
      const [code] = await once(child, 'close');
      expect([code, err]).toEqual([2, 'cannot write to standard output: ENOSPC\n']);
    },
  );
});

describe('banyan check', () => {
  test('of a good file exits 0, warnings or not', async () => {
    expect(await run(['check'])).toMatchObject({ code: 0, out: 'routing.yaml: valid\n', err: '' });
    await writeFile(path, small('  b: { match: GET /b, stage: gone }\n'));
    expect(await run(['check', 'routing.yaml'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^routing.yaml:8:30: warning: .*\nrouting.yaml: valid, 1 to look at\n$/),
    });
    expect(await json(['check'])).toEqual({
      code: 0,
      err: '',
      said: {
        file: 'routing.yaml',
        valid: true,
        problems: [],
        warnings: [expect.objectContaining({ line: 8, column: 30 })],
      },
    });
  });

  test('of a bad file exits 1 with every problem', async () => {
    await writeFile(path, small("  b: { match: 'GET /api/orders/:id', stage: new, new: ordres }\n"));
    expect(await run(['check', '--routing', path])).toMatchObject({
      code: 1,
      err: '',
      out: [
        `${path}:8:15: error: routes.b.match: matches the same requests as route "order-get" (line 7): GET /api/orders/:id`,
        `${path}:8:55: error: routes.b.new: no upstream is named "ordres"; did you mean "orders"?`,
        `${path}: 2 errors\n`,
      ].join('\n'),
    });
    expect(await json(['check'])).toMatchObject({
      code: 1,
      said: {
        valid: false,
        problems: [
          { line: 8, column: 15 },
          { line: 8, column: 55 },
        ],
      },
    });
  });

  test('finds what is wrong with a WSDL, or between a route and it', async () => {
    await writeFile(
      path,
      `${small('  s: { match: SOAP /s Get, stage: legacy }\n')}wsdls:\n  /s: { file: absent.wsdl }\n`,
    );
    expect(await run(['check'])).toMatchObject({ code: 1, out: expect.stringContaining('absent.wsdl') });
    const wsdl = fileURLToPath(new URL('soap/fixtures/orders.wsdl', import.meta.url));
    const [, namespace = ''] = /targetNamespace="([^"]+)"/.exec(await readFile(wsdl, 'utf8')) ?? [];
    const routes = `  s: { match: SOAP /s GetOrder, stage: legacy }\n  t: { match: "SOAP /s {${namespace}}GetOrder", stage: legacy }\n`;
    await writeFile(path, `${small(routes)}wsdls:\n  /s: { file: '${wsdl}' }\n`);
    expect(await run(['check'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/route "t" \(line 9\): .* matches the same requests as route "s" \(line 8\)/),
    });
  });

  test.each([
    ['that is not there', 'absent.yaml', 'there is no such file'],
    ['that is a folder', '.', 'it is not a file'],
  ])('of a file %s exits 2', async (_name, name, because) => {
    expect(await run(['check', name])).toMatchObject({ code: 2, out: '', err: expect.stringContaining(because) });
    expect(await json(['check', name])).toMatchObject({
      code: 2,
      said: { error: { code: 'GW_BAD_CONFIG', message: expect.stringContaining(because) } },
    });
  });

  test('takes the file from ROUTING_FILE, and what it names from the environment', async () => {
    await writeFile(join(folder, 'other.yaml'), small().replace('8082', '${ORDERS_PORT}'));
    const env = { ROUTING_FILE: 'other.yaml' };
    expect(await run(['check'], { env })).toMatchObject({ code: 1, out: expect.stringContaining('names ORDERS_PORT') });
    expect(await run(['check'], { env: { ...env, ORDERS_PORT: '1' } })).toMatchObject({
      code: 0,
      out: 'other.yaml: valid\n',
    });
  });
});

describe('banyan routes and explain', () => {
  test('list the table', async () => {
    expect(await run(['routes'])).toMatchObject({
      code: 0,
      out: 'ROUTE      STAGE   NEW     MATCH\norder-get  legacy  orders  GET /api/orders/:orderId\n',
    });
    expect((await json(['routes'])).said).toEqual([
      { id: 'order-get', match: 'GET /api/orders/:orderId', stage: 'legacy', effect: 'read', new: 'orders', line: 7 },
    ]);
  });

  test('say where a request goes, and why', async () => {
    expect(await run(['explain', 'GET', '/api/orders/a%2Fb?x=1'])).toMatchObject({
      code: 0,
      out: [
        'route     order-get',
        'match     GET /api/orders/:orderId',
        'stage     legacy',
        'params    orderId=a%2Fb',
        'decision  legacy answers (upstream legacy), because: stage\n',
      ].join('\n'),
    });
    expect((await json(['explain', 'GET', '/nowhere'])).said).toMatchObject({
      route: 'default',
      match: null,
      decision: { kind: 'forward', side: 'legacy', because: 'default' },
      sentence: 'legacy answers (upstream legacy), because: default',
    });
    await writeFile(path, small().replace('stage: legacy', 'stage: new'));
    expect((await run(['explain', 'get', '/api/orders/1'])).out).toContain(
      'new answers (upstream orders), because: stage; if that cannot be reached, legacy',
    );
  });

  test('say it for a caller: who is moved by a canary, and who else is asked', async () => {
    await writeFile(
      path,
      `${small().replace('stage: legacy', 'stage: canary 25%, sticky: [header:x-customer-id, ip], parity: { sample: 50% }')}overrides: { secret: 0123456789abcdef }\n`,
    );
    const said = async (...more: string[]): Promise<string> =>
      (await run(['explain', 'GET', '/api/orders/1', ...more])).out.split('\n').at(-2) ?? '';
    // A point of 0.217, and one of 0.856.
    expect(await said('-H', 'X-Customer-Id: C-000042')).toBe(
      'decision  new answers (upstream orders), because: canary; if that cannot be reached, legacy; legacy is asked the same, for 50% of requests, and its answer compared',
    );
    expect(await said('-H', 'X-Customer-Id: C-000002')).toBe(
      'decision  legacy answers (upstream legacy), because: canary; orders is asked the same, for 50% of requests, and its answer compared',
    );
    expect(await said('-H', 'banyan-override: 0123456789abcdef new')).toBe(
      'decision  new answers (upstream orders), because: override',
    );
    expect(await said('--ip', '192.0.2.3')).toContain('because: canary');
  });

  test('tell SOAP callers apart by what stands in the message', async () => {
    await writeFile(
      path,
      small(`  s: { match: "SOAP /s {urn:x}Get", stage: canary 50%, new: orders, sticky: ['soap:/Get/id'] }\n`),
    );
    const by = async (id: string): Promise<unknown> => {
      const message = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><Get xmlns="urn:x"><id>${id}</id></Get></e:Body></e:Envelope>`;
      await writeFile(join(folder, 'get.xml'), message);
      return (await json(['explain', 'POST', '/s', '--soap', 'get.xml', '-H', 'Content-Type: text/xml'])).said;
    };
    expect(await by('C-000042')).toMatchObject({ route: 's', decision: { side: 'new', because: 'canary' } });
    expect(await by('C-000002')).toMatchObject({ route: 's', decision: { side: 'legacy', because: 'canary' } });
  });

  test('name the operation of a SOAP message', async () => {
    await writeFile(path, small('  s: { match: "SOAP /s {urn:x}Get", stage: legacy }\n'));
    const envelope =
      '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><Get xmlns="urn:x"/></e:Body></e:Envelope>';
    await writeFile(join(folder, 'get.xml'), envelope);
    const asked = ['explain', 'POST', '/s', '--soap', 'get.xml', '-H', 'Content-Type: text/xml'];
    expect((await json(asked)).said).toMatchObject({ route: 's', operation: '{urn:x}Get' });
    expect(await run(['explain', 'POST', '/s'])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('--soap FILE'),
    });
    expect(await run(['explain', 'POST', '/s', '--soap', 'absent.xml'])).toMatchObject({
      code: 2,
      out: '',
      err: 'cannot read absent.xml: --soap takes a file with the message\n',
    });
    expect(await json(['explain', 'POST', '/t', '--soap', 'get.xml'])).toMatchObject({
      code: 2,
      said: { error: { code: 'GW_BAD_REQUEST', message: '/t is not the path of a SOAP service in the file' } },
    });
  });

  test.each([
    ['routes'],
    ['explain', 'GET', '/a'],
    ['start', '--listen', '127.0.0.1:0'],
    ['parity', 'run', '--corpus', '.'],
  ])('%s with a bad file exits 2 with every problem', async (...args) => {
    await writeFile(path, `${small()}routs: {}\nroute: {}\n`);
    const plain = await run(args);
    expect([plain.code, plain.out]).toEqual([2, '']);
    expect(plain.err).toMatch(
      /routing.yaml:8:1: error: routs: .*\nrouting.yaml:9:1: error: route: .*\nrouting.yaml is not valid/,
    );
    expect(await json(args)).toMatchObject({
      code: 2,
      said: {
        error: { code: 'GW_BAD_CONFIG' },
        file: 'routing.yaml',
        problems: [
          { line: 8, column: 1 },
          { line: 9, column: 1 },
        ],
      },
    });
  });
});

describe('banyan flip', () => {
  test('moves a route, and says so', async () => {
    expect(await run(['flip', 'order-get', 'new'])).toMatchObject({
      code: 0,
      out: 'order-get: legacy -> new in routing.yaml\n',
      err: '',
    });
    expect(await readFile(path, 'utf8')).toBe(small().replace('stage: legacy', 'stage: new'));
    expect(await run(['flip', 'order-get', 'new'])).toMatchObject({ code: 0, out: 'order-get is at new already\n' });
    expect(await json(['flip', 'order-get', 'legacy'])).toMatchObject({
      code: 0,
      said: { route: 'order-get', kind: 'written', from: 'new', to: 'legacy', hash: expect.any(String), warnings: [] },
    });
  });

  test('to a share, in one word or in several', async () => {
    expect(await run(['flip', 'order-get', 'canary', '10', '%'])).toMatchObject({ code: 0 });
    expect(await readFile(path, 'utf8')).toContain('stage: canary 10%');
    expect(await run(['flip', 'order-get', 'canary 25%'])).toMatchObject({ code: 0 });
    expect(await readFile(path, 'utf8')).toContain('stage: canary 25%');
  });

  test('says what a stage does that callers will notice', async () => {
    expect(await run(['flip', 'order-get', 'gone'])).toMatchObject({
      code: 0,
      err: expect.stringContaining('warning: routes.order-get.stage'),
    });
  });

  test.each([
    [['order-gte', 'new'], 'no route is named "order-gte"; did you mean "order-get"?'],
    [['order-get', 'nwe'], '"nwe" is no stage; did you mean "new"?'],
    [['order-get', 'canary', '101%'], '"canary 101%" is no stage'],
    [['order-get', 'new 10%'], '"new 10%" is no stage'],
  ])('%j exits 2 and changes nothing', async (args, because) => {
    expect(await run(['flip', ...args])).toMatchObject({ code: 2, out: '', err: expect.stringContaining(because) });
    expect(await json(['flip', ...args])).toMatchObject({
      code: 2,
      said: { kind: 'refused', because: expect.stringContaining(because) },
    });
    expect(await readFile(path, 'utf8')).toBe(small());
  });

  test('of a file that is not there exits 2', async () => {
    expect(await json(['flip', 'order-get', 'new', '--routing', 'absent.yaml'])).toMatchObject({
      code: 2,
      said: { error: { code: 'GW_BAD_CONFIG' } },
    });
  });
});

describe('banyan schema', () => {
  test('prints the JSON Schema, with --json too', async () => {
    const committed: unknown = JSON.parse(await readFile(new URL('../routing.schema.json', import.meta.url), 'utf8'));
    const plain = await run(['schema']);
    expect([plain.code, JSON.parse(plain.out)]).toEqual([0, committed]);
    expect(await json(['schema'])).toEqual({ code: 0, err: '', said: committed });
  });
});

describe('banyan start', () => {
  test('says where it serves, answers, follows its file, and ends with 0', async () => {
    const legacy = createHttp((_req, res) => res.end('from legacy')).listen(0, '127.0.0.1');
    await once(legacy, 'listening');
    servers.push(legacy);
    await writeFile(path, small().replace('8081', String((legacy.address() as AddressInfo).port)));
    const program = start();
    const url = await ready(program);
    const answer = await fetch(`${url}/anything`);
    expect([answer.status, answer.headers.get('banyan-served-by'), await answer.text()]).toEqual([
      200,
      'legacy',
      'from legacy',
    ]);
    expect(program.out()).toBe(`ready ${url}\n`);
    const [, admin = ''] = /^admin http:\/\/(\S+)$/m.exec(program.err()) ?? [];
    expect(await run(['status', '--admin', admin])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^generation 1 \([0-9a-f]{16}\) since /),
    });
    expect(await json(['status', '--admin', admin])).toMatchObject({
      code: 0,
      said: { generation: 1, rejected: 0, stages: { legacy: 1 } },
    });
    expect((await run(['status'], { env: { ADMIN_PORT: admin.split(':')[1] ?? '' } })).code).toBe(0);
    expect((await run(['flip', 'order-get', 'gone'])).code).toBe(0);
    await expect.poll(async () => (await fetch(`${url}/api/orders/1`)).status, { timeout: 10_000 }).toBe(410);
    program.child.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0, signal: null });
    expect(await refuses(admin)).toBe(true);
  });

  test('reads its file again at SIGHUP, and ends with 0 at SIGINT', async () => {
    const program = start();
    await ready(program);
    await writeFile(path, `${small()}routs: {}\n`);
    program.child.kill('SIGHUP');
    await expect.poll(() => program.err(), { timeout: 10_000 }).toContain('routing file rejected');
    const [, admin = ''] = /^admin http:\/\/(\S+)$/m.exec(program.err()) ?? [];
    expect(await run(['status', '--admin', admin])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/REJECTED {3}at .*\n +8:1 routs: unknown key/),
    });
    program.child.kill('SIGINT');
    expect(await program.ended).toMatchObject({ code: 0, signal: null });
  });

  test('with --json says where it serves to a program', async () => {
    const program = start(['--json']);
    await expect.poll(() => program.out(), { timeout: 10_000 }).toMatch(/\n$/);
    expect(JSON.parse(program.out())).toEqual({
      ready: expect.stringMatching(/^http:/),
      admin: expect.stringMatching(/^http:/),
    });
  });

  test.each(['--listen', '--admin'])(
    'with the port of %s taken exits 2, says which, and leaves the other free',
    async (flag) => {
      const [address, other] = [await taken(), '127.0.0.1:0'];
      const args = ['start', flag, address, flag === '--listen' ? '--admin' : '--listen', other];
      expect(await run(args)).toMatchObject({
        code: 2,
        out: '',
        err: `cannot listen on ${address}: the port is taken. Choose another with ${flag} HOST:PORT\n`,
      });
      expect(await json(args)).toMatchObject({ code: 2, said: { error: { code: 'GW_CANNOT_LISTEN' } } });
    },
  );

  test('with a bad file, or two routes that collide, exits 2, and nothing listens', async () => {
    await writeFile(path, small("  b: { match: 'GET /api/orders/:id', stage: legacy }\n"));
    const listen = await taken();
    // The port is taken: had anything tried to listen, it would say so.
    const ran = await run(['start', '--listen', listen, '--admin', listen]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toBe(
      'routing.yaml:8:15: error: routes.b.match: matches the same requests as route "order-get" (line 7): GET /api/orders/:id\n' +
        'routing.yaml is not valid: nothing was done with it\n',
    );
  });

  test('with an admin port that others could reach needs a token', async () => {
    const args = ['start', '--listen', '127.0.0.1:0', '--admin', '0.0.0.0:0'];
    expect(await run(args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('set BANYAN_ADMIN_TOKEN') });
    expect(await run(args, { env: { BANYAN_ADMIN_TOKEN: '' } })).toMatchObject({ code: 2 });
    const program = start(['--admin', '0.0.0.0:0'], { env: { BANYAN_ADMIN_TOKEN: 'of the test' } });
    await ready(program);
    const [, port = ''] = /^admin http:\/\/0\.0\.0\.0:(\d+)$/m.exec(program.err()) ?? [];
    const admin = `127.0.0.1:${port}`;
    expect(await run(['status', '--admin', admin])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('answered 401'),
    });
    expect(await run(['status', '--admin', admin], { env: { BANYAN_ADMIN_TOKEN: 'of the test' } })).toMatchObject({
      code: 0,
    });
  });

  test('with a WSDL that is not there exits 2', async () => {
    await mkdir(join(folder, 'wsdl'));
    await writeFile(path, `${small()}wsdls:\n  /s: { file: wsdl/absent.wsdl }\n`);
    expect(await run(['start', ...ANY])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('absent.wsdl'),
    });
    expect(await json(['start', ...ANY])).toMatchObject({ code: 2, said: { error: { code: 'GW_BAD_WSDL' } } });
  });
});

describe('banyan status', () => {
  test('says what is known of dry runs, and why they are not sent', async () => {
    const answer = {
      generation: 1,
      hash: 'h',
      since: 's',
      rejected: 0,
      lastRejection: null,
      warnings: [],
      upstreams: [],
      stages: {},
      shadows: {
        dryRuns: [
          { route: 'book', state: 'stopped', because: 'it answered 201' },
          { route: 'pay', state: 'proven', because: null },
        ],
      },
    };
    const server = createHttp((_req, res) => res.end(JSON.stringify(answer))).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const { code, out } = await run(['status', '--admin', `127.0.0.1:${(server.address() as AddressInfo).port}`]);
    expect([code, out]).toEqual([0, expect.stringContaining('dry runs   book: stopped, for it answered 201\n')]);
    expect(out).toContain('dry runs   pay: proven\n');
  });

  test('of a facade that does not run exits 2, and says what to do', async () => {
    const free = await taken();
    for (const server of servers.splice(0)) server.close();
    expect(await run(['status', '--admin', free])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('is it running?'),
    });
    expect(await json(['status', '--admin', free])).toMatchObject({
      code: 2,
      said: { error: { code: 'GW_ADMIN_UNREACHABLE' } },
    });
  });

  test.each([
    ['something else that speaks JSON', '{"generation": "none"}'],
    ['something that speaks none', '<html>'],
  ])('of %s exits 2', async (_name, body) => {
    const server = createHttp((_req, res) => res.end(body)).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const admin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await run(['status', '--admin', admin])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('answered, and not as a facade does'),
    });
  });
});

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadService, type SoapService } from '@banyan/gateway/soap/wsdl';
import { ask } from './asking.ts';
import { envelope } from './samples.ts';

// What soap.md calls killers, on the real thing: a plain node-soap server in a process of its own.

const wsdl = fileURLToPath(new URL('../../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));
const program = fileURLToPath(new URL('programs/nodesoap.mjs', import.meta.url));
const NS = 'http://reeferdesk.example/orders/v1';
const XML = { 'Content-Type': 'text/xml; charset=utf-8' };
const call = (name: string, more = ''): string =>
  envelope(`<o:${name} xmlns:o="${NS}"><o:orderId>1</o:orderId>${more}</o:${name}>`);

interface Message {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const message = (body: string | Buffer, headers: Record<string, string> = XML): Message => ({
  headers,
  body: Buffer.from(body),
});
const normal = message(call('GetOrder'));

/** Inputs that end or poison a process, and how. */
const deadly: readonly (readonly [string, Message])[] = [
  ['a body that claims gzip and is not', message(call('GetOrder'), { ...XML, 'Content-Encoding': 'gzip' })],
  [
    'gzip that is cut short',
    message(gzipSync(call('GetOrder')).subarray(0, -10), { ...XML, 'Content-Encoding': 'gzip' }),
  ],
  ['gzip claimed of JSON', message('{}', { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })],
];
const poisonous: readonly (readonly [string, Message])[] = [
  ['an id __proto__', message(call('GetOrder', '<o:x id="__proto__">1</o:x>'))],
  ['an id __proto__ spelt with references', message(call('GetOrder', '<o:x id="_&#95;proto__">1</o:x>'))],
  ['an id __proto__ in a header', message(envelope(`<o:GetOrder xmlns:o="${NS}"/>`, '<x id="__proto__">1</x>'))],
];
/** Odd inputs that do no harm beyond their own answer: they pass. */
const harmless: readonly (readonly [string, Message])[] = [
  ['an id constructor', message(call('GetOrder', '<o:x id="constructor">1</o:x>'))],
  ['an id toString', message(call('GetOrder', '<o:x id="toString">1</o:x>'))],
  ['a reference to __proto__', message(call('GetOrder', '<o:x href="#__proto__"/>'))],
  ['an element constructor', message(call('GetOrder', '<o:constructor>1</o:constructor>'))],
  ['an unknown operation', message(envelope('<constructor/>'))],
  ['UTF-16', message(Buffer.from(`\ufeff${call('GetOrder')}`, 'utf16le'))],
];

describe('a plain node-soap server', () => {
  let service: SoapService;
  let child: ChildProcessWithoutNullStreams;
  let port: number;

  beforeAll(async () => {
    service = await loadService('/soap/OrderService', wsdl);
  });

  beforeEach(async () => {
    child = spawn(process.execPath, [program, wsdl], { stdio: 'pipe' });
    child.stderr.resume();
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    port = Number(/^ready (\d+)/.exec(line.toString())?.[1]);
  });

  afterEach(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  /** Sends it unshielded; the status and body, or `cut` when the connection broke. */
  async function send({ headers, body }: Message): Promise<{ readonly status: number | 'cut'; readonly text: string }> {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: '/soap/OrderService',
      headers,
      agent: false,
    });
    outgoing.end(body);
    try {
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      return { status: response.statusCode ?? 0, text: Buffer.concat(await response.toArray()).toString() };
    } catch {
      return { status: 'cut', text: '' };
    }
  }

  const shielded = async ({ headers, body }: Message): Promise<string> => {
    const answer = await ask({ headers, body, service });
    return answer.kind === 'refused' ? answer.because : answer.kind;
  };

  test('answers a normal call', async () => {
    expect(await send(normal)).toMatchObject({ status: 200, text: expect.stringContaining('GetOrder') });
    expect(await shielded(normal)).toBe('operation');
  });

  test.each(deadly)('is ended by %s, which is refused at the door', async (_what, killer) => {
    const exit = once(child, 'exit');
    expect((await send(killer)).status).toBe('cut');
    const [code] = (await exit) as [number];
    expect(code).not.toBe(0);
    expect(await shielded(killer)).toBe('GW_SOAP_COMPRESSION');
  });

  test.each(poisonous)('answers nobody any more after %s, which is refused at the door', async (_what, poison) => {
    expect((await send(normal)).status).toBe(200);
    await send(poison);
    expect(await send(normal)).toMatchObject({ status: 500 });
    expect(await shielded(poison)).toBe('GW_SOAP_NAME');
  });

  test('lets the header pick the operation and the body its arguments, which is refused at the door', async () => {
    for (const action of [`"${NS}/CancelOrder"`, 'CancelOrder']) {
      const mixed = message(call('GetOrder'), { ...XML, SOAPAction: action });
      expect((await send(mixed)).text).toContain('>CancelOrder<');
      expect(await shielded(mixed)).toBe('GW_SOAP_ACTION');
    }
  });

  test.each(harmless)('lives on after %s, which passes', async (_what, odd) => {
    expect(await shielded(odd)).toBe('operation');
    await send(odd);
    expect(await send(normal)).toMatchObject({ status: 200, text: expect.stringContaining('GetOrder') });
  });

  test('lives through all of it when only what passes is sent on', async () => {
    for (const [, input] of [...deadly, ...poisonous, ...harmless]) {
      if ((await shielded(input)) === 'operation') await send(input);
    }
    expect(await send(normal)).toMatchObject({ status: 200 });
  });
});

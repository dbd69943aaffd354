import { describe, expect, test } from 'vitest';
import { FORWARDERS } from './conform.ts';
import { ask, front, say, upstream, valuesOf, wire, type Handler } from './front.ts';

// The upstream's name and its own addresses, over real connections.

const yaml = (url: string, kind: string, more: string): string =>
  `version: 1\nupstreams:\n  legacy: { url: '${url}', ${more} }\ndefault: legacy\nforwarder: ${kind}\n`;

const redirecting: Handler = (req, res) =>
  res
    .writeHead(302, [
      'Location',
      `http://127.0.0.1:${req.socket.localPort}/next?a=b`,
      'Set-Cookie',
      'a=1; Domain=127.0.0.1; Path=/',
      'Set-Cookie',
      'b=2',
    ])
    .end();

describe.each(FORWARDERS)('through %s', (kind) => {
  test.each([
    ['host: caller', () => 'shop.example:81'],
    ['host: own', (port: number) => `127.0.0.1:${port}`],
    ['host: erp.example', () => 'erp.example'],
  ])('%s: that is what the upstream is told, and x-forwarded-host is the caller’s', async (policy, expected) => {
    const legacy = await upstream();
    const gate = await front(yaml(legacy.url, kind, policy));
    const text = await say(gate.port, 'GET /a HTTP/1.1\r\nHost: shop.example:81\r\nConnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    const raw = legacy.seen[0]?.rawHeaders ?? [];
    expect(valuesOf(raw, 'host')).toEqual([expected(legacy.port)]);
    expect(valuesOf(raw, 'x-forwarded-host')).toEqual(['shop.example:81']);
  });

  test('Location and Set-Cookie come home when asked for, to the host that the caller named', async () => {
    const legacy = await upstream(redirecting);
    const gate = await front(yaml(legacy.url, kind, 'rewrite: [location, cookies]'));
    const { rawHeaders } = await ask(gate.url, { headers: { host: 'shop.example:81' } });
    expect(valuesOf(rawHeaders, 'location')).toEqual(['http://shop.example:81/next?a=b']);
    expect(valuesOf(rawHeaders, 'set-cookie')).toEqual(['a=1; Path=/', 'b=2']);
  });

  test('publicUrl is where a Location leads, when the file names one', async () => {
    const legacy = await upstream(redirecting);
    const gate = await front(`${yaml(legacy.url, kind, 'rewrite: [location]')}publicUrl: https://shop.example/api\n`);
    const { rawHeaders } = await ask(gate.url);
    expect(valuesOf(rawHeaders, 'location')).toEqual(['https://shop.example/api/next?a=b']);
    expect(valuesOf(rawHeaders, 'set-cookie')).toEqual(['a=1; Domain=127.0.0.1; Path=/', 'b=2']);
  });

  test('nothing is rewritten unasked', async () => {
    const legacy = await upstream(redirecting);
    const gate = await front(yaml(legacy.url, kind, 'host: caller'));
    const { rawHeaders } = await ask(gate.url);
    expect(valuesOf(rawHeaders, 'location')).toEqual([`${legacy.url}/next?a=b`]);
    expect(valuesOf(rawHeaders, 'set-cookie')[0]).toContain('Domain=127.0.0.1');
  });
});

test('an upgrade is told the same Host, and when it is declined its Location comes home as well', async () => {
  const legacy = await upstream(redirecting);
  const hosts: (string | undefined)[] = [];
  legacy.server.on('upgrade', (req, socket) => {
    hosts.push(req.headers.host);
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ${legacy.url}/next\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  const gate = await front(yaml(legacy.url, 'direct', 'host: own, rewrite: [location]'));
  const client = await wire(gate.port);
  client.send('GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  await client.sees(/^HTTP\/1\.1 302 [^]*location: http:\/\/shop\.example\/next\r\n/i);
  expect(hosts).toEqual([`127.0.0.1:${legacy.port}`]);
});

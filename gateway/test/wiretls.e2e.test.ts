import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { certify, type Certificate } from './certificate.ts';
import { ask } from './front.ts';
import { startProcess } from './standalone.ts';

// Upstreams over TLS: whom the facade believes. What it trusts is said when its process starts.

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

async function secure(certificate: Certificate, host: string): Promise<number> {
  const server = createServer(certificate, (req, res) => {
    req.resume().once('end', () => res.end(`${req.method} ${req.url}`));
  });
  await once(server.listen(0, host), 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

test('an upstream over TLS is believed when somebody trusted vouches for its name, or its address, and nobody is told anything otherwise', async () => {
  const trusted = certify('localhost', '127.0.0.1', '::1');
  const other = certify('other.example');
  const unknown = certify('localhost', '127.0.0.1');
  const folder = await mkdtemp(join(tmpdir(), 'banyan-tls-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, trusted.cert + other.cert);

  const port = await secure(trusted, '127.0.0.1');
  const upstreams = {
    address: `https://127.0.0.1:${port}`,
    name: `https://localhost:${await secure(trusted, 'localhost')}`,
    // Without IPv6 in this machine, the same once more.
    six: hasIpv6 ? `https://[::1]:${await secure(trusted, '::1')}` : `https://127.0.0.1:${port}`,
    stranger: `https://127.0.0.1:${await secure(unknown, '127.0.0.1')}`,
    misnamed: `https://127.0.0.1:${await secure(other, '127.0.0.1')}`,
  };
  const lines = Object.entries(upstreams).map(([name, url]) => `  ${name}: { url: "${url}" }`);
  const routes = Object.keys(upstreams).flatMap((name) =>
    ['GET', 'POST'].map(
      (method) => `  ${name}-${method.toLowerCase()}: { match: ${method} /${name}/a, stage: new, new: ${name} }`,
    ),
  );
  const yaml = [
    'version: 1',
    'upstreams:',
    `  legacy: { url: "${upstreams.address}" }`,
    ...lines,
    'default: legacy',
    'routes:',
    ...routes,
    '',
  ].join('\n');
  const facade = await startProcess(yaml, [], { env: { NODE_EXTRA_CA_CERTS: ca } });

  for (const name of ['address', 'name', 'six']) {
    for (const method of ['GET', 'POST', 'GET']) {
      const { status, body } = await ask(`${facade.url}/${name}/a`, {
        method,
        body: method === 'POST' ? 'x' : undefined,
      });
      expect([name, status, body.toString()]).toEqual([name, 200, `${method} /${name}/a`]);
    }
  }
  for (const name of ['stranger', 'misnamed']) {
    const { status, body } = await ask(`${facade.url}/${name}/a`, { method: 'POST', body: 'secret' });
    expect([name, status, JSON.parse(body.toString())]).toMatchObject([
      name,
      502,
      { code: 'GW_UPSTREAM_UNREACHABLE', carriedOut: 'no' },
    ]);
  }
});

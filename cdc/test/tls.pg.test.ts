/** The stream over TLS. Skipped where there is no `openssl` to make a certificate. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query, startConnector } from './support/connector.ts';
import { ownServer, type Server } from './support/server.ts';
import { until } from './support/until.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!openssl)('over TLS', () => {
  let server: Server;
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banyan-cdc-tls-'));
    certificate('server', '/CN=localhost', 'subjectAltName=IP:127.0.0.1');
    certificate('other', '/CN=other', 'subjectAltName=DNS:other.example');
    server = await ownServer(['ssl=on', 'ssl_cert_file=server.pem', 'ssl_key_file=server.key'], async (dataDir) => {
      const { uid, gid } = await stat(dataDir);
      for (const file of ['server.pem', 'server.key']) {
        await copyFile(join(folder, file), join(dataDir, file));
        await chmod(join(dataDir, file), 0o600);
        await chown(join(dataDir, file), uid, gid);
      }
    });
    await query(server.url, 'CREATE TABLE things (id int PRIMARY KEY, name text)');
  });

  afterAll(async () => {
    await server.remove();
    await rm(folder, { recursive: true, force: true });
  });

  function certificate(name: string, subject: string, extension: string): void {
    const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)];
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', ...files];
    execFileSync('openssl', [...request, '-subj', subject, '-addext', extension], { stdio: 'ignore' });
  }

  test('rows larger than a TLS record arrive whole, and every connection is encrypted', async () => {
    const settings = { 'database.sslmode': 'verify-full', 'database.sslrootcert': join(folder, 'server.pem') };
    const started = startConnector(server.url, { settings });
    await until('streaming', () => started.connector.phase === 'streaming');
    await query(server.url, `INSERT INTO things SELECT i, repeat('x', 50000) FROM generate_series(1, 200) i`);
    await until('the rows', () => started.sink.events.length === 200);
    const [open] = await query(
      server.url,
      `SELECT bool_and(ssl) AS all FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'banyan-cdc%'`,
    );
    expect(open).toEqual({ all: true });
    await started.stop();
  });

  test('a server that somebody else vouches for is not trusted', async () => {
    const settings = { 'database.sslmode': 'verify-full', 'database.sslrootcert': join(folder, 'other.pem') };
    const started = startConnector(server.url, { settings });
    await until('it to say so', () => /certificate/.test(started.connector.because));
    expect(started.sink.opened).toBe(0);
    await started.stop();
  });
});

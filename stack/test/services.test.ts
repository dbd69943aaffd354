import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@banyan/stack/config';
import { assertBuilt, services, writeCdcConfig, type Urls } from '@banyan/stack/services';
import { afterEach, beforeEach, expect, test } from 'vitest';

const urls: Urls = {
  legacy: 'postgres://legacy:l@h/legacy',
  orders: 'postgres://orders:o@h/orders',
  backbone: 'postgres://backbone:b@h/backbone',
  cdc: 'postgres://cdc:"c: #1"@h/legacy',
};
const given = {
  PATH: '/bin',
  DATABASE_URL_LEGACY: 'postgres://given@h/legacy',
  DATABASE_URL_VOYAGES: 'postgres://given@h/voyages',
  BANYAN_ADMIN_TOKEN: 'secret token',
  BANYAN_WORKERS: '3',
  LEGACY_PORT: '18081',
};
const all = services(readConfig(given, '/home/me'), urls, {
  root: '/repo',
  env: given,
  cdcConfigFile: '/data/cdc.yaml',
});
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-services-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Variables that give access to something. */
function keysOf(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => /^(DATABASE_URL|BANYAN_ADMIN)/.test(name)));
}

test('each service gets its own databases and token, and nothing of another', () => {
  expect(keysOf(all.legacy.env)).toEqual({ DATABASE_URL_LEGACY: urls.legacy });
  expect(keysOf(all.orders.env)).toEqual({ DATABASE_URL_ORDERS: urls.orders, DATABASE_URL_BACKBONE: urls.backbone });
  expect(keysOf(all.cdc.env)).toEqual({});
  expect(keysOf(all.gateway.env)).toEqual({ BANYAN_ADMIN_TOKEN: 'secret token' });
});

test('no secret stands on a command line, where every user of the machine can read it', () => {
  for (const { args } of Object.values(all)) expect(args.join(' ')).not.toMatch(/postgres:\/\/|secret token/);
});

test('all know the ports of all, set or not, so that routing.yaml may name them', () => {
  for (const { env } of Object.values(all)) {
    expect(env).toMatchObject({ PATH: '/bin', LEGACY_PORT: '18081', ORDERS_PORT: '8082', CDC_PORT: '8083' });
    expect(env).toMatchObject({ GATEWAY_PORT: '8080', ADMIN_PORT: '9090' });
  }
});

test('the facade gets its file, its addresses and its workers', () => {
  expect(all.gateway.args).toEqual([
    '--max-semi-space-size=32',
    '/repo/gateway/dist/main.js',
    'start',
    '--routing',
    '/home/me/routing.yaml',
    '--listen',
    '127.0.0.1:8080',
    '--admin',
    '127.0.0.1:9090',
  ]);
  expect(all.gateway.env['BANYAN_WORKERS']).toBe('3');
  expect(all.gateway.readyUrl).toBe('http://127.0.0.1:9090/readyz');
});

test("the connector's file holds its login, whatever characters it has, for its owner's eyes only", async () => {
  const file = await writeCdcConfig(folder, urls, 8083);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readFile(file, 'utf8')).split('\n')).toEqual([
    '# Written by the stack at each start.',
    String.raw`database: "postgres://cdc:\"c: #1\"@h/legacy"`,
    'slot: "banyan_legacy"',
    'publication: "banyan_legacy"',
    'tables: ["public.*"]',
    'topicPrefix: "legacy"',
    'snapshot: "when_needed"',
    'sink: "log"',
    'log: "postgres://backbone:b@h/backbone"',
    'listen: "127.0.0.1:8083"',
    '',
  ]);
});

test('a program that was not compiled is named, with the command that compiles it', () => {
  expect(() => assertBuilt(folder)).toThrow(
    `${join(folder, 'legacy-monolith/dist/main.js')} is missing: legacy has not been built. Run "npm run build".`,
  );
});

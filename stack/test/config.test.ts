import { isEmbedded, readConfig } from '@banyan/stack/config';
import { StackError } from '@banyan/stack/errors';
import { expect, test } from 'vitest';

function problemsOf(env: Record<string, string>): string {
  try {
    readConfig(env, '/home/me');
  } catch (error) {
    if (error instanceof StackError && error.code === 'STACK_BAD_CONFIG') return error.message;
    throw error;
  }
  return '';
}

test('an empty environment gives the ports and places of the contract', () => {
  expect(readConfig({}, '/home/me')).toEqual({
    ports: { gateway: 8080, admin: 9090, legacy: 8081, orders: 8082, cdc: 8083, postgres: 54_329 },
    databaseUrls: { legacy: null, orders: null, backbone: null },
    dataDir: '/home/me/.data',
    routingFile: '/home/me/routing.yaml',
    workers: 1,
    adminToken: null,
    notices: [],
  });
});

test('every variable is used', () => {
  const config = readConfig(
    {
      GATEWAY_PORT: '1',
      ADMIN_PORT: '2',
      LEGACY_PORT: '3',
      ORDERS_PORT: '4',
      CDC_PORT: '5',
      POSTGRES_PORT: '6',
      DATA_DIR: 'data',
      ROUTING_FILE: '/etc/routing.yaml',
      BANYAN_WORKERS: '4',
      BANYAN_ADMIN_TOKEN: 't',
      DATABASE_URL_LEGACY: 'postgres://u@h/l',
      DATABASE_URL_ORDERS: 'postgresql://u@h/o',
      DATABASE_URL_BACKBONE: 'postgres://u@h/b',
    },
    '/home/me',
  );
  expect(config).toEqual({
    ports: { gateway: 1, admin: 2, legacy: 3, orders: 4, cdc: 5, postgres: 6 },
    databaseUrls: { legacy: 'postgres://u@h/l', orders: 'postgresql://u@h/o', backbone: 'postgres://u@h/b' },
    dataDir: '/home/me/data',
    routingFile: '/etc/routing.yaml',
    workers: 4,
    adminToken: 't',
    notices: [],
  });
  expect(isEmbedded(config.databaseUrls)).toBe(false);
  expect(isEmbedded({ ...config.databaseUrls, orders: null })).toBe(true);
});

test('all that is wrong is said at once, by name', () => {
  const problems = problemsOf({
    GATEWAY_PORT: '80a',
    ADMIN_PORT: '0',
    CDC_PORT: '65536',
    BANYAN_WORKERS: '-1',
    DATABASE_URL_ORDERS: 'mysql://h/o',
    KAFKA_BROKERS: 'localhost:9092',
  });
  for (const name of [
    'GATEWAY_PORT',
    'ADMIN_PORT',
    'CDC_PORT',
    'BANYAN_WORKERS',
    'DATABASE_URL_ORDERS',
    'KAFKA_BROKERS',
  ])
    expect(problems).toContain(`  ${name}: `);
});

test('a URL that cannot be read is not repeated: it may hold a password', () => {
  const problems = problemsOf({ DATABASE_URL_LEGACY: 'postgres//u:hunter2@h' });
  expect(problems).toContain('DATABASE_URL_LEGACY');
  expect(problems).not.toContain('hunter2');
});

test('two parts on one port are found before anything listens', () => {
  expect(problemsOf({ ADMIN_PORT: '8081' })).toContain('LEGACY_PORT: 8081 is ADMIN_PORT already');
  expect(problemsOf({ POSTGRES_PORT: '8080' })).toContain('POSTGRES_PORT: 8080 is GATEWAY_PORT already');
});

test('the port of a Postgres that is not started collides with nothing', () => {
  const urls = { DATABASE_URL_LEGACY: 'postgres://h/l', DATABASE_URL_ORDERS: 'postgres://h/o' };
  expect(problemsOf({ ...urls, DATABASE_URL_BACKBONE: 'postgres://h/b', POSTGRES_PORT: '8080' })).toBe('');
});

test('what is not there yet is named rather than passed over', () => {
  const { notices } = readConfig({ VOYAGES_PORT: '8084' }, '/');
  expect(notices).toEqual(['VOYAGES_PORT is set, but its service is not part of the stack yet']);
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '@banyan/cdc/config';

const least = `
database: postgres://cdc:secret@localhost:5432/legacy
tables: [public.*]
topicPrefix: legacy
sink: stdout
checkpoint: /tmp/position
`;

function problems(text: string, environment: Record<string, string> = {}): string[] {
  try {
    readConfig(text, 'cdc.yaml', environment);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

describe('a configuration', () => {
  test('needs little, and says what the rest is', () => {
    const config = readConfig(least, 'cdc.yaml', {});
    expect(config.database).toMatchObject({
      host: 'localhost',
      port: 5432,
      user: 'cdc',
      database: 'legacy',
      ssl: false,
    });
    expect(config).toMatchObject({ slot: 'banyan', publication: 'banyan', snapshot: 'initial', transactions: false });
    expect(config.modes).toMatchObject({ decimal: 'string', binary: 'bytes', interval: 'numeric' });
    expect(config.skipped.size).toBe(0);
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 8083 });
  });

  test('takes what it must not contain from the environment', () => {
    const text = least.replace('secret', '${PASSWORD}') + 'listen: 127.0.0.1:${PORT}\nsnapshot.fetch.size: ${ROWS}\n';
    const config = readConfig(text, 'cdc.yaml', { PASSWORD: 'p%40ss', PORT: '0', ROWS: '500' });
    expect([config.database.password, config.listen.port, config.fetchRows]).toEqual(['p@ss', 0, 500]);
    expect(problems(text)).toEqual([
      'cdc.yaml:2:11: ${PASSWORD} is not set in the environment',
      'cdc.yaml:7:9: ${PORT} is not set in the environment',
      'cdc.yaml:8:22: ${ROWS} is not set in the environment',
    ]);
    expect(
      readConfig(
        least.replace('/tmp/position', () => '$${HOME}'),
        'f',
        {},
      ).sink,
    ).toMatchObject({
      checkpoint: '${HOME}',
    });
  });

  test('with many mistakes has all of them told, each with its place', () => {
    const text = `
database: mysql://localhost/x
slot: Not-Good
tabels: [public.*]
tables: [orders, public.*]
topicPrefix: "spaced out"
snapshot: sometimes
sink: stdout
decimal.handling.mode: exact
skipped.operations: x
listen: nowhere
tombstones.on.delete: perhaps
`;
    expect(problems(text).map((line) => line.replace(/ \(.*/, ''))).toEqual([
      'cdc.yaml:1:1: checkpoint: is missing: "sink: stdout" keeps its position in a file',
      'cdc.yaml:2:1: database: not a URL of the form postgres://user:password@host:port/database',
      'cdc.yaml:3:1: slot: lower-case letters, digits and underscores only',
      'cdc.yaml:4:1: unknown key "tabels"; did you mean "tables"?',
      'cdc.yaml:5:1: tables[0]: must be schema.table, such as public.*',
      'cdc.yaml:6:1: topicPrefix: letters, digits, ".", "_" and "-" only',
      'cdc.yaml:7:1: snapshot: Invalid option: expected one of "initial"|"never"|"when_needed"',
      'cdc.yaml:9:1: decimal.handling.mode: Invalid option: expected one of "string"|"precise"|"double"',
      'cdc.yaml:10:1: skipped.operations: "none", or some of c, u, d, t',
      'cdc.yaml:11:1: listen: must be HOST:PORT, such as 127.0.0.1:8083',
      'cdc.yaml:12:1: tombstones.on.delete: Invalid input: expected boolean, received string',
    ]);
  });

  test('that is no YAML, or empty, says so', () => {
    expect(problems('tables: [')[0]).toMatch(/^cdc.yaml:\d+:\d+: /);
    expect(problems('')).toContain('cdc.yaml:1:1: database: is missing');
    expect(problems(`${least}sink: log\n`)[0]).toContain('Map keys must be unique');
  });

  test('for a sink that is not there yet is refused by name', () => {
    expect(problems(least.replace('sink: stdout', 'sink: kafka'))[0]).toContain('"kafka" is not supported yet');
    expect(problems(least.replace('sink: stdout', 'sink: log'))[0]).toContain('log: is missing');
  });

  test('never shows a password', () => {
    const shown = problems(least.replace('localhost', '').replace('stdout', 'nothing')).join('\n');
    expect(shown).not.toBe('');
    expect(shown).not.toContain('secret');
  });
});

describe('the way in', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banyan-cdc-'));
    await writeFile(join(folder, 'password'), 'from a file\n');
    await writeFile(join(folder, 'ca.pem'), 'not checked here');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('a password can be in a file, and then only there', () => {
    const file = `database.password.file: ${join(folder, 'password')}\n`;
    expect(readConfig(least.replace(':secret', '') + file, 'f', {}).database.password).toBe('from a file');
    expect(problems(least + file)[0]).toContain('the password is given twice');
    expect(problems(`${least}database.password.file: ${join(folder, 'none')}\n`)[0]).toContain('ENOENT');
  });

  test.each([
    ['disable', false],
    ['require', { rejectUnauthorized: false }],
    ['verify-full', {}],
  ])('TLS mode %s', (mode, expected) => {
    const inKey = readConfig(`${least}database.sslmode: ${mode}\n`, 'f', {}).database.ssl;
    const inUrl = readConfig(least.replace('/legacy', `/legacy?sslmode=${mode}`), 'f', {}).database.ssl;
    expect([inKey, inUrl]).toEqual([expected, expected]);
  });

  test('a certificate of one’s own is read, and verify-ca does not look at the name', () => {
    const text = `${least}database.sslmode: verify-ca\ndatabase.sslrootcert: ${join(folder, 'ca.pem')}\n`;
    const { ssl } = readConfig(text, 'f', {}).database;
    expect(ssl).toMatchObject({ ca: Buffer.from('not checked here') });
    expect((ssl as { checkServerIdentity: () => unknown }).checkServerIdentity()).toBeUndefined();
  });

  test('what the URL says and nobody understands is refused', () => {
    expect(problems(least.replace('/legacy', '/legacy?sslmod=require'))[0]).toContain('"sslmod" is not supported');
    expect(problems(least.replace('/legacy', '/legacy?sslmode=prefer'))[0]).toContain('"prefer" is not supported');
  });
});
